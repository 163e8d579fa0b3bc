// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {SortedDoublyLL} from "../../libraries/SortedDoublyLL.sol";
import {AssertAddress} from "./AssertAddress.sol";
import {AssertUint} from "./AssertUint.sol";
import {AssertBool} from "./AssertBool.sol";

/// @title How a node moves
contract TestSortedDoublyLLUpdateKey {
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

    function testUp() external {
        list.updateKey(C, 12, NONE, NONE);
        AssertUint.equal(list.getKey(C), 12, "key");
        requireOrder([A, C, B, NONE]);
    }

    function testDown() external {
        list.updateKey(A, 6, B, C);
        requireOrder([B, A, C, NONE]);
    }

    function testInPlace() external {
        list.updateKey(B, 12, A, C);
        AssertUint.equal(list.getKey(B), 12, "key");
        requireOrder([A, B, C, NONE]);
    }

    function testToZero() external {
        list.updateKey(B, 0, NONE, NONE);
        AssertBool.isFalse(list.contains(B), "gone");
        requireOrder([A, C, NONE, NONE]);
    }

    function testInAFullList() external {
        list.insert(NEW, 12, A, B);
        list.updateKey(NEW, 4, NONE, NONE);
        requireOrder([A, B, C, NEW]);
    }

    function testAbsent() external {
        refuses(abi.encodeCall(this.updateFromOutside, (NEW, 1)), "what is not there cannot move");
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
