// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IController} from "./IController.sol";
import {Manager} from "./Manager.sol";

/// @title Runs whatever implementation the Controller names for a role
/// @notice An upgrade is a new name in the registry; it counts from the next call on.
contract ManagerProxy is Manager {
    /// @notice The role under which it finds its implementation
    bytes32 public immutable targetContractId;

    constructor(address _controller, bytes32 _targetContractId) Manager(_controller) {
        targetContractId = _targetContractId;
    }

    receive() external payable {
        _delegate();
    }

    fallback() external payable {
        _delegate();
    }

    /// @dev Answers with what the implementation answers, byte for byte. In assembly, for every call of the protocol
    /// goes through here, some of them ten times in a transaction.
    function _delegate() private {
        bytes32 id = targetContractId;
        bytes4 getContract = IController.getContract.selector;
        address target;
        assembly ("memory-safe") {
            // What it asks and what it hears fits the two words that are free for such use.
            mstore(0, getContract)
            mstore(4, id)
            let asked := staticcall(gas(), and(sload(controller.slot), sub(shl(160, 1), 1)), 0, 36, 0, 32)
            // A Controller without code answers nothing.
            if iszero(and(asked, gt(returndatasize(), 31))) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
            target := mload(0)
        }
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
