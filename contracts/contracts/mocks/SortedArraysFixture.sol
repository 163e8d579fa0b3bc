// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedArrays} from "../bonding/libraries/SortedArrays.sol";

/// @title One ascending array, reachable from outside
contract SortedArraysFixture {
    uint256[] public array;

    function pushSorted(uint256 _val) external {
        SortedArrays.pushSorted(array, _val);
    }

    function findLowerBound(uint256 _val) external view returns (uint256) {
        return SortedArrays.findLowerBound(array, _val);
    }

    function length() external view returns (uint256) {
        return array.length;
    }
}
