// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedDoublyLL} from "../../libraries/SortedDoublyLL.sol";
import {AssertAddress} from "./AssertAddress.sol";
import {AssertUint} from "./AssertUint.sol";

/// @title Where a new node goes among equal keys, and when hints are useless
contract TestSortedDoublyLLFindWithHints2 {
    using SortedDoublyLL for SortedDoublyLL.Data;

    address internal constant A = address(1);
    address internal constant B = address(2);
    address internal constant C = address(3);
    address internal constant NEW = address(9);
    address internal constant NONE = address(0);

    SortedDoublyLL.Data private list;

    /// Keys 13, 11 and 5, with room for one more.
    function beforeEach() external {
        clear();
        if (list.getMaxSize() == 0) list.setMaxSize(4);
        list.insert(A, 13, NONE, NONE);
        list.insert(B, 11, A, NONE);
        list.insert(C, 5, B, NONE);
    }

    function clear() private {
        while (!list.isEmpty()) list.remove(list.getFirst());
    }

    /// Whether the list is these, from the greatest key down.
    function requireOrder(address[4] memory _ids) private {
        address id = list.getFirst();
        for (uint256 i = 0; i < 4 && _ids[i] != NONE; i++) {
            AssertAddress.equal(id, _ids[i], "order from the head");
            AssertAddress.equal(list.getPrev(id), i == 0 ? NONE : _ids[i - 1], "link towards the head");
            id = list.getNext(id);
        }
        AssertAddress.isZero(id, "end");
        AssertUint.equal(list.getSize(), _ids[3] == NONE ? (_ids[2] == NONE ? 2 : 3) : 4, "size");
    }

    function testNoHintBeforeEquals() external {
        list.insert(NEW, 11, NONE, NONE);
        requireOrder([A, NEW, B, C]); // before all equal keys
    }

    function testNextEqualToTheTail() external {
        list.insert(NEW, 5, NONE, C);
        requireOrder([A, B, C, NEW]); // it becomes the tail
    }

    function testNextEqualElsewhere() external {
        list.insert(NEW, 11, NONE, B);
        requireOrder([A, NEW, B, C]); // directly before it
    }

    function testPrevEqualToTheHead() external {
        list.insert(NEW, 13, A, NONE);
        requireOrder([NEW, A, B, C]); // it becomes the head
    }

    function testPrevEqualElsewhere() external {
        list.insert(NEW, 11, B, NONE);
        requireOrder([A, B, NEW, C]); // directly after it
    }

    function testAbsentHints() external {
        list.insert(NEW, 7, address(77), address(78));
        requireOrder([A, B, NEW, C]); // searched from the head
    }

    function testNotNeighbours() external {
        list.insert(NEW, 7, A, C);
        requireOrder([A, B, NEW, C]); // down from the first
    }

    function testBothOnTheWrongSide() external {
        list.insert(NEW, 14, C, B);
        requireOrder([NEW, A, B, C]); // up from the second
    }
}
