// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title A number that can be set, until it is told to refuse
contract SetUint256 {
    uint256 public i;
    bool private shouldFail;

    function setUint256(uint256 _i) external payable {
        require(!shouldFail, "I should fail");
        i = _i;
    }

    function setShouldFail(bool _shouldFail) external {
        shouldFail = _shouldFail;
    }
}
