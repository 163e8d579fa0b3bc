// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title The protocol's clock: rounds of a fixed number of blocks
interface IRoundsManager {
    event NewRound(uint256 indexed round, bytes32 blockHash);

    /// Opens the current round; anyone may, once per round.
    function initializeRound() external;

    function lipUpgradeRound(uint256 _lip) external view returns (uint256);

    function blockNum() external view returns (uint256);

    function blockHash(uint256 _block) external view returns (bytes32);

    /// The hash recorded when `_round` was initialized; zero for a round that never was.
    function blockHashForRound(uint256 _round) external view returns (bytes32);

    function currentRound() external view returns (uint256);

    function currentRoundStartBlock() external view returns (uint256);

    function currentRoundInitialized() external view returns (bool);

    function currentRoundLocked() external view returns (bool);
}
