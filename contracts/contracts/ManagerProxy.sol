// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {ManagerProxyTarget} from "./ManagerProxyTarget.sol";
import {Manager} from "./Manager.sol";

/// @title Runs whatever implementation the Controller names for a role
/// @notice An upgrade is a new name in the registry; it counts from the next call on.
contract ManagerProxy is ManagerProxyTarget {
    constructor(address _controller, bytes32 _targetContractId) Manager(_controller) {
        targetContractId = _targetContractId;
    }

    receive() external payable {
        _delegate();
    }

    fallback() external payable {
        _delegate();
    }

    /// @dev Answers with what the implementation answers, byte for byte
    function _delegate() private {
        address target = controller.getContract(targetContractId);
        require(target != address(0), "target contract must be registered");
        assembly ("memory-safe") {
            // Nothing runs after this, so memory may be used from its start.
            calldatacopy(0, 0, calldatasize())
            let succeeded := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch succeeded
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
