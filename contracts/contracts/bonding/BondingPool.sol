// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Narrow} from "../libraries/Narrow.sol";
import {SortedDoublyLL} from "../libraries/SortedDoublyLL.sol";
import {BondingEarnings} from "./BondingEarnings.sol";

/// @title The pool of orchestrators: who serves in the next round, and with how much stake
/// @notice The sum of the stakes in the pool is the next round's total active stake.
abstract contract BondingPool is BondingEarnings {
    using SortedDoublyLL for SortedDoublyLL.Data;

    /// Adds to what is bonded to `_delegate`. A registered orchestrator moves in the pool or tries to enter it.
    function _increaseStake(address _delegate, uint256 _amount, uint256 _round, Hint memory _hint) internal {
        Delegator storage del = delegators[_delegate];
        uint256 oldStake = del.delegatedAmount;
        uint256 newStake = oldStake + _amount;

        if (isRegisteredTranscoder(_delegate)) {
            if (_inPool(_delegate)) {
                nextTotalStake = Narrow.toLpt(nextTotalStake + _amount);
                _moveInPool(_delegate, oldStake, newStake, _round, _hint);
            } else {
                _tryJoin(_delegate, newStake, _round + 1, _hint);
            }
        }
        del.delegatedAmount = Narrow.toLpt(newStake);
    }

    /// Takes from what is bonded to `_delegate`.
    function _decreaseStake(address _delegate, uint256 _amount, uint256 _round, Hint memory _hint) internal {
        Delegator storage del = delegators[_delegate];
        uint256 oldStake = del.delegatedAmount;
        uint256 newStake = oldStake - _amount;

        if (_inPool(_delegate)) {
            nextTotalStake = Narrow.toLpt(nextTotalStake - _amount);
            _moveInPool(_delegate, oldStake, newStake, _round, _hint);
        }
        del.delegatedAmount = Narrow.toLpt(newStake);
    }

    /// Enters the pool from `_activationRound` on if there is room or the last one has less stake.
    function _tryJoin(address _account, uint256 _stake, uint256 _activationRound, Hint memory _hint) internal {
        uint32 activationRound = Narrow.toRound(_activationRound);
        uint256 total = nextTotalStake;

        if (transcoderPool.size == transcoderPool.maxSize) {
            address last = transcoderPool.tail;
            uint256 lastStake = delegators[last].delegatedAmount;
            if (_stake <= lastStake) return; // equal stake does not displace

            transcoderPool.remove(last);
            _recordStake(last, lastStake);
            transcoders[last].deactivationRound = activationRound;
            total -= lastStake;
            emit TranscoderDeactivated(last, _activationRound);
        }

        transcoderPool.insert(_account, _stake, _hint.prev, _hint.next);
        nextTotalStake = Narrow.toLpt(total + _stake);

        Transcoder storage t = transcoders[_account];
        t.lastActiveStakeUpdateRound = activationRound;
        t.activationRound = activationRound;
        t.deactivationRound = NEVER;
        t.stakeUnrecorded = true;
        emit TranscoderActivated(_account, _activationRound);
    }

    /// Leaves the pool at the end of the round.
    function _resign(address _account, uint256 _round) internal {
        transcoderPool.remove(_account);
        uint256 stake = delegators[_account].delegatedAmount;
        _recordStake(_account, stake);
        nextTotalStake = Narrow.toLpt(nextTotalStake - stake);
        transcoders[_account].deactivationRound = Narrow.toRound(_round + 1);
        emit TranscoderDeactivated(_account, _round + 1);
    }

    /// Tells BondingVotes what the account's stake is from the next round on.
    function _checkpoint(address _account, Context memory _context) internal {
        Delegator storage del = delegators[_account];
        _context.votes.checkpointBondingState(
            _account,
            _context.round + 1,
            del.bondedAmount,
            del.delegateAddress,
            del.delegatedAmount,
            del.lastClaimRound,
            _lastRewardRound(_account)
        );
    }

    /// Records the stake of the last round for which it changed, before it is another one or leaves the pool.
    function _recordStake(address _account, uint256 _stake) internal {
        Transcoder storage t = transcoders[_account];
        if (!t.stakeUnrecorded) return;
        t.stakeUnrecorded = false;
        t.earningsPoolPerRound[t.lastActiveStakeUpdateRound].totalStake = Narrow.toLpt(_stake);
    }

    /// Moves in the pool, and records the stake of this round, which stays.
    function _moveInPool(
        address _account,
        uint256 _oldStake,
        uint256 _newStake,
        uint256 _round,
        Hint memory _hint
    ) private {
        transcoderPool.move(_account, _newStake, _hint.prev, _hint.next);

        Transcoder storage t = transcoders[_account];
        uint256 lastUpdate = t.lastActiveStakeUpdateRound;
        if (lastUpdate == _round + 1 && t.stakeUnrecorded) return;

        if (lastUpdate != _round + 1) _recordStake(_account, _oldStake);
        if (lastUpdate < _round) t.earningsPoolPerRound[_round].totalStake = Narrow.toLpt(_oldStake);
        t.lastActiveStakeUpdateRound = Narrow.toRound(_round + 1);
        t.stakeUnrecorded = true;
    }
}
