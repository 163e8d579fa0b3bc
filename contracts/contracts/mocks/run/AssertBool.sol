// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Comparisons of truth values whose outcome is an event, for tests that run as transactions
library AssertBool {
    event TestEvent(bool indexed result, string message);

    function equal(bool _a, bool _b, string memory _message) external returns (bool result) {
        result = _a == _b;
        _report(result, _message);
    }

    function notEqual(bool _a, bool _b, string memory _message) external returns (bool result) {
        result = _a != _b;
        _report(result, _message);
    }

    function isTrue(bool _a, string memory _message) external returns (bool result) {
        result = _a;
        _report(result, _message);
    }

    function isFalse(bool _a, string memory _message) external returns (bool result) {
        result = !_a;
        _report(result, _message);
    }

    function _report(bool _result, string memory _message) private {
        emit TestEvent(_result, _result ? "" : _message);
    }
}
