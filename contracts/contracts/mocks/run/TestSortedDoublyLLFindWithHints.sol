// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedDoublyLL} from "../../libraries/SortedDoublyLL.sol";
import {AssertAddress} from "./AssertAddress.sol";
import {AssertUint} from "./AssertUint.sol";

/// @title Where a new node goes when a hint is right or nearly so
contract TestSortedDoublyLLFindWithHints {
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

    function testValidPair() external {
        list.insert(NEW, 7, B, C);
        requireOrder([A, B, NEW, C]); // the pair as it is
    }

    function testPairAtTheHead() external {
        list.insert(NEW, 14, NONE, A);
        requireOrder([NEW, A, B, C]); // before the head
    }

    function testPairAtTheTail() external {
        list.insert(NEW, 3, C, NONE);
        requireOrder([A, B, C, NEW]); // behind the tail
    }

    function testOnlyPrev() external {
        list.insert(NEW, 7, A, NONE);
        requireOrder([A, B, NEW, C]); // down from it
    }

    function testOnlyPrevTooSmall() external {
        list.insert(NEW, 12, C, NONE);
        requireOrder([A, NEW, B, C]); // dropped, so from the head
    }

    function testOnlyNext() external {
        list.insert(NEW, 12, NONE, C);
        requireOrder([A, NEW, B, C]); // up from it
    }

    function testOnlyNextTooGreat() external {
        list.insert(NEW, 4, NONE, A);
        requireOrder([A, B, C, NEW]); // dropped, so from the head
    }
}
