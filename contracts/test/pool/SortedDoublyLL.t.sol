// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {SortedDoublyLL} from "../../contracts/libraries/SortedDoublyLL.sol";

/// A list of a hundred nodes with the keys 2, 4, 6, ...; node i has the key 2i.
contract PoolOf100 {
    using SortedDoublyLL for SortedDoublyLL.Data;

    SortedDoublyLL.Data private list;

    constructor() {
        list.setMaxSize(100);
        for (uint160 i = 1; i <= 100; i++) list.insert(address(i), 2 * i, address(0), address(i - 1));
    }

    /// Gas of giving node 20 the odd key `newKey` of at least 41.
    function update(uint256 newKey, bool hinted) external returns (uint256 used) {
        uint160 below = uint160(newKey / 2);
        (address prev, address next) = (address(below + 1), address(below == 20 ? 19 : below));
        if (!hinted) (prev, next) = (address(0), address(0));
        used = gasleft();
        list.updateKey(address(20), newKey, prev, next);
        used -= gasleft();
    }
}

/// The list against a plain array with the same rules, and the order of equal keys.
contract SortedDoublyLLTest {
    using SortedDoublyLL for SortedDoublyLL.Data;

    /// Calldata gas of two hints.
    uint256 private constant HINT_CALLDATA = 736;

    PoolOf100 private plainPool;
    PoolOf100 private hintedPool;
    SortedDoublyLL.Data private list;
    address[] private model; // descending
    mapping(address id => uint256) private keys;

    function setUp() public {
        list.setMaxSize(12);
        (plainPool, hintedPool) = (new PoolOf100(), new PoolOf100());
    }

    function test_WithoutHintsANodeGoesBeforeAllEqualKeys() public {
        fill(5, 5, 3);
        list.insert(at(9), 5, address(0), address(0));
        require(list.getFirst() == at(9), "insert");
        list.updateKey(at(2), 5, address(0), address(0));
        require(list.getFirst() == at(2), "update with the same key");
    }

    function test_NextHintEqualToTheTailMakesTheNodeTheTail() public {
        fill(5, 4, 3);
        list.insert(at(9), 3, address(0), at(3));
        require(list.getLast() == at(9), "tail");
    }

    function test_PrevHintWithEqualKeyPutsTheNodeBehindItButBeforeTheHead() public {
        fill(5, 4, 3);
        list.insert(at(8), 4, at(2), address(0));
        require(list.getPrev(at(8)) == at(2), "behind");
        list.insert(at(9), 5, at(1), address(0));
        require(list.getFirst() == at(9), "before the head");
    }

    function test_AHintThatNamesTheNodeItselfIsAbsent() public {
        fill(5, 4, 3);
        list.updateKey(at(3), 6, at(3), at(3));
        require(list.getFirst() == at(3), "moved by search");
    }

    function testFuzz_BehavesLikeAnArray(uint256 seed) public {
        for (uint256 i = 0; i < 50; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            address id = at((seed >> 8) % 14 + 1);
            uint256 key = (seed >> 16) % 6; // few keys: many ties
            if (keys[id] == 0) {
                if (key == 0 || model.length == 12) continue;
                (address p, address n) = place(seed >> 32, key);
                list.insert(id, key, p, n);
                put(id, key, p, n);
            } else {
                take(id);
                (address p, address n) = key == 0 ? (address(0), address(0)) : place(seed >> 32, key);
                list.updateKey(id, key, p, n);
                if (key > 0) put(id, key, p, n);
            }
            compare();
        }
    }

    function test_CorrectHintIsCheaperInPlaceToo() public {
        (uint256 plain, uint256 hinted) = (plainPool.update(41, false), hintedPool.update(41, true));
        require(hinted + HINT_CALLDATA < plain, "hint does not pay");
    }

    function test_CorrectHintIsCheaperForAMoveByOne() public {
        (uint256 plain, uint256 hinted) = (plainPool.update(43, false), hintedPool.update(43, true));
        require(hinted + HINT_CALLDATA < plain, "hint does not pay");
    }

    function test_WithoutHintAMoveByTenPlacesDoesNotWalkTheList() public {
        (uint256 plain, uint256 hinted) = (plainPool.update(61, false), hintedPool.update(61, true));
        require(hinted < plain && plain < hinted + 32_000, "walks too far");
    }

    function at(uint256 i) private pure returns (address) {
        return address(uint160(0x50 + i));
    }

    function fill(uint256 a, uint256 b, uint256 c) private {
        list.insert(at(1), a, address(0), address(0));
        list.insert(at(2), b, at(1), address(0));
        list.insert(at(3), c, at(2), address(0));
    }

    /// No hint, or a valid pair chosen among the places with equal keys.
    function place(uint256 random, uint256 key) private view returns (address, address) {
        if (random % 2 == 0 || model.length == 0) return (address(0), address(0));
        uint256 low;
        while (low < model.length && keys[model[low]] > key) low++;
        uint256 high = low;
        while (high < model.length && keys[model[high]] == key) high++;
        uint256 i = low + (random >> 8) % (high - low + 1);
        return (i == 0 ? address(0) : model[i - 1], i == model.length ? address(0) : model[i]);
    }

    function put(address id, uint256 key, address prev, address next) private {
        uint256 i;
        if (prev == address(0) && next == address(0)) while (i < model.length && keys[model[i]] > key) i++;
        else if (prev != address(0)) while (model[i++] != prev) {}
        model.push(id);
        for (uint256 j = model.length - 1; j > i; j--) model[j] = model[j - 1];
        model[i] = id;
        keys[id] = key;
    }

    function take(address id) private {
        uint256 i;
        while (model[i] != id) i++;
        for (; i + 1 < model.length; i++) model[i] = model[i + 1];
        model.pop();
        keys[id] = 0;
    }

    function compare() private view {
        require(list.getSize() == model.length, "size");
        address down = list.getFirst();
        address up = list.getLast();
        for (uint256 i = 0; i < model.length; i++) {
            require(down == model[i] && list.getKey(down) == keys[down], "order downwards");
            require(up == model[model.length - 1 - i], "order upwards");
            (down, up) = (list.getNext(down), list.getPrev(up));
        }
        require(down == address(0) && up == address(0), "ends");
    }
}
