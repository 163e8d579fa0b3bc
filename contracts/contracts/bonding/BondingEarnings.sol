// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Narrow} from "../libraries/Narrow.sol";
import {PreciseMathUtils} from "../libraries/PreciseMathUtils.sol";
import {BondingState} from "./BondingState.sol";
import {EarningsPool} from "./libraries/EarningsPool.sol";
import {EarningsPoolLIP36} from "./libraries/EarningsPoolLIP36.sol";

/// @title Earnings: what stake has earned since the last claim
/// @notice Delegators claim lazily: two factors per orchestrator and round tell what a unit of stake has earned.
/// Claimed rewards are part of the delegate's stake since the reward itself, so a claim changes no totals.
abstract contract BondingEarnings is BondingState {
    struct Factors {
        uint256 reward;
        uint256 fee;
    }

    /// Stake with the rewards up to the current round, whatever round is asked for.
    function pendingStake(address _delegator, uint256 _endRound) external view returns (uint256) {
        _endRound; // part of the interface only
        (uint256 stake,) = _pending(_delegator, _roundsManager().currentRound());
        return stake;
    }

    /// Fees up to the current round, whatever round is asked for.
    function pendingFees(address _delegator, uint256 _endRound) external view returns (uint256) {
        _endRound; // part of the interface only
        (, uint256 fees) = _pending(_delegator, _roundsManager().currentRound());
        return fees;
    }

    /// Credits what the account has earned up to the current round, once per round.
    function _claim(address _account, uint256 _round) internal {
        Delegator storage del = delegators[_account];
        uint256 lastClaimRound = del.lastClaimRound;
        if (lastClaimRound >= _round) return;

        (address delegate, uint256 bonded, uint256 oldFees) = (del.delegateAddress, del.bondedAmount, del.fees);
        (uint256 stake, uint256 fees) = (bonded, oldFees);
        if (delegate != address(0)) {
            Transcoder storage t = transcoders[delegate];
            Factors memory end = Factors(_settledRewardFactor(t, _round), _settledFeeFactor(t, _round));
            (stake, fees) = _grown(t, bonded, oldFees, lastClaimRound, end);
            if (delegate == _account) {
                stake += t.cumulativeRewards;
                fees += t.cumulativeFees;
                t.cumulativeRewards = 0;
                t.cumulativeFees = 0;
            }
        }

        del.bondedAmount = Narrow.toLpt(stake);
        del.lastClaimRound = Narrow.toRound(_round);
        del.fees = Narrow.toFees(fees);
        emit EarningsClaimed(delegate, _account, stake - bonded, fees - oldFees, lastClaimRound + 1, _round);
    }

    /// Writes the factors in force into `_round` where it has none, so that stake bonded now starts from them.
    function _ensureFactors(Transcoder storage _t, uint256 _round) internal {
        if (_isEarlier(_t.lastRewardRound, _round)) _settledRewardFactor(_t, _round);
        if (_isEarlier(_t.lastFeeRound, _round)) _settledFeeFactor(_t, _round);
    }

    /// The factors of `_round`, or the last ones recorded before it.
    function _latestFactors(Transcoder storage _t, uint256 _round) internal view returns (Factors memory) {
        return Factors(_latestRewardFactor(_t, _round), _latestFeeFactor(_t, _round));
    }

    function _latestRewardFactor(Transcoder storage _t, uint256 _round) internal view returns (uint256 factor) {
        factor = _t.earningsPoolPerRound[_round].cumulativeRewardFactor;
        if (factor == 0) factor = _lastRewardFactor(_t, _round);
    }

    function _latestFeeFactor(Transcoder storage _t, uint256 _round) internal view returns (uint256 factor) {
        factor = _t.earningsPoolPerRound[_round].cumulativeFeeFactor;
        if (factor == 0) factor = _lastFeeFactor(_t, _round);
    }

    /// The reward factor in force in `_round`, which has it from now on.
    function _settledRewardFactor(Transcoder storage _t, uint256 _round) private returns (uint256 factor) {
        EarningsPool.Data storage pool = _t.earningsPoolPerRound[_round];
        factor = pool.cumulativeRewardFactor;
        if (factor == 0) {
            factor = _lastRewardFactor(_t, _round);
            if (factor > 0) pool.cumulativeRewardFactor = factor;
        }
    }

    /// The fee factor in force in `_round`, which has it from now on.
    function _settledFeeFactor(Transcoder storage _t, uint256 _round) private returns (uint256 factor) {
        EarningsPool.Data storage pool = _t.earningsPoolPerRound[_round];
        factor = pool.cumulativeFeeFactor;
        if (factor == 0) {
            factor = _lastFeeFactor(_t, _round);
            if (factor > 0) pool.cumulativeFeeFactor = factor;
        }
    }

    /// The last reward factor recorded before `_round`.
    function _lastRewardFactor(Transcoder storage _t, uint256 _round) private view returns (uint256) {
        uint256 last = _t.lastRewardRound;
        return _isEarlier(last, _round) ? _t.earningsPoolPerRound[last].cumulativeRewardFactor : 0;
    }

    /// The last fee factor recorded before `_round`.
    function _lastFeeFactor(Transcoder storage _t, uint256 _round) private view returns (uint256) {
        uint256 last = _t.lastFeeRound;
        return _isEarlier(last, _round) ? _t.earningsPoolPerRound[last].cumulativeFeeFactor : 0;
    }

    /// Whether something was recorded in `_recorded`, before `_round`. Nobody is active in round zero: it stands for
    /// never.
    function _isEarlier(uint256 _recorded, uint256 _round) private pure returns (bool) {
        return _recorded > 0 && _recorded < _round;
    }

    function _pending(address _account, uint256 _round) private view returns (uint256 stake, uint256 fees) {
        Delegator storage del = delegators[_account];
        address delegate = del.delegateAddress;
        (stake, fees) = (del.bondedAmount, del.fees);
        if (delegate == address(0)) return (stake, fees);

        Transcoder storage t = transcoders[delegate];
        uint256 lastClaimRound = del.lastClaimRound;
        if (lastClaimRound < _round) {
            (stake, fees) = _grown(t, stake, fees, lastClaimRound, _latestFactors(t, _round));
        }
        if (delegate == _account) {
            stake += t.cumulativeRewards;
            fees += t.cumulativeFees;
        }
    }

    /// Stake and fees after the rounds since `_startRound`, both rounded down.
    function _grown(
        Transcoder storage _t,
        uint256 _stake,
        uint256 _fees,
        uint256 _startRound,
        Factors memory _end
    ) private view returns (uint256 stake, uint256 fees) {
        EarningsPool.Data storage start = _t.earningsPoolPerRound[_startRound];
        uint256 startReward = EarningsPoolLIP36.orOne(start.cumulativeRewardFactor);
        stake = EarningsPoolLIP36.stakeAfter(_stake, startReward, _end.reward);
        fees = _fees + PreciseMathUtils.percOf(_stake, _end.fee - start.cumulativeFeeFactor, startReward);
    }
}
