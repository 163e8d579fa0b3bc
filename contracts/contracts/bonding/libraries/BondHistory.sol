// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Narrow} from "../../libraries/Narrow.sol";
import {SortedArrays} from "./SortedArrays.sol";

/// @title An account's stake over the rounds
/// @notice One word for each round in which something changed. The state in force is a slot of its own; a change in a
/// later round moves it behind those before it, which binary search finds.
///
/// @dev A word is, from its top: startRound, lastClaimRound, lastRewardRound, bond, index with 32 bits each, amount
/// with 96. `index` is the word's place among all, and so the number of words before it. `bond` numbers a record of
/// what rarely changes:
/// - An orchestrator's delegated stake and reward round change every round: the word has them, the record has the
///   delegate and the bonded amount.
/// - Nobody bonds to a plain delegator, and it never had a reward: the word has PLAIN as its reward round and the
///   bonded amount, the record has the delegate alone.
/// So a change mostly writes one new slot.
library BondHistory {
    struct Bond {
        address delegate;
        uint96 amount; // not used where the word says PLAIN
    }

    struct Data {
        uint256 last; // zero before the first checkpoint: no state starts in round zero
        mapping(uint256 index => uint256 word) earlier;
        mapping(uint256 number => Bond) bonds;
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

    uint256 private constant ROUND_MASK = type(uint32).max;
    uint256 private constant PLAIN = ROUND_MASK;

    /// Records `_next`, over what was recorded for the same round, and returns what was in force before.
    function record(Data storage _history, Checkpoint memory _next) internal returns (Checkpoint memory previous) {
        uint256 last = _history.last;
        if (last == 0) {
            _writeBond(_history, 0, _next);
            _history.last = _pack(_next, 0, 0);
            return previous;
        }

        previous = _load(_history, last);
        if (_next.startRound < previous.startRound) {
            revert SortedArrays.DecreasingValues(_next.startRound, previous.startRound);
        }

        (uint256 index, uint256 bond) = (_indexOf(last), _bondOf(last));
        bool sameRound = _next.startRound == previous.startRound;
        if (_needsRecord(previous, _next)) {
            // The record may be rewritten only where no earlier round refers to it.
            bool ownRecord = sameRound && (index == 0 || _bondOf(_history.earlier[index - 1]) != bond);
            if (!ownRecord) bond++;
            _writeBond(_history, bond, _next);
        }

        if (!sameRound) {
            _history.earlier[index] = last;
            index++;
        }
        _history.last = _pack(_next, bond, index);
    }

    /// The state in force at the start of `_round`; all zero before the first one.
    function at(Data storage _history, uint256 _round) internal view returns (Checkpoint memory checkpoint) {
        uint256 word = _history.last;
        if (_startRoundOf(word) > _round) word = _earlierAt(_history, _round, _indexOf(word));
        if (word != 0) checkpoint = _load(_history, word);
    }

    /// Whether there is any checkpoint.
    function exists(Data storage _history) internal view returns (bool) {
        return _history.last != 0;
    }

    /// The last of the first `_count` words that is in force at `_round`; zero if none is.
    function _earlierAt(Data storage _history, uint256 _round, uint256 _count) private view returns (uint256) {
        (uint256 low, uint256 high) = (0, _count); // words before low start by `_round`, from high on after it
        while (low < high) {
            uint256 mid = (low + high) / 2;
            if (_startRoundOf(_history.earlier[mid]) <= _round) low = mid + 1;
            else high = mid;
        }
        return low == 0 ? 0 : _history.earlier[low - 1];
    }

    /// Whether the record of `_previous` does not serve `_next` as well.
    function _needsRecord(Checkpoint memory _previous, Checkpoint memory _next) private pure returns (bool) {
        if (_next.delegateAddress != _previous.delegateAddress) return true;
        if (_isPlain(_next)) return false;
        return _isPlain(_previous) || _next.bondedAmount != _previous.bondedAmount;
    }

    function _writeBond(Data storage _history, uint256 _number, Checkpoint memory _state) private {
        uint96 amount = _isPlain(_state) ? 0 : Narrow.toLpt(_state.bondedAmount);
        _history.bonds[_number] = Bond(_state.delegateAddress, amount);
    }

    function _load(Data storage _history, uint256 _word) private view returns (Checkpoint memory state) {
        Bond memory bond = _history.bonds[_bondOf(_word)];
        state.startRound = _startRoundOf(_word);
        state.lastClaimRound = (_word >> 192) & ROUND_MASK;
        state.delegateAddress = bond.delegate;

        uint256 lastRewardRound = (_word >> 160) & ROUND_MASK;
        if (lastRewardRound == PLAIN) {
            state.bondedAmount = uint96(_word);
        } else {
            state.bondedAmount = bond.amount;
            state.delegatedAmount = uint96(_word);
            state.lastRewardRound = lastRewardRound;
        }
    }

    function _startRoundOf(uint256 _word) private pure returns (uint256) {
        return _word >> 224;
    }

    function _bondOf(uint256 _word) private pure returns (uint256) {
        return (_word >> 128) & ROUND_MASK;
    }

    function _indexOf(uint256 _word) private pure returns (uint256) {
        return (_word >> 96) & ROUND_MASK;
    }

    function _isPlain(Checkpoint memory _state) private pure returns (bool) {
        return _state.delegatedAmount == 0 && _state.lastRewardRound == 0;
    }

    /// Records and words are at most one a round, so their numbers fit where rounds do.
    function _pack(Checkpoint memory _state, uint256 _bond, uint256 _index) private pure returns (uint256) {
        (uint256 startRound, uint256 lastClaimRound) = (_state.startRound, _state.lastClaimRound);
        (uint256 lastRewardRound, uint256 amount) = (_state.lastRewardRound, _state.delegatedAmount);
        require(
            startRound <= ROUND_MASK && lastClaimRound <= ROUND_MASK && lastRewardRound < PLAIN,
            "round exceeds 32 bits"
        );
        if (_isPlain(_state)) (lastRewardRound, amount) = (PLAIN, _state.bondedAmount);
        return (startRound << 224) | (lastClaimRound << 192) | (lastRewardRound << 160) | (_bond << 128)
            | (_index << 96) | Narrow.toLpt(amount);
    }
}
