// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {MathUtils} from "../../contracts/libraries/MathUtils.sol";
import {MathUtils as Billionths} from "../../contracts/libraries/MathUtilsV2.sol";
import {PreciseMathUtils} from "../../contracts/libraries/PreciseMathUtils.sol";
import {EarningsPoolFixture} from "../../contracts/mocks/EarningsPoolFixture.sol";
import {SortedArraysFixture} from "../../contracts/mocks/SortedArraysFixture.sol";
import {SortedArrays} from "../../contracts/bonding/libraries/SortedArrays.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// Shares, cumulative factors and ascending arrays, against their definitions.
contract MathTest is ForgeTest {
    uint256 private constant ONE = 10 ** 27;

    function testFuzz_SharesRoundDownTwice(uint128 amount, uint96 part, uint96 whole) public pure {
        if (whole == 0) whole = 1;
        require(MathUtils.percOf(amount, part, whole) == twoFloors(amount, part, whole, 10 ** 6), "millionths");
        require(Billionths.percOf(amount, part, whole) == twoFloors(amount, part, whole, 10 ** 9), "billionths");
        uint256 small = amount % 10 ** 20; // so that nothing exceeds 256 bits
        require(PreciseMathUtils.percOf(small, part, whole) == twoFloors(small, part, whole, ONE), "10^27");
    }

    function testFuzz_AShareIsAtMostTheWhole(uint128 amount, uint256 share) public pure {
        require(MathUtils.validPerc(share) == (share <= 10 ** 6), "millionths");
        require(Billionths.validPerc(share) == (share <= 10 ** 9), "billionths");
        require(PreciseMathUtils.validPerc(share) == (share <= ONE), "10^27");
        require(MathUtils.percOf(amount, share % (10 ** 6 + 1)) <= amount, "share of millionths");
        require(MathUtils.percOf(amount, 10 ** 6) == amount, "the whole");
    }

    function test_ZeroWholesPanic() public {
        panics(0x12);
        this.pointsOfMillion(1, 0);
        panics(0x12);
        this.pointsOfBillion(1, 0);
        panics(0x12);
        this.pointsPrecise(1, 0);
        panics(0x11);
        this.pointsPrecise(type(uint256).max, 1);
    }

    function testFuzz_FactorsFollowTheirDefinition(
        uint96 stake,
        uint96 fees,
        uint96 rewards,
        uint96 prevReward,
        uint128 prevFee
    ) public {
        EarningsPoolFixture pool = new EarningsPoolFixture();
        uint256 total = uint256(stake) % 10 ** 27 + 1;
        pool.setStake(total);
        uint256 reward = uint256(prevReward) % (10 * ONE);
        pool.setPrevPoolEarningsFactors(prevFee, reward);
        uint256 base = reward == 0 ? ONE : reward;

        uint256 shareOfFees = uint256(fees) % 10 ** 22;
        pool.updateCumulativeFeeFactor(shareOfFees);
        uint256 step = twoFloors(base, shareOfFees, total, ONE);
        eq(pool.getCumulativeFeeFactor(), prevFee + step, "fee factor");
        pool.updateCumulativeFeeFactor(shareOfFees);
        uint256 expected = prevFee + 2 * step;
        eq(pool.getCumulativeFeeFactor(), expected, "adds up in a round");

        uint256 shareOfRewards = uint256(rewards) % 10 ** 22;
        pool.updateCumulativeRewardFactor(shareOfRewards);
        eq(
            pool.getCumulativeRewardFactor(),
            base + twoFloors(base, shareOfRewards, total, ONE),
            "reward factor"
        );
    }

    function testFuzz_StakeAndFeesFollowTheFactors(uint96 stake, uint96 fees, uint96 a, uint96 b, uint64 c, uint64 d)
        public
    {
        EarningsPoolFixture pool = new EarningsPoolFixture();
        uint256 start = uint256(a) % (9 * ONE);
        uint256 end = uint256(b) % (9 * ONE);
        pool.setPrevPoolEarningsFactors(c, start);
        pool.setEarningsFactors(uint256(c) + d, end);
        (uint256 base, uint256 top) = (start == 0 ? ONE : start, end == 0 ? ONE : end);
        uint256 small = uint256(stake) % 10 ** 18;
        uint256 expectedStake = twoFloors(small, top, base, ONE);
        uint256 expectedFees = fees + twoFloors(small, d, base, ONE);
        eq(pool.delegatorCumulativeStake(small), expectedStake, "stake");
        eq(pool.delegatorCumulativeFees(small, fees), expectedFees, "fees, whatever the last reward factor is");
        (uint256 s, uint256 f) = pool.delegatorCumulativeStakeAndFees(small, fees);
        require(s == expectedStake && f == expectedFees, "both");
    }

    function test_AFeeFactorThatFallsPanics() public {
        EarningsPoolFixture pool = new EarningsPoolFixture();
        pool.setPrevPoolEarningsFactors(2, ONE);
        pool.setEarningsFactors(1, ONE);
        panics(0x11);
        pool.delegatorCumulativeFees(1, 0);
    }

    function test_ArraysRefuseToDescend() public {
        SortedArraysFixture sorted = new SortedArraysFixture();
        eq(sorted.findLowerBound(7), 0, "empty");
        sorted.pushSorted(4);
        sorted.pushSorted(4);
        sorted.pushSorted(9);
        eq(sorted.length(), 2, "equal values once");
        eq(sorted.array(1), 9, "element");
        cheats.expectRevert(abi.encodeWithSelector(SortedArrays.DecreasingValues.selector, 8, 9));
        sorted.pushSorted(8);
        eq(sorted.findLowerBound(3), 2, "all above: the length");
        eq(sorted.findLowerBound(8), 0, "between");
    }

    function twoFloors(uint256 amount, uint256 part, uint256 whole, uint256 unit) private pure returns (uint256) {
        return amount * (part * unit / whole) / unit;
    }

    function pointsOfMillion(uint256 a, uint256 b) external pure returns (uint256) {
        return MathUtils.percPoints(a, b);
    }

    function pointsOfBillion(uint256 a, uint256 b) external pure returns (uint256) {
        return Billionths.percPoints(a, b);
    }

    function pointsPrecise(uint256 a, uint256 b) external pure returns (uint256) {
        return PreciseMathUtils.percPoints(a, b);
    }
}
