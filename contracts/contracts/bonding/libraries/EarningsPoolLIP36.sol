// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {PreciseMathUtils} from "../../libraries/PreciseMathUtils.sol";
import {EarningsPool} from "./EarningsPool.sol";

/// @title Earnings by cumulative factors
/// @notice A unit of stake bonded when the reward factor was `a` has grown to `b / a` when it is `b`; the fee factor
/// adds up the fees of a unit that has been bonded since the first round. Results round down, in favour of the pool.
library EarningsPoolLIP36 {
    /// Adds `_fees`, the delegators' part, to the round's fee factor.
    function updateCumulativeFeeFactor(
        EarningsPool.Data storage _pool,
        EarningsPool.Data memory _prevPool,
        uint256 _fees
    ) internal {
        uint256 current = _pool.cumulativeFeeFactor;
        _pool.cumulativeFeeFactor = feeFactorAfter(
            current == 0 ? _prevPool.cumulativeFeeFactor : current,
            _prevPool.cumulativeRewardFactor,
            _fees,
            _pool.totalStake
        );
    }

    /// Sets the round's reward factor from the previous one and `_rewards`, the delegators' part.
    function updateCumulativeRewardFactor(
        EarningsPool.Data storage _pool,
        EarningsPool.Data memory _prevPool,
        uint256 _rewards
    ) internal {
        _pool.cumulativeRewardFactor =
            rewardFactorAfter(_prevPool.cumulativeRewardFactor, _rewards, _pool.totalStake);
    }

    /// The fee factor that `_fees` make of `_current`, which is the last round's where this one has none yet.
    function feeFactorAfter(uint256 _current, uint256 _prevRewardFactor, uint256 _fees, uint256 _totalStake)
        internal
        pure
        returns (uint256)
    {
        return _current + PreciseMathUtils.percOf(orOne(_prevRewardFactor), _fees, _totalStake);
    }

    function rewardFactorAfter(uint256 _prev, uint256 _rewards, uint256 _totalStake)
        internal
        pure
        returns (uint256)
    {
        uint256 factor = orOne(_prev);
        return factor + PreciseMathUtils.percOf(factor, _rewards, _totalStake);
    }

    function delegatorCumulativeStakeAndFees(
        EarningsPool.Data memory _startPool,
        EarningsPool.Data memory _endPool,
        uint256 _stake,
        uint256 _fees
    ) internal pure returns (uint256 stake, uint256 fees) {
        stake = delegatorCumulativeStake(_startPool, _endPool, _stake);
        fees = delegatorCumulativeFees(_startPool, _endPool, _stake, _fees);
    }

    /// What `_stake` has grown to between the two rounds.
    function delegatorCumulativeStake(
        EarningsPool.Data memory _startPool,
        EarningsPool.Data memory _endPool,
        uint256 _stake
    ) internal pure returns (uint256) {
        return stakeAfter(_stake, _startPool.cumulativeRewardFactor, _endPool.cumulativeRewardFactor);
    }

    /// `_fees` and what `_stake` earned of fees between the two rounds.
    function delegatorCumulativeFees(
        EarningsPool.Data memory _startPool,
        EarningsPool.Data memory _endPool,
        uint256 _stake,
        uint256 _fees
    ) internal pure returns (uint256) {
        uint256 perUnit = _endPool.cumulativeFeeFactor - _startPool.cumulativeFeeFactor;
        return _fees + PreciseMathUtils.percOf(_stake, perUnit, orOne(_startPool.cumulativeRewardFactor));
    }

    function stakeAfter(uint256 _stake, uint256 _startFactor, uint256 _endFactor) internal pure returns (uint256) {
        return PreciseMathUtils.percOf(_stake, orOne(_endFactor), orOne(_startFactor));
    }

    /// A reward factor that was never recorded stands for one.
    function orOne(uint256 _rewardFactor) internal pure returns (uint256) {
        return _rewardFactor == 0 ? PreciseMathUtils.percPoints(1, 1) : _rewardFactor;
    }
}
