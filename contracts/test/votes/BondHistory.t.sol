// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondHistory} from "../../contracts/bonding/libraries/BondHistory.sol";
import {SortedArrays} from "../../contracts/bonding/libraries/SortedArrays.sol";

/// Packed checkpoints read back as they were written, at every round.
contract BondHistoryTest {
    using BondHistory for BondHistory.Data;
    using SortedArrays for uint256[];

    BondHistory.Data private history;
    BondHistory.Checkpoint[] private model; // as written, in order; the last one of a round counts
    uint256[] private array;

    function testFuzz_EveryPastStateIsReadBack(uint256 seed) public {
        uint256 round = 5;
        for (uint256 i = 0; i < 25; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            round += (seed >> 200) % 3;
            BondHistory.Checkpoint memory next = random(seed, round);
            BondHistory.Checkpoint memory previous = history.record(next);
            requireSame(previous, expectedAt(round));
            model.push(next);
            for (uint256 r = 0; r <= round + 1; r++) requireSame(history.at(r), expectedAt(r));
        }
    }

    function testFuzz_LowerBoundIsTheLastElementNotAbove(uint256 seed, uint256 value) public {
        uint256 last;
        value %= 60;
        for (uint256 i = 0; i < 20; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            last += seed % 4;
            array.pushSorted(last);
        }
        uint256 found = array.findLowerBound(value);
        if (found == array.length) {
            require(array[0] > value, "all above");
        } else {
            require(array[found] <= value, "not above");
            require(found + 1 == array.length || array[found + 1] > value, "the last one");
        }
    }

    /// Few values, so that accounts turn from plain delegators to orchestrators and back with the same delegate.
    function random(uint256 seed, uint256 round) private pure returns (BondHistory.Checkpoint memory c) {
        c.startRound = round;
        c.bondedAmount = seed % 3;
        c.delegateAddress = address(uint160((seed >> 8) % 2));
        c.delegatedAmount = ((seed >> 16) % 3) / 2;
        c.lastClaimRound = (seed >> 24) % round;
        c.lastRewardRound = ((seed >> 32) % 3) / 2;
    }

    function expectedAt(uint256 round) private view returns (BondHistory.Checkpoint memory c) {
        for (uint256 i = 0; i < model.length && model[i].startRound <= round; i++) c = model[i];
    }

    function requireSame(BondHistory.Checkpoint memory a, BondHistory.Checkpoint memory b) private pure {
        require(keccak256(abi.encode(a)) == keccak256(abi.encode(b)), "state differs");
    }
}
