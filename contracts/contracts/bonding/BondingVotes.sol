// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {PreciseMathUtils} from "../libraries/PreciseMathUtils.sol";
import {Manager} from "../Manager.sol";
import {ManagerProxyTarget} from "../ManagerProxyTarget.sol";
import {IRoundsManager} from "../rounds/IRoundsManager.sol";
import {IBondingManager} from "./IBondingManager.sol";
import {IBondingVotes} from "./IBondingVotes.sol";
import {BondHistory} from "./libraries/BondHistory.sol";
import {EarningsPoolLIP36} from "./libraries/EarningsPoolLIP36.sol";
import {SortedArrays} from "./libraries/SortedArrays.sol";

/// @title BondingVotes
/// @notice Keeps the stake of every account by rounds and answers who had how many votes at a round's start.
/// The unit of time is the round: "past at round r" is the state at the end of r, the start of r + 1.
/// @dev Values at past rounds never change. The BondingManager writes, anyone reads.
contract BondingVotes is ManagerProxyTarget, IBondingVotes {
    using BondHistory for BondHistory.Data;

    // Beside the Controller: read and written once a round.
    uint40 private totalsCount;
    uint40 private lastTotalRound;

    mapping(address account => BondHistory.Data) private histories;

    /// Stake of the active orchestrators by initialized rounds, in ascending order and two to a slot: the round in the
    /// upper 32 bits of a half, the stake in the lower 96.
    mapping(uint256 pair => uint128[2]) private totals;

    modifier onlyBondingManager() {
        address manager = _registered(keccak256("BondingManager"));
        if (msg.sender != manager) revert InvalidCaller(msg.sender, manager);
        _;
    }

    modifier onlyPast(uint256 _round) {
        uint256 current = clock();
        if (_round >= current) revert FutureLookup(_round, current == 0 ? 0 : current - 1);
        _;
    }

    constructor(address _controller) Manager(_controller) {}

    /// @inheritdoc IBondingVotes
    function checkpointBondingState(
        address _account,
        uint256 _startRound,
        uint256 _bondedAmount,
        address _delegateAddress,
        uint256 _delegatedAmount,
        uint256 _lastClaimRound,
        uint256 _lastRewardRound
    ) external virtual onlyBondingManager {
        uint256 nextRound = uint256(clock()) + 1;
        if (_startRound != nextRound) revert InvalidStartRound(_startRound, nextRound);
        if (_lastClaimRound >= _startRound) revert FutureLastClaimRound(_lastClaimRound, _startRound - 1);

        BondHistory.Checkpoint memory next = BondHistory.Checkpoint({
            startRound: _startRound,
            bondedAmount: _bondedAmount,
            delegateAddress: _delegateAddress,
            delegatedAmount: _delegatedAmount,
            lastClaimRound: _lastClaimRound,
            lastRewardRound: _lastRewardRound
        });
        BondHistory.Checkpoint memory previous = histories[_account].record(next);
        _emitChanges(_account, previous, next);
    }

    /// @inheritdoc IBondingVotes
    function checkpointTotalActiveStake(uint256 _totalStake, uint256 _round) external virtual onlyBondingManager {
        uint256 current = clock();
        if (_round != current) revert InvalidTotalStakeCheckpointRound(_round, current);
        require(_totalStake <= type(uint96).max, "total stake exceeds 96 bits");
        require(_round <= type(uint32).max, "round exceeds 32 bits");

        (uint256 count, uint256 lastRound) = (totalsCount, lastTotalRound);
        if (count > 0 && _round < lastRound) revert SortedArrays.DecreasingValues(_round, lastRound);
        if (count == 0 || _round > lastRound) {
            count++;
            (totalsCount, lastTotalRound) = (uint40(count), uint40(_round));
        }
        totals[(count - 1) / 2][(count - 1) % 2] = uint128((_round << 96) | _totalStake);
    }

    /// Votes as of the next round's start, from the stake as it is now.
    function getVotes(address _account) external view returns (uint256) {
        return _votesAt(_account, uint256(clock()) + 1);
    }

    function getPastVotes(address _account, uint256 _round) external view onlyPast(_round) returns (uint256) {
        return _votesAt(_account, _round + 1);
    }

    function delegates(address _account) external view returns (address) {
        return _delegateAt(_account, uint256(clock()) + 1);
    }

    function delegatedAt(address _account, uint256 _round) external view onlyPast(_round) returns (address) {
        return _delegateAt(_account, _round + 1);
    }

    /// Counts the active set only, while every registered orchestrator and its delegators have votes.
    function totalSupply() external view returns (uint256) {
        return getTotalActiveStakeAt(uint256(clock()) + 1);
    }

    function getPastTotalSupply(uint256 _round) external view onlyPast(_round) returns (uint256) {
        return getTotalActiveStakeAt(_round + 1);
    }

    /// @inheritdoc IBondingVotes
    function hasCheckpoint(address _account) external view returns (bool) {
        return histories[_account].exists();
    }

    function name() external pure returns (string memory) {
        return "Livepeer Voting Power";
    }

    function symbol() external pure returns (string memory) {
        return "vLPT";
    }

    function decimals() external pure returns (uint8) {
        return 18;
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=livepeer_round";
    }

    /// Delegates are chosen by bonding.
    function delegate(address) external pure {
        revert MustCallBondingManager("bond");
    }

    /// Delegates are chosen by bonding.
    function delegateBySig(address, uint256, uint256, uint8, bytes32, bytes32) external pure {
        revert MustCallBondingManager("bondFor");
    }

    function clock() public view returns (uint48) {
        uint256 round = IRoundsManager(_registered(keccak256("RoundsManager"))).currentRound();
        require(round <= type(uint48).max, "SafeCast: value doesn't fit in 48 bits");
        return uint48(round);
    }

    /// @inheritdoc IBondingVotes
    /// @dev A round that was never initialized has the total of the next one that was.
    function getTotalActiveStakeAt(uint256 _round) public view virtual returns (uint256) {
        _requireKnown(_round);
        uint256 count = totalsCount;
        (uint256 low, uint256 high) = (0, count); // totals before low are of earlier rounds, from high on of no earlier one
        while (low < high) {
            uint256 mid = (low + high) / 2;
            (uint256 round,) = _total(mid);
            if (round < _round) low = mid + 1;
            else high = mid;
        }
        if (low == count) return count == 0 ? 0 : _bondingManager().nextRoundTotalActiveStake();

        (uint256 foundRound, uint256 stake) = _total(low);
        bool beforeTheFirst = low == 0 && foundRound != _round;
        return beforeTheFirst ? 0 : stake;
    }

    /// @inheritdoc IBondingVotes
    function getVotesAndDelegateAtRoundStart(address _account, uint256 _round)
        public
        view
        virtual
        returns (uint256 votes, address delegateAddress)
    {
        _requireKnown(_round);
        BondHistory.Checkpoint memory state = histories[_account].at(_round);
        delegateAddress = state.delegateAddress;

        if (state.bondedAmount == 0) votes = 0;
        else if (delegateAddress == _account) votes = state.delegatedAmount;
        else votes = _delegatorVotes(state, _round);
    }

    function _total(uint256 _index) private view returns (uint256 round, uint256 stake) {
        uint128 half = totals[_index / 2][_index % 2];
        return (half >> 96, uint96(half));
    }

    function _votesAt(address _account, uint256 _round) private view returns (uint256 votes) {
        (votes,) = getVotesAndDelegateAtRoundStart(_account, _round);
    }

    function _delegateAt(address _account, uint256 _round) private view returns (address delegateAddress) {
        (, delegateAddress) = getVotesAndDelegateAtRoundStart(_account, _round);
    }

    /// A delegator's stake with the rewards up to the delegate's last one before `_round`, claimed or not; none
    /// where the delegate is not a registered orchestrator then.
    function _delegatorVotes(BondHistory.Checkpoint memory _state, uint256 _round) private view returns (uint256) {
        address delegateAddress = _state.delegateAddress;
        uint256 startFactor = _rewardFactor(delegateAddress, _state.lastClaimRound);
        BondHistory.Checkpoint memory delegateState = histories[delegateAddress].at(_round);

        uint256 endFactor = 0;
        uint256 lastRewardRound = delegateState.lastRewardRound;
        if (lastRewardRound > 0) {
            endFactor = _rewardFactor(delegateAddress, lastRewardRound);
            if (endFactor == 0) revert MissingEarningsPool(delegateAddress, lastRewardRound);
        }

        if (!_isTranscoder(delegateAddress, delegateState)) return 0;
        if (lastRewardRound < _state.lastClaimRound) return _state.bondedAmount;
        return EarningsPoolLIP36.stakeAfter(_state.bondedAmount, startFactor, endFactor);
    }

    function _emitChanges(
        address _account,
        BondHistory.Checkpoint memory _previous,
        BondHistory.Checkpoint memory _next
    ) private {
        if (_previous.delegateAddress != _next.delegateAddress) {
            emit DelegateChanged(_account, _previous.delegateAddress, _next.delegateAddress);
        }

        uint256 previousVotes = _isTranscoder(_account, _previous) ? _previous.delegatedAmount : 0;
        uint256 nextVotes = _isTranscoder(_account, _next) ? _next.delegatedAmount : 0;
        if (previousVotes != nextVotes) emit DelegateVotesChanged(_account, previousVotes, nextVotes);

        if (_previous.bondedAmount != _next.bondedAmount || _previous.lastClaimRound != _next.lastClaimRound) {
            emit DelegatorBondedAmountChanged(
                _account,
                _previous.bondedAmount,
                _previous.lastClaimRound,
                _next.bondedAmount,
                _next.lastClaimRound
            );
        }
    }

    function _requireKnown(uint256 _round) private view {
        uint256 nextRound = uint256(clock()) + 1;
        if (_round > nextRound) revert FutureLookup(_round, nextRound);
    }

    function _rewardFactor(address _transcoder, uint256 _round) private view returns (uint256 factor) {
        (,,, factor,) = _bondingManager().getTranscoderEarningsPoolForRound(_transcoder, _round);
    }

    function _isTranscoder(address _account, BondHistory.Checkpoint memory _state) private pure returns (bool) {
        return _state.delegateAddress == _account && _state.bondedAmount > 0;
    }

    function _bondingManager() private view returns (IBondingManager) {
        return IBondingManager(_registered(keccak256("BondingManager")));
    }

    function _registered(bytes32 _id) private view returns (address) {
        return controller.getContract(_id);
    }
}
