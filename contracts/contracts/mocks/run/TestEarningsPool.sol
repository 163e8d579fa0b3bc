// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {EarningsPoolFixture} from "../EarningsPoolFixture.sol";
import {AssertUint} from "./AssertUint.sol";

/// @title What a round's earnings are divided by
contract TestEarningsPool {
    EarningsPoolFixture private pool;

    function beforeEach() external {
        pool = new EarningsPoolFixture();
        pool.setStake(1000);
        pool.setCommission(500000, 250000);
    }

    function testStake() external {
        AssertUint.equal(pool.getTotalStake(), 1000, "stake");
    }

    function testCommission() external {
        AssertUint.equal(pool.getTranscoderRewardCut(), 500000, "reward cut");
        AssertUint.equal(pool.getTranscoderFeeShare(), 250000, "fee share");
    }
}
