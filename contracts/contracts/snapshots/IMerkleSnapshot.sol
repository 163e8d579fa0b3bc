// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

/// @title Lists of the past, by the root of their Merkle tree
interface IMerkleSnapshot {
    /// @notice Whether a leaf stands in a list
    function verify(bytes32 _id, bytes32[] calldata _proof, bytes32 _leaf) external view returns (bool);
}
