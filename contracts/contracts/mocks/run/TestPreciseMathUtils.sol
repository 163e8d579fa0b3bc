// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {PreciseMathUtils} from "../../libraries/PreciseMathUtils.sol";
import {AssertBool} from "./AssertBool.sol";
import {AssertUint} from "./AssertUint.sol";

/// @title Shares in parts of 10^27
contract TestPreciseMathUtils {
    uint256 private constant WHOLE = 10 ** 27;

    function testValidPerc() external {
        AssertBool.isTrue(PreciseMathUtils.validPerc(0), "nothing");
        AssertBool.isTrue(PreciseMathUtils.validPerc(WHOLE), "all");
        AssertBool.isFalse(PreciseMathUtils.validPerc(WHOLE + 1), "more than all");
    }

    function testPercPoints() external {
        AssertUint.equal(PreciseMathUtils.percPoints(1, 4), WHOLE / 4, "a quarter");
        AssertUint.equal(PreciseMathUtils.percPoints(1, 3), WHOLE / 3, "rounded down");
    }

    function testPercOfShare() external {
        AssertUint.equal(PreciseMathUtils.percOf(100, WHOLE / 2), 50, "half");
        AssertUint.equal(PreciseMathUtils.percOf(3, WHOLE / 2), 1, "rounded down");
    }

    function testPercOfFractionRoundsTwice() external {
        AssertUint.equal(PreciseMathUtils.percOf(100, 1, 2), 50, "half");
        AssertUint.equal(PreciseMathUtils.percOf(3, 1, 3), 0, "a third of three: the share was rounded down first");
    }
}
