// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {EarningsPoolFixture} from "../EarningsPoolFixture.sol";
import {AssertUint} from "./AssertUint.sol";

/// @title Cumulative factors and what stake makes of them
contract TestEarningsPoolLIP36 {
    uint256 private constant ONE = 10 ** 27;
    EarningsPoolFixture private pool;

    function beforeEach() external {
        pool = new EarningsPoolFixture();
        pool.setStake(1000);
    }

    function testFirstFeeFactor() external {
        pool.updateCumulativeFeeFactor(100);
        AssertUint.equal(pool.getCumulativeFeeFactor(), ONE / 10, "100 / 1000");
    }

    function testFeeFactorsAdd() external {
        pool.setPrevPoolEarningsFactors(ONE / 2, 2 * ONE);
        pool.updateCumulativeFeeFactor(100);
        AssertUint.equal(pool.getCumulativeFeeFactor(), ONE / 2 + 2 * ONE / 10, "onto the round before");
        pool.updateCumulativeFeeFactor(100);
        AssertUint.equal(pool.getCumulativeFeeFactor(), ONE / 2 + 4 * ONE / 10, "onto this round");
    }

    function testRewardFactor() external {
        pool.updateCumulativeRewardFactor(100);
        AssertUint.equal(pool.getCumulativeRewardFactor(), ONE + ONE / 10, "first");
        pool.setPrevPoolEarningsFactors(0, 2 * ONE);
        pool.updateCumulativeRewardFactor(100);
        AssertUint.equal(pool.getCumulativeRewardFactor(), 2 * ONE + 2 * ONE / 10, "in proportion");
    }

    function testDelegatorStake() external {
        pool.setPrevPoolEarningsFactors(0, 2 * ONE);
        pool.setEarningsFactors(0, 3 * ONE);
        AssertUint.equal(pool.delegatorCumulativeStake(100), 150, "grown by a half");
    }

    function testDelegatorStakeWithoutFactors() external {
        AssertUint.equal(pool.delegatorCumulativeStake(100), 100, "no factor stands for one");
    }

    function testDelegatorFees() external {
        pool.setPrevPoolEarningsFactors(ONE / 10, 2 * ONE);
        pool.setEarningsFactors(5 * ONE / 10, 3 * ONE);
        AssertUint.equal(pool.delegatorCumulativeFees(100, 7), 27, "7 + 100 * 0.4 / 2");
    }

    function testDelegatorFeesIgnoreTheLastRewardFactor() external {
        pool.setPrevPoolEarningsFactors(ONE / 10, ONE);
        pool.setEarningsFactors(5 * ONE / 10, 0);
        AssertUint.equal(pool.delegatorCumulativeFees(100, 0), 40, "fees without a reward");
    }

    function testBothAtOnce() external {
        pool.setPrevPoolEarningsFactors(ONE / 10, 2 * ONE);
        pool.setEarningsFactors(5 * ONE / 10, 3 * ONE);
        (uint256 stake, uint256 fees) = pool.delegatorCumulativeStakeAndFees(100, 7);
        AssertUint.equal(stake, 150, "stake");
        AssertUint.equal(fees, 27, "fees");
    }
}
