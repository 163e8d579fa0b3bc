// SPDX-License-Identifier: MIT
pragma solidity ^0.8.9;

import {GovernorUpgradeable, IGovernorUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/GovernorUpgradeable.sol";
import {GovernorSettingsUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorSettingsUpgradeable.sol";
import {GovernorTimelockControlUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorTimelockControlUpgradeable.sol";
import {GovernorVotesQuorumFractionUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorVotesQuorumFractionUpgradeable.sol";
import {GovernorVotesUpgradeable} from
    "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorVotesUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";

import {Manager} from "../Manager.sol";
import {ManagerProxyTarget} from "../ManagerProxyTarget.sol";
import {GovernorCountingOverridable} from "./GovernorCountingOverridable.sol";
import {IVotes} from "./IVotes.sol";
import {Treasury} from "./Treasury.sol";

/// @title Proposals about the treasury, decided by stake
contract LivepeerGovernor is
    ManagerProxyTarget,
    Initializable,
    GovernorUpgradeable,
    GovernorSettingsUpgradeable,
    GovernorTimelockControlUpgradeable,
    GovernorVotesUpgradeable,
    GovernorVotesQuorumFractionUpgradeable,
    GovernorCountingOverridable
{
    bytes32 private constant BONDING_VOTES = keccak256("BondingVotes");
    bytes32 private constant TREASURY = keccak256("Treasury");

    constructor(address _controller) Manager(_controller) {
        // The implementation itself is never used.
        _disableInitializers();
    }

    /// @notice Sets the governor up, once, through its proxy
    function initialize(
        uint256 initialVotingDelay,
        uint256 initialVotingPeriod,
        uint256 initialProposalThreshold,
        uint256 initialQuorum,
        uint256 quota
    ) public initializer {
        __Governor_init("LivepeerGovernor");
        __GovernorSettings_init(initialVotingDelay, initialVotingPeriod, initialProposalThreshold);
        __GovernorTimelockControl_init(_treasury());
        // Fixed from here on; see bumpGovernorVotesTokenAddress.
        __GovernorVotes_init(votes());
        __GovernorVotesQuorumFraction_init(initialQuorum);
        __GovernorCountingOverridable_init(quota);
    }

    /// @notice Quorum is counted in millionths
    function quorumDenominator() public view virtual override returns (uint256) {
        return 1000000;
    }

    /// @inheritdoc GovernorCountingOverridable
    function votes() public view override returns (IVotes) {
        return IVotes(controller.getContract(BONDING_VOTES));
    }

    /// @notice Takes the power to vote from the BondingVotes that is registered now
    function bumpGovernorVotesTokenAddress() external {
        token = votes();
    }

    function _treasury() private view returns (Treasury) {
        return Treasury(payable(controller.getContract(TREASURY)));
    }

    // What several of the modules define is settled here.

    function proposalThreshold()
        public
        view
        override(GovernorUpgradeable, GovernorSettingsUpgradeable)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function state(uint256 proposalId)
        public
        view
        override(GovernorUpgradeable, GovernorTimelockControlUpgradeable)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(GovernorUpgradeable, GovernorTimelockControlUpgradeable)
        returns (bool)
    {
        return super.supportsInterface(interfaceId);
    }

    function _execute(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(GovernorUpgradeable, GovernorTimelockControlUpgradeable) {
        super._execute(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(GovernorUpgradeable, GovernorTimelockControlUpgradeable) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor()
        internal
        view
        override(GovernorUpgradeable, GovernorTimelockControlUpgradeable)
        returns (address)
    {
        return super._executor();
    }
}
