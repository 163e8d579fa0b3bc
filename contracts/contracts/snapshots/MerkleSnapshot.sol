// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Manager} from "../Manager.sol";
import {IMerkleSnapshot} from "./IMerkleSnapshot.sol";

/// @title Lists of the past, by the root of their Merkle tree
/// @dev Leaves are not hashed again: callers hash data that is not 64 bytes long.
contract MerkleSnapshot is Manager, IMerkleSnapshot {
    /// @notice The root of a list
    mapping(bytes32 => bytes32) public snapshot;

    constructor(address _controller) Manager(_controller) {}

    /// @notice Sets the root of a list
    function setSnapshot(bytes32 _id, bytes32 _root) external onlyControllerOwner {
        snapshot[_id] = _root;
    }

    /// @inheritdoc IMerkleSnapshot
    function verify(bytes32 _id, bytes32[] calldata _proof, bytes32 _leaf) external view override returns (bool) {
        return MerkleProof.verifyCalldata(_proof, snapshot[_id], _leaf);
    }
}
