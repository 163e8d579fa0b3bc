// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {MathUtils} from "../../libraries/MathUtilsV2.sol";
import {AssertBool} from "./AssertBool.sol";
import {AssertUint} from "./AssertUint.sol";

/// @title Shares in billionths
contract TestMathUtilsV2 {
    uint256 private constant WHOLE = 1000000000;

    function testValidPerc() external {
        AssertBool.isTrue(MathUtils.validPerc(0), "nothing");
        AssertBool.isTrue(MathUtils.validPerc(WHOLE), "all");
        AssertBool.isFalse(MathUtils.validPerc(WHOLE + 1), "more than all");
    }

    function testPercPoints() external {
        AssertUint.equal(MathUtils.percPoints(1, 4), WHOLE / 4, "a quarter");
        AssertUint.equal(MathUtils.percPoints(1, 3), WHOLE / 3, "rounded down");
    }

    function testPercOfShare() external {
        AssertUint.equal(MathUtils.percOf(100, WHOLE / 2), 50, "half");
        AssertUint.equal(MathUtils.percOf(3, WHOLE / 2), 1, "rounded down");
    }

    function testPercOfFractionRoundsTwice() external {
        AssertUint.equal(MathUtils.percOf(100, 1, 2), 50, "half");
        AssertUint.equal(MathUtils.percOf(3, 1, 3), 0, "a third of three: the share was rounded down first");
    }
}
