// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedDoublyLL} from "../../libraries/SortedDoublyLL.sol";
import {AssertAddress} from "./AssertAddress.sol";
import {AssertUint} from "./AssertUint.sol";
import {AssertBool} from "./AssertBool.sol";

/// @title What goes into the list, and what does not
contract TestSortedDoublyLLInsert {
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

    function testInsert() external {
        list.insert(NEW, 12, A, B);
        AssertBool.isTrue(list.contains(NEW), "contains");
        AssertBool.isTrue(list.isFull(), "full");
        AssertUint.equal(list.getKey(NEW), 12, "key");
        requireOrder([A, NEW, B, C]);
    }

    function testInsertIntoAnEmptyList() external {
        clear();
        list.insert(NEW, 1, NONE, NONE);
        AssertAddress.equal(list.getFirst(), NEW, "head");
        AssertAddress.equal(list.getLast(), NEW, "tail");
        AssertUint.equal(list.getSize(), 1, "size");
    }

    function testFull() external {
        list.insert(NEW, 12, NONE, NONE);
        refuses(abi.encodeCall(this.insertFromOutside, (address(10), 12)), "a full list takes nothing");
    }

    function testTwice() external {
        refuses(abi.encodeCall(this.insertFromOutside, (A, 12)), "a node is there once");
    }

    function testNull() external {
        refuses(abi.encodeCall(this.insertFromOutside, (NONE, 12)), "zero is no node");
    }

    function testZeroKey() external {
        refuses(abi.encodeCall(this.insertFromOutside, (NEW, 0)), "zero is no key");
    }

    function refuses(bytes memory _call, string memory _message) private {
        (bool ok,) = address(this).call(_call);
        AssertBool.isFalse(ok, _message);
    }

    function insertFromOutside(address _id, uint256 _key) external {
        list.insert(_id, _key, NONE, NONE);
    }

    function removeFromOutside(address _id) external {
        list.remove(_id);
    }

    function updateFromOutside(address _id, uint256 _key) external {
        list.updateKey(_id, _key, NONE, NONE);
    }
}
