// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {GovernorUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/GovernorUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";

import {IVotes} from "./IVotes.sol";

/// @title Counts votes so that a delegator's own vote counts instead of its delegate's
/// @notice Who delegated to a self-delegated account and votes takes its weight out of that
/// account's vote, whichever of the two votes first.
abstract contract GovernorCountingOverridable is Initializable, GovernorUpgradeable {
    error InvalidVoteType(uint8 voteType);
    error VoteAlreadyCast();

    enum VoteType {
        Against,
        For,
        Abstain
    }

    /// @dev What is known of one account in one proposal
    struct ProposalVoterState {
        bool hasVoted;
        VoteType support;
        // Weight that delegators took back by voting themselves.
        uint256 deductions;
    }

    struct ProposalTally {
        uint256 againstVotes;
        uint256 forVotes;
        uint256 abstainVotes;
        mapping(address => ProposalVoterState) voters;
    }

    uint256 private constant PERC_DIVISOR = 1000000;

    mapping(uint256 => ProposalTally) private _proposalTallies;

    /// @notice Share of votes for, among those for and against, that a proposal needs; in millionths
    uint256 public quota;

    /// @dev Room for more state without moving that of derived contracts
    uint256[48] private __gap;

    function __GovernorCountingOverridable_init(uint256 _quota) internal onlyInitializing {
        __GovernorCountingOverridable_init_unchained(_quota);
    }

    function __GovernorCountingOverridable_init_unchained(uint256 _quota) internal onlyInitializing {
        quota = _quota;
    }

    // solhint-disable-next-line func-name-mixedcase
    function COUNTING_MODE() public pure virtual override returns (string memory) {
        return "support=bravo&quorum=for,abstain,against";
    }

    /// @notice Whether an account voted on a proposal
    function hasVoted(uint256 _proposalId, address _account) public view virtual override returns (bool) {
        return _proposalTallies[_proposalId].voters[_account].hasVoted;
    }

    /// @notice The votes on a proposal so far
    function proposalVotes(uint256 _proposalId)
        public
        view
        virtual
        returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes)
    {
        ProposalTally storage tally = _proposalTallies[_proposalId];
        return (tally.againstVotes, tally.forVotes, tally.abstainVotes);
    }

    /// @notice Where votes are known. A self-delegated account has at least the votes of its delegators.
    function votes() public view virtual returns (IVotes);

    function _quorumReached(uint256 _proposalId) internal view virtual override returns (bool) {
        (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes) = proposalVotes(_proposalId);
        return againstVotes + forVotes + abstainVotes >= quorum(proposalSnapshot(_proposalId));
    }

    function _voteSucceeded(uint256 _proposalId) internal view virtual override returns (bool) {
        (uint256 againstVotes, uint256 forVotes,) = proposalVotes(_proposalId);
        uint256 needed = ((againstVotes + forVotes) * quota) / PERC_DIVISOR;
        return forVotes >= needed;
    }

    function _countVote(
        uint256 _proposalId,
        address _account,
        uint8 _supportInt,
        uint256 _weight,
        bytes memory // no parameters
    ) internal virtual override {
        if (_supportInt > uint8(VoteType.Abstain)) {
            revert InvalidVoteType(_supportInt);
        }
        VoteType support = VoteType(_supportInt);
        ProposalTally storage tally = _proposalTallies[_proposalId];
        ProposalVoterState storage voter = tally.voters[_account];
        if (voter.hasVoted) {
            revert VoteAlreadyCast();
        }
        voter.hasVoted = true;
        voter.support = support;

        _add(tally, support, _effectiveWeight(_proposalId, tally, voter, _account, _weight));
    }

    /// @dev The weight an account has left, after its delegate gave it back
    function _effectiveWeight(
        uint256 _proposalId,
        ProposalTally storage _tally,
        ProposalVoterState storage _voter,
        address _account,
        uint256 _weight
    ) private returns (uint256) {
        uint256 timepoint = proposalSnapshot(_proposalId);
        address delegate = votes().delegatedAt(_account, timepoint);
        if (delegate == _account) {
            return _weight - _voter.deductions;
        }
        // Who is not self-delegated has no votes of others, so there is nothing to take back.
        if (votes().delegatedAt(delegate, timepoint) != delegate) {
            return _weight;
        }
        ProposalVoterState storage delegated = _tally.voters[delegate];
        delegated.deductions += _weight;
        if (delegated.hasVoted) {
            _subtract(_tally, delegated.support, _weight);
        }
        return _weight;
    }

    function _add(ProposalTally storage _tally, VoteType _support, uint256 _weight) private {
        if (_support == VoteType.Against) {
            _tally.againstVotes += _weight;
        } else if (_support == VoteType.For) {
            _tally.forVotes += _weight;
        } else {
            _tally.abstainVotes += _weight;
        }
    }

    function _subtract(ProposalTally storage _tally, VoteType _support, uint256 _weight) private {
        if (_support == VoteType.Against) {
            _tally.againstVotes -= _weight;
        } else if (_support == VoteType.For) {
            _tally.forVotes -= _weight;
        } else {
            _tally.abstainVotes -= _weight;
        }
    }
}
