// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {LivepeerGovernor} from "../treasury/LivepeerGovernor.sol";

/// @title What LivepeerGovernor may be upgraded to: state of its own behind that of the first one
contract LivepeerGovernorUpgradeMock is LivepeerGovernor {
    uint256 public customField;

    constructor(address _controller) LivepeerGovernor(_controller) {}

    function setCustomField(uint256 _customField) external {
        customField = _customField;
    }
}
