// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Comparisons of numbers whose outcome is an event, for tests that run as transactions
library AssertUint {
    event TestEvent(bool indexed result, string message);

    function equal(uint256 _a, uint256 _b, string memory _message) external returns (bool result) {
        result = _a == _b;
        _report(result, _message);
    }

    function notEqual(uint256 _a, uint256 _b, string memory _message) external returns (bool result) {
        result = _a != _b;
        _report(result, _message);
    }

    function isAbove(uint256 _a, uint256 _b, string memory _message) external returns (bool result) {
        result = _a > _b;
        _report(result, _message);
    }

    function isAtLeast(uint256 _a, uint256 _b, string memory _message) external returns (bool result) {
        result = _a >= _b;
        _report(result, _message);
    }

    function isBelow(uint256 _a, uint256 _b, string memory _message) external returns (bool result) {
        result = _a < _b;
        _report(result, _message);
    }

    function isAtMost(uint256 _a, uint256 _b, string memory _message) external returns (bool result) {
        result = _a <= _b;
        _report(result, _message);
    }

    function isZero(uint256 _a, string memory _message) external returns (bool result) {
        result = _a == 0;
        _report(result, _message);
    }

    function isNotZero(uint256 _a, string memory _message) external returns (bool result) {
        result = _a != 0;
        _report(result, _message);
    }

    function _report(bool _result, string memory _message) private {
        emit TestEvent(_result, _result ? "" : _message);
    }
}
