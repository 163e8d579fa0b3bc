// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {MathUtils} from "../libraries/MathUtils.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {PreciseMathUtils} from "../libraries/PreciseMathUtils.sol";
import {SortedDoublyLL} from "../libraries/SortedDoublyLL.sol";
import {Manager} from "../Manager.sol";
import {ILivepeerToken} from "../token/ILivepeerToken.sol";
import {IMinter} from "../token/IMinter.sol";
import {BondingPool} from "./BondingPool.sol";
import {IBondingManager} from "./IBondingManager.sol";
import {EarningsPool} from "./libraries/EarningsPool.sol";
import {EarningsPoolLIP36} from "./libraries/EarningsPoolLIP36.sol";

/// @title BondingManager
/// @notice Stake: orchestrators bond to themselves, delegators to orchestrators; rewards and fees are shared by stake.
/// @dev The other contracts of the protocol are trusted; the one foreign call, `withdrawFees`, sends ETH with
/// 2300 gas. Every operation claims first, so later steps may take stored stake as current.
contract BondingManager is BondingPool {
    using SortedDoublyLL for SortedDoublyLL.Data;

    constructor(address _controller) Manager(_controller) {}

    // ---- Parameters ----

    /// Sets for how many rounds unbonded stake stays locked.
    function setUnbondingPeriod(uint64 _unbondingPeriod) external onlyControllerOwner {
        unbondingPeriod = _unbondingPeriod;
        emit ParameterUpdate("unbondingPeriod");
    }

    /// Enlarges the pool.
    function setNumActiveTranscoders(uint256 _numActiveTranscoders) external onlyControllerOwner {
        transcoderPool.setMaxSize(_numActiveTranscoders);
        emit ParameterUpdate("numActiveTranscoders");
    }

    /// Sets the treasury's share of rewards from the next round on.
    function setTreasuryRewardCutRate(uint256 _cutRate) external onlyControllerOwner {
        require(PreciseMathUtils.validPerc(_cutRate), "_cutRate is invalid precise percentage");
        _setNextTreasuryCut(_cutRate);
    }

    function setTreasuryBalanceCeiling(uint256 _ceiling) external onlyControllerOwner {
        treasuryBalanceCeiling = _ceiling;
        emit ParameterUpdate("treasuryBalanceCeiling");
    }

    /// @inheritdoc IBondingManager
    function setCurrentRoundTotalActiveStake() external onlyRoundsManager {
        uint96 total = nextTotalStake;
        currentTotalStake = total;

        uint96 nextCut = nextTreasuryCut;
        if (nextCut != treasuryCut) {
            treasuryCut = nextCut;
            emit ParameterUpdate("treasuryRewardCutRate");
        }
        _bondingVotes().checkpointTotalActiveStake(total, _roundsManager().currentRound());
    }

    // ---- Bonding ----

    function bond(uint256 _amount, address _to) external {
        _bond(_amount, msg.sender, _to, _noHint(), _noHint());
    }

    function bondWithHint(
        uint256 _amount,
        address _to,
        address _oldDelegateNewPosPrev,
        address _oldDelegateNewPosNext,
        address _currDelegateNewPosPrev,
        address _currDelegateNewPosNext
    ) external {
        _bond(
            _amount,
            msg.sender,
            _to,
            Hint(_oldDelegateNewPosPrev, _oldDelegateNewPosNext),
            Hint(_currDelegateNewPosPrev, _currDelegateNewPosNext)
        );
    }

    /// Bonds the caller's tokens for `_owner`. Only the owner and the migrator may choose the delegate freely.
    function bondForWithHint(
        uint256 _amount,
        address _owner,
        address _to,
        address _oldDelegateNewPosPrev,
        address _oldDelegateNewPosNext,
        address _currDelegateNewPosPrev,
        address _currDelegateNewPosNext
    ) external {
        _bond(
            _amount,
            _owner,
            _to,
            Hint(_oldDelegateNewPosPrev, _oldDelegateNewPosNext),
            Hint(_currDelegateNewPosPrev, _currDelegateNewPosNext)
        );
    }

    function unbond(uint256 _amount) external {
        _unbond(_amount, _noHint());
    }

    /// Takes stake out of the bond; it can be withdrawn after the unbonding period.
    function unbondWithHint(uint256 _amount, address _newPosPrev, address _newPosNext) external {
        _unbond(_amount, Hint(_newPosPrev, _newPosNext));
    }

    function rebond(uint256 _unbondingLockId) external {
        _rebond(_unbondingLockId, _noHint());
    }

    /// Puts unbonded stake back, before or after its withdraw round.
    function rebondWithHint(uint256 _unbondingLockId, address _newPosPrev, address _newPosNext) external {
        _rebond(_unbondingLockId, Hint(_newPosPrev, _newPosNext));
    }

    function rebondFromUnbonded(address _to, uint256 _unbondingLockId) external {
        _rebondFromUnbonded(_to, _unbondingLockId, _noHint());
    }

    /// Puts unbonded stake of an account without a bond back, towards a delegate of its choice.
    function rebondFromUnbondedWithHint(
        address _to,
        uint256 _unbondingLockId,
        address _newPosPrev,
        address _newPosNext
    ) external {
        _rebondFromUnbonded(_to, _unbondingLockId, Hint(_newPosPrev, _newPosNext));
    }

    /// Gives part of the caller's bond to `_delegator`: an unbonding and a rebonding with one account's lock passed
    /// to the other. Both use up a lock id, but no lock outlives the call, so none is stored.
    function transferBond(
        address _delegator,
        uint256 _amount,
        address _oldDelegateNewPosPrev,
        address _oldDelegateNewPosNext,
        address _newDelegateNewPosPrev,
        address _newDelegateNewPosNext
    ) external {
        Context memory context = _liveContext();
        _authorizeClaim(_delegator, context.round);
        _claim(msg.sender, context.round);
        address oldDelegate = delegators[msg.sender].delegateAddress;

        (uint256 oldLockId,) =
            _takeFromBond(_amount, context, Hint(_oldDelegateNewPosPrev, _oldDelegateNewPosNext));
        Delegator storage receiver = delegators[_delegator];
        uint256 newLockId = receiver.nextUnbondingLockId++;
        emit TransferBond(msg.sender, _delegator, oldLockId, newLockId, _amount);

        _claim(_delegator, context.round);
        if (receiver.bondedAmount == 0) {
            if (receiver.delegateAddress == address(0)) {
                // Nobody becomes an orchestrator, and the zero address nothing, by another's hand.
                require(oldDelegate != _delegator && _delegator != address(0), "INVALID_DELEGATOR");
                receiver.delegateAddress = oldDelegate;
            }
            receiver.startRound = Narrow.toRound(context.round + 1);
        }
        _addToBond(
            _delegator, newLockId, _amount, context, Hint(_newDelegateNewPosPrev, _newDelegateNewPosNext)
        );
    }

    /// Pays out a lock whose unbonding period is over.
    function withdrawStake(uint256 _unbondingLockId) external {
        uint256 round = _liveRound();
        mapping(uint256 => UnbondingLock) storage locks = delegators[msg.sender].unbondingLocks;
        (uint256 amount, uint256 withdrawRound) =
            (locks[_unbondingLockId].amount, locks[_unbondingLockId].withdrawRound);
        require(withdrawRound > 0, "invalid unbonding lock ID");
        require(withdrawRound <= round, "withdraw round must be before or equal to the current round");

        delete locks[_unbondingLockId];
        _minter().trustedTransferTokens(msg.sender, amount);
        emit WithdrawStake(msg.sender, _unbondingLockId, amount, withdrawRound);
    }

    /// Pays out fees to any address.
    function withdrawFees(address payable _recipient, uint256 _amount) external {
        Context memory context = _liveContext();
        _claim(msg.sender, context.round);

        require(_recipient != address(0), "invalid recipient");
        uint256 fees = delegators[msg.sender].fees;
        require(fees >= _amount, "insufficient fees to withdraw");

        delegators[msg.sender].fees = uint88(fees - _amount);
        _minter().trustedWithdrawETH(_recipient, _amount);
        emit WithdrawFees(msg.sender, _recipient, _amount);
        _checkpoint(msg.sender, context);
    }

    /// Claims up to the current round, whatever round is asked for.
    function claimEarnings(uint256 _endRound) external {
        _endRound; // part of the interface only
        Context memory context = _liveContext();
        _claim(msg.sender, context.round);
        _checkpoint(msg.sender, context);
    }

    /// Records an account's stake in BondingVotes as it is; for accounts that bonded before there were votes.
    function checkpointBondingState(address _account) external {
        _checkpoint(_account, Context(_roundsManager().currentRound(), _bondingVotes()));
    }

    // ---- Orchestrators ----

    function transcoder(uint256 _rewardCut, uint256 _feeShare) external {
        _setRates(_rewardCut, _feeShare, _noHint());
    }

    /// Sets the caller's rates, and lets it into the pool if its stake suffices.
    function transcoderWithHint(uint256 _rewardCut, uint256 _feeShare, address _newPosPrev, address _newPosNext)
        external
    {
        _setRates(_rewardCut, _feeShare, Hint(_newPosPrev, _newPosNext));
    }

    function reward() external {
        _reward(_noHint());
    }

    /// Mints the caller's share of the round's tokens, for itself, its delegators and the treasury.
    function rewardWithHint(address _newPosPrev, address _newPosNext) external {
        _reward(Hint(_newPosPrev, _newPosNext));
    }

    /// @inheritdoc IBondingManager
    /// @dev Fees count in the current round, whatever round the ticket is of. A transcoder that never was active has
    /// no stake to divide by, which reverts.
    function updateTranscoderWithFees(address _transcoder, uint256 _fees, uint256 _round)
        external
        whenSystemNotPaused
        onlyTicketBroker
    {
        _round; // part of the interface only
        Transcoder storage t = transcoders[_transcoder];
        // Only who is in the pool has unrecorded stake, and only who is registered is in the pool.
        require(t.stakeUnrecorded || isRegisteredTranscoder(_transcoder), "transcoder must be registered");
        uint256 round = _roundsManager().currentRound();

        EarningsPool.Data storage pool = t.earningsPoolPerRound[round];
        bool rewarded = t.lastRewardRound >= round;
        if (!rewarded) _openPool(_transcoder, round);
        uint256 earning = rewarded
            ? t.earningsPoolPerRound[t.lastRewardRound].activeCumulativeRewards
            : t.cumulativeRewards;
        uint256 totalStake = pool.totalStake;

        uint256 rewardFactor = _latestRewardFactor(t, round - 1);
        if (rewardFactor == 0 && t.lastRewardRound == round) rewardFactor = _rewardFactorBeforeFirst(pool);
        uint256 feeFactor = pool.cumulativeFeeFactor;
        if (feeFactor == 0) feeFactor = _latestFeeFactor(t, round - 1);

        uint256 delegatorFees = MathUtils.percOf(_fees, pool.transcoderFeeShare);
        uint256 ownFees = _fees - delegatorFees + PreciseMathUtils.percOf(delegatorFees, earning, totalStake);
        t.cumulativeFees = Narrow.toWei(t.cumulativeFees + ownFees);
        pool.cumulativeFeeFactor =
            EarningsPoolLIP36.feeFactorAfter(feeFactor, rewardFactor, delegatorFees, totalStake);
        t.lastFeeRound = Narrow.toRound(round);
    }

    /// @inheritdoc IBondingManager
    function slashTranscoder(address _transcoder, address _finder, uint256 _slashAmount, uint256 _finderFee)
        external
        whenSystemNotPaused
        onlyVerifier
    {
        Context memory context = Context(_roundsManager().currentRound(), _bondingVotes());
        _claim(_transcoder, context.round);

        Delegator storage del = delegators[_transcoder];
        uint256 bonded = del.bondedAmount;
        if (bonded == 0) {
            emit TranscoderSlashed(_transcoder, _finder, 0, 0);
        } else {
            uint256 penalty = MathUtils.percOf(bonded, _slashAmount);
            if (_inPool(_transcoder)) _resign(_transcoder, context.round);
            del.bondedAmount = Narrow.toLpt(bonded - penalty);
            if (_status(del, context.round) == DelegatorStatus.Bonded) {
                Delegator storage delegate = delegators[del.delegateAddress];
                _recordStake(del.delegateAddress, delegate.delegatedAmount);
                delegate.delegatedAmount = Narrow.toLpt(delegate.delegatedAmount - penalty);
            }
            _burnPenalty(_transcoder, _finder, penalty, _finderFee);
        }
        _checkpoint(_transcoder, context);
    }

    // ---- Steps of bonding ----

    function _bond(uint256 _amount, address _owner, address _to, Hint memory _oldHint, Hint memory _newHint)
        private
    {
        Context memory context = _liveContext();
        bool free = _authorizeClaim(_owner, context.round);
        _claim(_owner, context.round);

        Delegator storage del = delegators[_owner];
        (address oldDelegate, uint256 bonded) = (del.delegateAddress, del.bondedAmount);
        if (!free) _requireThirdPartyMayBond(_owner, _to, oldDelegate, bonded);

        uint256 moved = _amount;
        if (bonded == 0) {
            del.startRound = Narrow.toRound(context.round + 1);
        } else if (oldDelegate != _to) {
            require(oldDelegate != _owner, "registered transcoders can't delegate towards other addresses");
            del.startRound = Narrow.toRound(context.round + 1);
            moved += bonded;
            _decreaseStake(oldDelegate, bonded, context.round, _oldHint);
            _checkpoint(oldDelegate, context);
        }
        _ensureFactors(transcoders[_to], context.round);
        require(moved > 0, "delegation amount must be greater than 0");

        del.delegateAddress = _to;
        del.bondedAmount = Narrow.toLpt(bonded + _amount);
        _increaseStake(_to, moved, context.round, _newHint);
        if (_to != _owner) _checkpoint(_to, context);

        if (_amount > 0) _token().transferFrom(msg.sender, address(_minter()), _amount);
        emit Bond(_to, oldDelegate, _owner, _amount, bonded + _amount);
        _checkpoint(_owner, context);
    }

    function _unbond(uint256 _amount, Hint memory _hint) private {
        Context memory context = _liveContext();
        _claim(msg.sender, context.round);
        (uint256 lockId, uint256 withdrawRound) = _takeFromBond(_amount, context, _hint);
        delegators[msg.sender].unbondingLocks[lockId] = UnbondingLock(uint96(_amount), uint160(withdrawRound));
    }

    function _rebond(uint256 _lockId, Hint memory _hint) private {
        Context memory context = _liveContext();
        _claim(msg.sender, context.round);
        require(delegators[msg.sender].bondedAmount > 0, "caller must be bonded");
        _addToBond(msg.sender, _lockId, _consumeLock(_lockId), context, _hint);
    }

    function _rebondFromUnbonded(address _to, uint256 _lockId, Hint memory _hint) private {
        Context memory context = _liveContext();
        _claim(msg.sender, context.round);
        Delegator storage del = delegators[msg.sender];
        require(del.bondedAmount == 0, "caller must be unbonded");

        _ensureFactors(transcoders[_to], context.round);
        del.startRound = Narrow.toRound(context.round + 1);
        del.delegateAddress = _to;
        _addToBond(msg.sender, _lockId, _consumeLock(_lockId), context, _hint);
    }

    /// Takes `_amount` out of the caller's bond, under a lock id that the caller of this function fills or passes on.
    function _takeFromBond(uint256 _amount, Context memory _context, Hint memory _hint)
        private
        returns (uint256 lockId, uint256 withdrawRound)
    {
        Delegator storage del = delegators[msg.sender];
        (address delegate, uint256 bonded) = (del.delegateAddress, del.bondedAmount);
        require(_status(del, _context.round) == DelegatorStatus.Bonded, "caller must be bonded");
        require(_amount > 0, "unbond amount must be greater than 0");
        require(_amount <= bonded, "amount is greater than bonded amount");

        withdrawRound = _context.round + unbondingPeriod;
        lockId = del.nextUnbondingLockId++;
        del.bondedAmount = uint96(bonded - _amount);
        if (_amount == bonded) {
            del.delegateAddress = address(0);
            del.startRound = 0;
            if (_inPool(msg.sender)) _resign(msg.sender, _context.round);
        }

        _decreaseStake(delegate, _amount, _context.round, _hint);
        if (delegate != msg.sender) _checkpoint(delegate, _context);
        emit Unbond(delegate, msg.sender, lockId, _amount, withdrawRound);
        _checkpoint(msg.sender, _context);
    }

    /// Adds the amount of a lock that is gone to the account's bond.
    function _addToBond(
        address _account,
        uint256 _lockId,
        uint256 _amount,
        Context memory _context,
        Hint memory _hint
    ) private {
        Delegator storage del = delegators[_account];
        address delegate = del.delegateAddress;
        del.bondedAmount = Narrow.toLpt(del.bondedAmount + _amount);

        _increaseStake(delegate, _amount, _context.round, _hint);
        if (delegate != _account) _checkpoint(delegate, _context);
        emit Rebond(delegate, _account, _lockId, _amount);
        _checkpoint(_account, _context);
    }

    function _consumeLock(uint256 _lockId) private returns (uint256 amount) {
        UnbondingLock storage lock = delegators[msg.sender].unbondingLocks[_lockId];
        require(lock.withdrawRound > 0, "invalid unbonding lock ID");
        amount = lock.amount;
        delete delegators[msg.sender].unbondingLocks[_lockId];
    }

    /// Keeps strangers from forcing a claim before the round's reward, which would cost the owner its part. Returns
    /// whether the caller may act for the owner without limits.
    function _authorizeClaim(address _owner, uint256 _round) private view returns (bool free) {
        free = msg.sender == _owner || msg.sender == _registered(keccak256("L2Migrator"));
        if (free) return true;

        Delegator storage del = delegators[_owner];
        Transcoder storage t = transcoders[del.delegateAddress];
        require(
            del.bondedAmount == 0 || !_isActive(t, _round) || t.lastRewardRound == _round
                || del.lastClaimRound == _round,
            "ILLEGAL_CLAIM_EARNINGS"
        );
    }

    /// A stranger may add to a bond, or open one with a delegate other than the owner.
    function _requireThirdPartyMayBond(address _owner, address _to, address _delegate, uint256 _bonded)
        private
        pure
    {
        require(_owner != address(0), "INVALID_DELEGATOR");
        if (_bonded == 0) require(_to != _owner, "INVALID_DELEGATE");
        else require(_to == _delegate, "INVALID_DELEGATE_CHANGE");
    }

    // ---- Steps of orchestrators ----

    function _setRates(uint256 _rewardCut, uint256 _feeShare, Hint memory _hint) private {
        uint256 round = _liveRound();
        require(
            !_roundsManager().currentRoundLocked(), "can't update transcoder params, current round is locked"
        );
        require(MathUtils.validPerc(_rewardCut), "invalid rewardCut percentage");
        require(MathUtils.validPerc(_feeShare), "invalid feeShare percentage");
        require(isRegisteredTranscoder(msg.sender), "transcoder must be registered");
        Transcoder storage t = transcoders[msg.sender];
        require(
            !_isActive(t, round) || t.lastRewardRound == round,
            "caller can't be active or must have already called reward for the current round"
        );

        (t.rewardCut, t.feeShare) = (uint24(_rewardCut), uint24(_feeShare));
        if (!_inPool(msg.sender)) {
            _tryJoin(msg.sender, delegators[msg.sender].delegatedAmount, round + 1, _hint);
        }
        emit TranscoderUpdate(msg.sender, _rewardCut, _feeShare);
    }

    function _reward(Hint memory _hint) private {
        Context memory context = _liveContext();
        uint256 round = context.round;
        Transcoder storage t = transcoders[msg.sender];
        require(_isActive(t, round), "caller must be an active transcoder");
        require(t.lastRewardRound != round, "caller has already called reward for the current round");

        EarningsPool.Data storage pool = t.earningsPoolPerRound[round];
        _openPool(msg.sender, round);
        uint256 totalStake = pool.totalStake;
        uint256 amount = _mintReward(totalStake);

        uint256 commission = MathUtils.percOf(amount, pool.transcoderRewardCut);
        uint256 shared = amount - commission;
        uint256 unclaimed = t.cumulativeRewards;
        uint256 own = commission + PreciseMathUtils.percOf(shared, unclaimed, totalStake);
        pool.activeCumulativeRewards = uint96(unclaimed);
        t.cumulativeRewards = Narrow.toLpt(unclaimed + own);

        uint256 lastFactor = t.earningsPoolPerRound[t.lastRewardRound].cumulativeRewardFactor;
        pool.cumulativeRewardFactor = EarningsPoolLIP36.rewardFactorAfter(lastFactor, shared, totalStake);
        _increaseStake(msg.sender, amount, round, _hint);
        t.lastRewardRound = Narrow.toRound(round);
        delegators[msg.sender].rewarded = true;

        emit Reward(msg.sender, amount);
        _checkpoint(msg.sender, context);
    }

    /// Fixes the terms of the round's earnings at its first reward or fee.
    function _openPool(address _transcoder, uint256 _round) private {
        Transcoder storage t = transcoders[_transcoder];
        EarningsPool.Data storage pool = t.earningsPoolPerRound[_round];
        uint256 lastUpdate = t.lastActiveStakeUpdateRound;
        if (lastUpdate <= _round) pool.totalStake = Narrow.toLpt(_totalStakeAt(_transcoder, lastUpdate));
        (pool.transcoderRewardCut, pool.transcoderFeeShare) = (t.rewardCut, t.feeShare);
    }

    /// Mints the share of `_stake` and passes on the treasury's cut. Returns the rest.
    function _mintReward(uint256 _stake) private returns (uint256) {
        address treasury = _registered(keccak256("Treasury"));
        uint256 ceiling = treasuryBalanceCeiling;
        // Contributions end with the next round; this round's cut still applies.
        if (ceiling > 0 && _token().balanceOf(treasury) >= ceiling && nextTreasuryCut > 0) _setNextTreasuryCut(0);

        IMinter minter = _minter();
        uint256 total = minter.createReward(_stake, currentTotalStake);
        uint256 cut = PreciseMathUtils.percOf(total, treasuryCut);
        if (cut > 0) {
            minter.trustedTransferTokens(treasury, cut);
            emit TreasuryReward(msg.sender, treasury, cut);
        }
        return total - cut;
    }

    /// The reward factor before an orchestrator's first reward, which is this round's, worked back from it.
    function _rewardFactorBeforeFirst(EarningsPool.Data storage _pool) private view returns (uint256) {
        IMinter minter = _minter();
        uint256 totalStake = _pool.totalStake;
        uint256 rewards = PreciseMathUtils.percOf(
            minter.currentMintableTokens() + minter.currentMintedTokens(), totalStake, currentTotalStake
        );
        rewards -= PreciseMathUtils.percOf(rewards, treasuryCut);
        rewards -= MathUtils.percOf(rewards, _pool.transcoderRewardCut);
        return PreciseMathUtils.percOf(_pool.cumulativeRewardFactor, totalStake, rewards + totalStake);
    }

    function _burnPenalty(address _transcoder, address _finder, uint256 _penalty, uint256 _finderFee) private {
        IMinter minter = _minter();
        uint256 fee = _finder == address(0) ? 0 : MathUtils.percOf(_penalty, _finderFee);
        if (_finder != address(0)) minter.trustedTransferTokens(_finder, fee);
        minter.trustedBurnTokens(_penalty - fee);
        emit TranscoderSlashed(_transcoder, _finder, _penalty, fee);
    }

    function _setNextTreasuryCut(uint256 _cut) private {
        nextTreasuryCut = uint96(_cut); // at most 10^27
        emit ParameterUpdate("nextRoundTreasuryRewardCutRate");
    }

    function _token() private view returns (ILivepeerToken) {
        return ILivepeerToken(_registered(keccak256("LivepeerToken")));
    }

    function _noHint() private pure returns (Hint memory) {
        return Hint(address(0), address(0));
    }
}
