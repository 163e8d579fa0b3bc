// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {EarningsPool} from "../bonding/libraries/EarningsPool.sol";
import {EarningsPoolLIP36} from "../bonding/libraries/EarningsPoolLIP36.sol";

/// @title The earnings of two rounds, reachable from outside
contract EarningsPoolFixture {
    using EarningsPool for EarningsPool.Data;
    using EarningsPoolLIP36 for EarningsPool.Data;

    EarningsPool.Data public prevEarningsPool;
    EarningsPool.Data public earningsPool;

    function setCommission(uint256 _rewardCut, uint256 _feeShare) external {
        earningsPool.setCommission(_rewardCut, _feeShare);
    }

    function setStake(uint256 _stake) external {
        earningsPool.setStake(_stake);
    }

    function updateCumulativeFeeFactor(uint256 _fees) external {
        earningsPool.updateCumulativeFeeFactor(prevEarningsPool, _fees);
    }

    function updateCumulativeRewardFactor(uint256 _rewards) external {
        earningsPool.updateCumulativeRewardFactor(prevEarningsPool, _rewards);
    }

    function setPrevPoolEarningsFactors(uint256 _cumulativeFeeFactor, uint256 _cumulativeRewardFactor) external {
        prevEarningsPool.cumulativeFeeFactor = _cumulativeFeeFactor;
        prevEarningsPool.cumulativeRewardFactor = _cumulativeRewardFactor;
    }

    function setEarningsFactors(uint256 _cumulativeFeeFactor, uint256 _cumulativeRewardFactor) external {
        earningsPool.cumulativeFeeFactor = _cumulativeFeeFactor;
        earningsPool.cumulativeRewardFactor = _cumulativeRewardFactor;
    }

    function getEarningsPool()
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
        EarningsPool.Data memory pool = earningsPool;
        return (
            pool.totalStake,
            pool.transcoderRewardCut,
            pool.transcoderFeeShare,
            pool.cumulativeRewardFactor,
            pool.cumulativeFeeFactor
        );
    }

    function getPrevEarningsPool() external view returns (EarningsPool.Data memory) {
        return prevEarningsPool;
    }

    function getTotalStake() external view returns (uint256) {
        return earningsPool.totalStake;
    }

    function getTranscoderRewardCut() external view returns (uint256) {
        return earningsPool.transcoderRewardCut;
    }

    function getTranscoderFeeShare() external view returns (uint256) {
        return earningsPool.transcoderFeeShare;
    }

    function getCumulativeRewardFactor() external view returns (uint256) {
        return earningsPool.cumulativeRewardFactor;
    }

    function getCumulativeFeeFactor() external view returns (uint256) {
        return earningsPool.cumulativeFeeFactor;
    }

    function delegatorCumulativeStake(uint256 _stake) external view returns (uint256) {
        return EarningsPoolLIP36.delegatorCumulativeStake(prevEarningsPool, earningsPool, _stake);
    }

    function delegatorCumulativeFees(uint256 _stake, uint256 _fees) external view returns (uint256) {
        return EarningsPoolLIP36.delegatorCumulativeFees(prevEarningsPool, earningsPool, _stake, _fees);
    }

    function delegatorCumulativeStakeAndFees(uint256 _stake, uint256 _fees)
        external
        view
        returns (uint256 stake, uint256 fees)
    {
        return EarningsPoolLIP36.delegatorCumulativeStakeAndFees(prevEarningsPool, earningsPool, _stake, _fees);
    }
}
