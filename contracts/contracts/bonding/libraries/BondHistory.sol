// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Narrow} from "../../libraries/Narrow.sol";
import {SortedArrays} from "./SortedArrays.sol";

/// @title An account's stake over the rounds
/// @notice One word for each round in which something changed, in ascending order, found by binary search.
///
/// @dev A word is, from its top: startRound 40, lastClaimRound 40, lastRewardRound 40, bond 40, amount 96 bits. The
/// start round on top makes the words an ascending array of numbers. `bond` numbers a record of what rarely changes:
/// - An orchestrator's delegated stake and reward round change every round: the word has them, the record has the
///   delegate and the bonded amount.
/// - Nobody bonds to a plain delegator, and it never had a reward: the word has PLAIN as its reward round and the
///   bonded amount, the record has the delegate alone.
/// So a change mostly writes one new slot.
library BondHistory {
    using SortedArrays for uint256[];

    struct Bond {
        address delegate;
        uint96 amount; // not used where the word says PLAIN
    }

    struct Data {
        uint256[] words;
        mapping(uint256 index => Bond) bonds;
    }

    /// An account's state from `startRound` on.
    struct Checkpoint {
        uint256 startRound;
        uint256 bondedAmount;
        address delegateAddress;
        uint256 delegatedAmount;
        uint256 lastClaimRound;
        uint256 lastRewardRound;
    }

    uint256 private constant ROUND_MASK = type(uint40).max;
    uint256 private constant PLAIN = ROUND_MASK;

    /// Records `_next`, over what was recorded for the same round, and returns what was in force before.
    function record(Data storage _history, Checkpoint memory _next) internal returns (Checkpoint memory previous) {
        uint256 length = _history.words.length;
        if (length == 0) {
            _writeBond(_history, 0, _next);
            _history.words.push(_pack(_next, 0));
            return previous;
        }

        uint256 last = _history.words[length - 1];
        previous = _load(_history, last);
        if (_next.startRound < previous.startRound) {
            revert SortedArrays.DecreasingValues(_next.startRound, previous.startRound);
        }

        bool sameRound = _next.startRound == previous.startRound;
        uint256 bond = _bondOf(last);
        if (_needsRecord(previous, _next)) {
            // The record may be rewritten only where no earlier round refers to it.
            bool ownRecord = sameRound && (length == 1 || _bondOf(_history.words[length - 2]) != bond);
            if (!ownRecord) bond++;
            _writeBond(_history, bond, _next);
        }

        if (sameRound) _history.words[length - 1] = _pack(_next, bond);
        else _history.words.push(_pack(_next, bond));
    }

    /// The state in force at the start of `_round`; all zero before the first one.
    function at(Data storage _history, uint256 _round) internal view returns (Checkpoint memory checkpoint) {
        uint256 length = _history.words.length;
        if (length == 0 || _round > ROUND_MASK) return checkpoint;

        uint256 i = _history.words.findLowerBound((_round << 216) | type(uint216).max);
        if (i < length) checkpoint = _load(_history, _history.words[i]);
    }

    /// Whether the record of `_previous` does not serve `_next` as well.
    function _needsRecord(Checkpoint memory _previous, Checkpoint memory _next) private pure returns (bool) {
        if (_next.delegateAddress != _previous.delegateAddress) return true;
        if (_isPlain(_next)) return false;
        return _isPlain(_previous) || _next.bondedAmount != _previous.bondedAmount;
    }

    function _writeBond(Data storage _history, uint256 _index, Checkpoint memory _state) private {
        uint96 amount = _isPlain(_state) ? 0 : Narrow.toLpt(_state.bondedAmount);
        _history.bonds[_index] = Bond(_state.delegateAddress, amount);
    }

    function _load(Data storage _history, uint256 _word) private view returns (Checkpoint memory state) {
        Bond memory bond = _history.bonds[_bondOf(_word)];
        state.startRound = _word >> 216;
        state.lastClaimRound = (_word >> 176) & ROUND_MASK;
        state.delegateAddress = bond.delegate;

        uint256 lastRewardRound = (_word >> 136) & ROUND_MASK;
        if (lastRewardRound == PLAIN) {
            state.bondedAmount = uint96(_word);
        } else {
            state.bondedAmount = bond.amount;
            state.delegatedAmount = uint96(_word);
            state.lastRewardRound = lastRewardRound;
        }
    }

    function _bondOf(uint256 _word) private pure returns (uint256) {
        return (_word >> 96) & ROUND_MASK;
    }

    function _isPlain(Checkpoint memory _state) private pure returns (bool) {
        return _state.delegatedAmount == 0 && _state.lastRewardRound == 0;
    }

    function _pack(Checkpoint memory _state, uint256 _bond) private pure returns (uint256) {
        require(_state.lastRewardRound < PLAIN, "round exceeds 40 bits");
        (uint256 rewardRound, uint256 amount) = _isPlain(_state)
            ? (PLAIN, _state.bondedAmount)
            : (_state.lastRewardRound, _state.delegatedAmount);
        return (uint256(Narrow.toRound(_state.startRound)) << 216)
            | (uint256(Narrow.toRound(_state.lastClaimRound)) << 176) | (rewardRound << 136)
            | (uint256(Narrow.toRound(_bond)) << 96) | Narrow.toLpt(amount);
    }
}
