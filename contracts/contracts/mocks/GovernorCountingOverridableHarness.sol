// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {GovernorUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/GovernorUpgradeable.sol";
import {GovernorSettingsUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorSettingsUpgradeable.sol";
import {GovernorVotesUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorVotesUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";

import {GovernorCountingOverridable, IVotes} from "../treasury/GovernorCountingOverridable.sol";

/// @title A governor that is little more than the counting of votes
contract GovernorCountingOverridableHarness is
    Initializable,
    GovernorUpgradeable,
    GovernorSettingsUpgradeable,
    GovernorVotesUpgradeable,
    GovernorCountingOverridable
{
    uint256 private constant PERIOD = 100;
    uint256 private constant QUOTA = 420000;
    uint256 private constant QUORUM = 370000;
    uint256 private constant MILLION = 1000000;

    function initialize(IVotes _votes) external initializer {
        __Governor_init("GovernorCountingOverridableConcrete");
        __GovernorSettings_init(0, PERIOD, 0);
        __GovernorVotes_init(_votes);
        __GovernorCountingOverridable_init(QUOTA);
    }

    function quorumReached(uint256 _proposalId) external view returns (bool) {
        return _quorumReached(_proposalId);
    }

    function voteSucceeded(uint256 _proposalId) external view returns (bool) {
        return _voteSucceeded(_proposalId);
    }

    function votes() public view override returns (IVotes) {
        return IVotes(address(token));
    }

    function quorum(uint256 _timepoint) public view override returns (uint256) {
        return (token.getPastTotalSupply(_timepoint) * QUORUM) / MILLION;
    }

    function proposalThreshold()
        public
        view
        override(GovernorUpgradeable, GovernorSettingsUpgradeable)
        returns (uint256)
    {
        return super.proposalThreshold();
    }
}
