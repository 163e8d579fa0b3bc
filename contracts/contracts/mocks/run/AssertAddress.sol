// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Comparisons of addresses whose outcome is an event, for tests that run as transactions
library AssertAddress {
    event TestEvent(bool indexed result, string message);

    function equal(address _a, address _b, string memory _message) external returns (bool result) {
        result = _a == _b;
        _report(result, _message);
    }

    function notEqual(address _a, address _b, string memory _message) external returns (bool result) {
        result = _a != _b;
        _report(result, _message);
    }

    function isZero(address _a, string memory _message) external returns (bool result) {
        result = _a == address(0);
        _report(result, _message);
    }

    function isNotZero(address _a, string memory _message) external returns (bool result) {
        result = _a != address(0);
        _report(result, _message);
    }

    function _report(bool _result, string memory _message) private {
        emit TestEvent(_result, _result ? "" : _message);
    }
}
