// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {SortedDoublyLL} from "../libraries/SortedDoublyLL.sol";
import {ManagerProxyTarget} from "../ManagerProxyTarget.sol";
import {IRoundsManager} from "../rounds/IRoundsManager.sol";
import {IMinter} from "../token/IMinter.sol";
import {IBondingManager} from "./IBondingManager.sol";
import {IBondingVotes} from "./IBondingVotes.sol";
import {EarningsPool} from "./libraries/EarningsPool.sol";

/// @title What the BondingManager stores, its plain getters and its guards
/// @dev What an operation writes together shares a slot. LPT has 96, ETH 88 or 128 and a round 32 bits; `Narrow` checks.
abstract contract BondingState is ManagerProxyTarget, IBondingManager {
    enum TranscoderStatus {
        NotRegistered,
        Registered
    }

    enum DelegatorStatus {
        Pending,
        Bonded,
        Unbonded
    }

    struct UnbondingLock {
        uint96 amount;
        uint160 withdrawRound; // zero: there is no such lock
    }

    struct Delegator {
        address delegateAddress;
        uint96 bondedAmount;
        uint96 delegatedAmount; // what is bonded to this account, by itself and others
        uint32 startRound; // the bond counts as pending before it
        uint32 lastClaimRound;
        uint88 fees;
        bool rewarded; // ever: Transcoder.lastRewardRound of most accounts need not be looked at
        uint64 nextUnbondingLockId;
        mapping(uint256 lockId => UnbondingLock) unbondingLocks;
    }

    struct Transcoder {
        uint32 lastRewardRound;
        uint32 lastActiveStakeUpdateRound; // may be the next round
        uint32 activationRound;
        uint32 deactivationRound; // NEVER while in the pool
        uint32 lastFeeRound;
        uint24 rewardCut; // parts per million of rewards kept
        uint24 feeShare; // parts per million of fees passed on
        bool stakeUnrecorded; // of lastActiveStakeUpdateRound; see _totalStakeAt
        uint96 cumulativeRewards; // own rewards not yet claimed
        uint128 cumulativeFees; // own fees not yet claimed
        mapping(uint256 round => EarningsPool.Data) earningsPoolPerRound;
    }

    /// What an operation asks others for, once.
    struct Context {
        uint256 round;
        IBondingVotes votes;
    }

    /// Neighbours between which an account is expected in the pool; zero where not known.
    struct Hint {
        address prev;
        address next;
    }

    uint32 internal constant NEVER = type(uint32).max;

    // Beside the Controller, which every operation reads: what every change of stake writes.
    uint96 internal nextTotalStake;

    // One slot: what every reward reads. The cut is in parts of 10^27, at most 90 bits.
    uint96 internal currentTotalStake;
    uint96 internal treasuryCut;
    uint64 public unbondingPeriod;

    mapping(address account => Delegator) internal delegators;
    mapping(address account => Transcoder) internal transcoders;
    SortedDoublyLL.Data internal transcoderPool;

    uint96 internal nextTreasuryCut;

    /// Treasury balance from which on rewards contribute nothing to it; zero for none.
    uint256 public treasuryBalanceCeiling;

    modifier onlyTicketBroker() {
        require(msg.sender == _registered(keccak256("TicketBroker")), "caller must be TicketBroker");
        _;
    }

    modifier onlyRoundsManager() {
        require(msg.sender == _registered(keccak256("RoundsManager")), "caller must be RoundsManager");
        _;
    }

    modifier onlyVerifier() {
        require(msg.sender == _registered(keccak256("Verifier")), "caller must be Verifier");
        _;
    }

    /// Stored values, without what is pending.
    function getDelegator(address _delegator)
        external
        view
        returns (
            uint256 bondedAmount,
            uint256 fees,
            address delegateAddress,
            uint256 delegatedAmount,
            uint256 startRound,
            uint256 lastClaimRound,
            uint256 nextUnbondingLockId
        )
    {
        Delegator storage del = delegators[_delegator];
        bondedAmount = del.bondedAmount;
        fees = del.fees;
        delegateAddress = del.delegateAddress;
        delegatedAmount = del.delegatedAmount;
        startRound = del.startRound;
        lastClaimRound = del.lastClaimRound;
        nextUnbondingLockId = del.nextUnbondingLockId;
    }

    function getDelegatorUnbondingLock(address _delegator, uint256 _unbondingLockId)
        external
        view
        returns (uint256 amount, uint256 withdrawRound)
    {
        UnbondingLock storage lock = delegators[_delegator].unbondingLocks[_unbondingLockId];
        return (lock.amount, lock.withdrawRound);
    }

    function getTranscoder(address _transcoder)
        external
        view
        returns (
            uint256 lastRewardRound,
            uint256 rewardCut,
            uint256 feeShare,
            uint256 lastActiveStakeUpdateRound,
            uint256 activationRound,
            uint256 deactivationRound,
            uint256 activeCumulativeRewards,
            uint256 cumulativeRewards,
            uint256 cumulativeFees,
            uint256 lastFeeRound
        )
    {
        Transcoder storage t = transcoders[_transcoder];
        lastRewardRound = t.lastRewardRound;
        rewardCut = t.rewardCut;
        feeShare = t.feeShare;
        lastActiveStakeUpdateRound = t.lastActiveStakeUpdateRound;
        activationRound = t.activationRound;
        deactivationRound = t.deactivationRound == NEVER ? type(uint256).max : t.deactivationRound;
        activeCumulativeRewards = t.earningsPoolPerRound[t.lastRewardRound].activeCumulativeRewards;
        cumulativeRewards = t.cumulativeRewards;
        cumulativeFees = t.cumulativeFees;
        lastFeeRound = t.lastFeeRound;
    }

    /// @inheritdoc IBondingManager
    function getTranscoderEarningsPoolForRound(address _transcoder, uint256 _round)
        external
        view
        returns (
            uint256 totalStake,
            uint256 transcoderRewardCut,
            uint256 transcoderFeeShare,
            uint256 cumulativeRewardFactor,
            uint256 cumulativeFeeFactor
        )
    {
        EarningsPool.Data storage pool = transcoders[_transcoder].earningsPoolPerRound[_round];
        totalStake = _totalStakeAt(_transcoder, _round);
        transcoderRewardCut = pool.transcoderRewardCut;
        transcoderFeeShare = pool.transcoderFeeShare;
        cumulativeRewardFactor = pool.cumulativeRewardFactor;
        cumulativeFeeFactor = pool.cumulativeFeeFactor;
    }

    /// @inheritdoc IBondingManager
    function transcoderTotalStake(address _transcoder) external view returns (uint256) {
        return delegators[_transcoder].delegatedAmount;
    }

    function transcoderStatus(address _transcoder) external view returns (TranscoderStatus) {
        return isRegisteredTranscoder(_transcoder) ? TranscoderStatus.Registered : TranscoderStatus.NotRegistered;
    }

    function delegatorStatus(address _delegator) external view returns (DelegatorStatus) {
        return _status(delegators[_delegator], _roundsManager().currentRound());
    }

    /// @inheritdoc IBondingManager
    function isActiveTranscoder(address _transcoder) external view returns (bool) {
        return _isActive(transcoders[_transcoder], _roundsManager().currentRound());
    }

    function isValidUnbondingLock(address _delegator, uint256 _unbondingLockId) external view returns (bool) {
        return delegators[_delegator].unbondingLocks[_unbondingLockId].withdrawRound > 0;
    }

    function getTranscoderPoolMaxSize() external view returns (uint256) {
        return transcoderPool.maxSize;
    }

    /// @inheritdoc IBondingManager
    function getTranscoderPoolSize() external view returns (uint256) {
        return transcoderPool.size;
    }

    /// The orchestrator with the most stake.
    function getFirstTranscoderInPool() external view returns (address) {
        return transcoderPool.head;
    }

    function getNextTranscoderInPool(address _transcoder) external view returns (address) {
        return transcoderPool.nodes[_transcoder].nextId;
    }

    /// @inheritdoc IBondingManager
    function getTotalBonded() external view returns (uint256) {
        return currentTotalStake;
    }

    function currentRoundTotalActiveStake() external view returns (uint256) {
        return currentTotalStake;
    }

    /// @inheritdoc IBondingManager
    function nextRoundTotalActiveStake() external view returns (uint256) {
        return nextTotalStake;
    }

    /// Share of this round's rewards that goes to the treasury, in parts of 10^27.
    function treasuryRewardCutRate() external view returns (uint256) {
        return treasuryCut;
    }

    function nextRoundTreasuryRewardCutRate() external view returns (uint256) {
        return nextTreasuryCut;
    }

    /// Whether the account bonds to itself, in the pool or not.
    function isRegisteredTranscoder(address _transcoder) public view returns (bool) {
        Delegator storage del = delegators[_transcoder];
        return del.delegateAddress == _transcoder && del.bondedAmount > 0;
    }

    function _status(Delegator storage _del, uint256 _round) internal view returns (DelegatorStatus) {
        if (_del.bondedAmount == 0) return DelegatorStatus.Unbonded;
        return _del.startRound > _round ? DelegatorStatus.Pending : DelegatorStatus.Bonded;
    }

    /// The round of the account's last reward; zero for never.
    function _lastRewardRound(address _account) internal view returns (uint256) {
        return delegators[_account].rewarded ? transcoders[_account].lastRewardRound : 0;
    }

    /// The stake that earns in `_round`. While an orchestrator is in the pool, that of the last round for which it
    /// changed is what is bonded to it; it is recorded only when that round is over for it.
    function _totalStakeAt(address _transcoder, uint256 _round) internal view returns (uint256) {
        Transcoder storage t = transcoders[_transcoder];
        if (t.stakeUnrecorded && t.lastActiveStakeUpdateRound == _round) return delegators[_transcoder].delegatedAmount;
        return t.earningsPoolPerRound[_round].totalStake;
    }

    /// Active is a matter of rounds: who left the pool in this round still serves to its end.
    function _isActive(Transcoder storage _t, uint256 _round) internal view returns (bool) {
        return _t.activationRound <= _round && _round < _t.deactivationRound;
    }

    function _inPool(address _transcoder) internal view returns (bool) {
        return transcoderPool.nodes[_transcoder].key > 0;
    }

    /// The round, provided that the system runs and the round is initialized.
    function _liveRound() internal view returns (uint256) {
        require(!controller.paused(), "system is paused");
        IRoundsManager rounds = _roundsManager();
        require(rounds.currentRoundInitialized(), "current round is not initialized");
        return rounds.currentRound();
    }

    function _liveContext() internal view returns (Context memory) {
        return Context(_liveRound(), _bondingVotes());
    }

    function _roundsManager() internal view returns (IRoundsManager) {
        return IRoundsManager(_registered(keccak256("RoundsManager")));
    }

    function _bondingVotes() internal view returns (IBondingVotes) {
        return IBondingVotes(_registered(keccak256("BondingVotes")));
    }

    function _minter() internal view returns (IMinter) {
        return IMinter(_registered(keccak256("Minter")));
    }

    function _registered(bytes32 _id) internal view returns (address) {
        return controller.getContract(_id);
    }
}
