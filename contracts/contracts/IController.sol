// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {Pausable} from "./Pausable.sol";

/// @title The registry of the protocol: which contract has which role
abstract contract IController is Pausable {
    event SetContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash);

    /// @notice Names a contract, or another one, for a role
    function setContractInfo(bytes32 _id, address _contractAddress, bytes20 _gitCommitHash) external virtual;

    /// @notice Tells a registered contract to follow another Controller
    function updateController(bytes32 _id, address _controller) external virtual;

    /// @notice The contract of a role, zero where there is none
    function getContract(bytes32 _id) public view virtual returns (address);
}
