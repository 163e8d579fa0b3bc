// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title What an orchestrator's delegators share in one round
library EarningsPool {
    /// @dev The first slot holds what is fixed at the first use in a round. The factors keep their full width:
    /// a tiny stake with large rewards takes them beyond 128 bits.
    struct Data {
        uint96 totalStake; // stake that counts in the round
        uint24 transcoderRewardCut; // parts per million of rewards kept by the orchestrator
        uint24 transcoderFeeShare; // parts per million of fees given to delegators
        uint96 activeCumulativeRewards; // the orchestrator's unclaimed rewards before the round's, which earn its fees
        uint256 cumulativeRewardFactor; // 10^27 at the start; zero where nothing was recorded
        uint256 cumulativeFeeFactor;
    }

    function setCommission(Data storage _pool, uint256 _rewardCut, uint256 _feeShare) internal {
        require(_rewardCut <= type(uint24).max && _feeShare <= type(uint24).max, "commission exceeds 24 bits");
        _pool.transcoderRewardCut = uint24(_rewardCut);
        _pool.transcoderFeeShare = uint24(_feeShare);
    }

    function setStake(Data storage _pool, uint256 _stake) internal {
        require(_stake <= type(uint96).max, "LPT amount exceeds 96 bits");
        _pool.totalStake = uint96(_stake);
    }
}
