// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {IController} from "./IController.sol";
import {IManager} from "./IManager.sol";
import {Pausable} from "./Pausable.sol";

/// @title The registry of the protocol, its switch and its owner
/// @notice Born paused, so that nobody acts on a system that is half there.
contract Controller is Pausable, IController {
    struct ContractInfo {
        address contractAddress;
        bytes20 gitCommitHash;
    }

    /// @dev By the hash of the role's name
    mapping(bytes32 => ContractInfo) private registry;

    constructor() {
        paused = true;
    }

    /// @inheritdoc IController
    function setContractInfo(bytes32 _id, address _contractAddress, bytes20 _gitCommitHash)
        external
        override
        onlyOwner
    {
        registry[_id] = ContractInfo(_contractAddress, _gitCommitHash);
        emit SetContractInfo(_id, _contractAddress, _gitCommitHash);
    }

    /// @inheritdoc IController
    function updateController(bytes32 _id, address _controller) external override onlyOwner {
        IManager(registry[_id].contractAddress).setController(_controller);
    }

    /// @notice The contract of a role, and the commit it was built from
    function getContractInfo(bytes32 _id) public view returns (address, bytes20) {
        ContractInfo storage info = registry[_id];
        return (info.contractAddress, info.gitCommitHash);
    }

    /// @inheritdoc IController
    function getContract(bytes32 _id) public view override returns (address) {
        return registry[_id].contractAddress;
    }
}
