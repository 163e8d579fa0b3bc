// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IBondingManager} from "../bonding/IBondingManager.sol";
import {MathUtils} from "../libraries/MathUtils.sol";
import {ManagerProxyTarget} from "../ManagerProxyTarget.sol";
import {Manager} from "../Manager.sol";
import {IMinter} from "../token/IMinter.sol";
import {IRoundsManager} from "./IRoundsManager.sol";

/// @title RoundsManager
/// @notice Counts rounds from the block number and opens each of them once.
/// @dev Round numbers never go backwards: a new round length counts from the block at which the round that was
/// running when it was set began.
contract RoundsManager is ManagerProxyTarget, IRoundsManager {
    /// What every reader of the clock needs, in one slot.
    struct Clock {
        uint64 roundLength; // blocks
        uint64 lastInitializedRound;
        uint64 lengthSetRound; // the round in which roundLength was last set
        uint64 lengthSetStartBlock; // first block of that round
    }

    Clock private clock;

    /// Share of a round, at its end and in parts per million, in which orchestrators cannot change their rates.
    uint256 public roundLockAmount;

    mapping(uint256 round => bytes32) private hashOfRound;

    /// @inheritdoc IRoundsManager
    mapping(uint256 => uint256) public lipUpgradeRound;

    constructor(address _controller) Manager(_controller) {}

    /// Sets the number of blocks in a round. The running round keeps its number and its first block.
    function setRoundLength(uint256 _roundLength) external onlyControllerOwner {
        require(_roundLength > 0, "round length cannot be 0");
        uint64 length = _toUint64(_roundLength);

        // There is no old length the first time: the new one numbers the rounds since block zero.
        if (clock.roundLength == 0) clock.roundLength = length;
        uint256 round = _roundAt(clock, blockNum());
        uint256 startBlock = _startBlockAt(clock, blockNum());

        clock.lengthSetRound = _toUint64(round);
        clock.lengthSetStartBlock = _toUint64(startBlock);
        clock.roundLength = length;
        emit ParameterUpdate("roundLength");
    }

    /// Sets the locked share of a round, in parts per million.
    function setRoundLockAmount(uint256 _roundLockAmount) external onlyControllerOwner {
        require(MathUtils.validPerc(_roundLockAmount), "round lock amount must be a valid percentage");
        roundLockAmount = _roundLockAmount;
        emit ParameterUpdate("roundLockAmount");
    }

    /// Records the round in which an improvement proposal took effect. It cannot be changed afterwards.
    function setLIPUpgradeRound(uint256 _lip, uint256 _round) external onlyControllerOwner {
        require(lipUpgradeRound[_lip] == 0, "LIP upgrade round already set");
        lipUpgradeRound[_lip] = _round;
    }

    /// @inheritdoc IRoundsManager
    function initializeRound() external whenSystemNotPaused {
        uint256 block_ = blockNum();
        uint256 round = _roundAt(clock, block_);
        require(clock.lastInitializedRound < round, "round already initialized");

        clock.lastInitializedRound = _toUint64(round);
        bytes32 roundHash = blockHash(block_ - 1);
        hashOfRound[round] = roundHash;

        // The stake first: the Minter compares it with the supply.
        IBondingManager(controller.getContract(keccak256("BondingManager"))).setCurrentRoundTotalActiveStake();
        IMinter(controller.getContract(keccak256("Minter"))).setCurrentRewardTokens();
        emit NewRound(round, roundHash);
    }

    function roundLength() external view returns (uint256) {
        return clock.roundLength;
    }

    function lastInitializedRound() external view returns (uint256) {
        return clock.lastInitializedRound;
    }

    function lastRoundLengthUpdateRound() external view returns (uint256) {
        return clock.lengthSetRound;
    }

    function lastRoundLengthUpdateStartBlock() external view returns (uint256) {
        return clock.lengthSetStartBlock;
    }

    /// @inheritdoc IRoundsManager
    function blockHashForRound(uint256 _round) external view returns (bytes32) {
        return hashOfRound[_round];
    }

    /// @inheritdoc IRoundsManager
    function currentRoundInitialized() external view returns (bool) {
        return clock.lastInitializedRound == _roundAt(clock, blockNum());
    }

    /// @inheritdoc IRoundsManager
    function currentRoundLocked() external view returns (bool) {
        uint256 lockedBlocks = MathUtils.percOf(clock.roundLength, roundLockAmount);
        return blockNum() - _startBlockAt(clock, blockNum()) >= clock.roundLength - lockedBlocks;
    }

    /// @inheritdoc IRoundsManager
    function currentRound() external view returns (uint256) {
        return _roundAt(clock, blockNum());
    }

    /// @inheritdoc IRoundsManager
    function currentRoundStartBlock() external view returns (uint256) {
        return _startBlockAt(clock, blockNum());
    }

    /// @inheritdoc IRoundsManager
    function blockNum() public view virtual returns (uint256) {
        return block.number;
    }

    /// @inheritdoc IRoundsManager
    function blockHash(uint256 _block) public view virtual returns (bytes32) {
        uint256 present = blockNum();
        require(_block < present, "can only retrieve past block hashes");
        require(present < 256 || _block >= present - 256, "can only retrieve hashes for last 256 blocks");
        return blockhash(_block);
    }

    function _roundAt(Clock storage c, uint256 _block) private view returns (uint256) {
        return c.lengthSetRound + (_block - c.lengthSetStartBlock) / c.roundLength;
    }

    function _startBlockAt(Clock storage c, uint256 _block) private view returns (uint256) {
        uint256 rounds = (_block - c.lengthSetStartBlock) / c.roundLength;
        return c.lengthSetStartBlock + rounds * c.roundLength;
    }

    function _toUint64(uint256 _value) private pure returns (uint64) {
        require(_value <= type(uint64).max, "value exceeds 64 bits");
        return uint64(_value);
    }
}
