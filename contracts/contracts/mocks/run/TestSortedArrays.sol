// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedArraysFixture} from "../SortedArraysFixture.sol";
import {AssertUint} from "./AssertUint.sol";
import {AssertBool} from "./AssertBool.sol";

/// @title Ascending arrays
contract TestSortedArrays {
    SortedArraysFixture private sorted;

    function beforeEach() external {
        sorted = new SortedArraysFixture();
    }

    function testEmpty() external {
        AssertUint.isZero(sorted.findLowerBound(3), "nothing to find");
    }

    function testLowerBound() external {
        sorted.pushSorted(2);
        sorted.pushSorted(4);
        sorted.pushSorted(7);
        AssertUint.equal(sorted.findLowerBound(1), 3, "all above: the length");
        AssertUint.equal(sorted.findLowerBound(2), 0, "equal to the first");
        AssertUint.equal(sorted.findLowerBound(6), 1, "between two");
        AssertUint.equal(sorted.findLowerBound(9), 2, "above the last");
    }

    function testEqualValueIsNotRepeated() external {
        sorted.pushSorted(2);
        sorted.pushSorted(2);
        AssertUint.equal(sorted.length(), 1, "once");
    }

    function testDecreasing() external {
        sorted.pushSorted(2);
        (bool ok,) = address(sorted).call(abi.encodeCall(sorted.pushSorted, (1)));
        AssertBool.isFalse(ok, "smaller than the last");
    }
}
