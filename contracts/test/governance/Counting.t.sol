// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {GovernorCountingOverridable, IVotes} from "../../contracts/treasury/GovernorCountingOverridable.sol";
import {GovernorCountingOverridableHarness} from "../../contracts/mocks/GovernorCountingOverridableHarness.sol";
import {VotesMock} from "../../contracts/mocks/VotesMock.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// A delegator's own vote counts instead of its delegate's, whichever of the two votes first.
contract CountingTest is ForgeTest {
    uint8 private constant AGAINST = 0;
    uint8 private constant FOR = 1;
    uint8 private constant ABSTAIN = 2;
    address private constant CHIEF = address(0xc1);
    address private constant FIRST = address(0xd1);
    address private constant SECOND = address(0xd2);
    address private constant LONER = address(0xe1);
    VotesMock private token;
    GovernorCountingOverridableHarness private governor;
    uint256 private proposal;

    function setUp() public {
        token = new VotesMock();
        token.initialize();
        governor = new GovernorCountingOverridableHarness();
        governor.initialize(IVotes(address(token)));
        give(CHIEF, 100, CHIEF);
        give(FIRST, 30, CHIEF);
        give(SECOND, 20, CHIEF);
        give(LONER, 50, address(0xe2)); // whose delegate does not delegate to itself
        cheats.roll(10);
        propose();
    }

    function test_WhatTheModuleSaysOfItself() public view {
        eq(governor.COUNTING_MODE(), "support=bravo&quorum=for,abstain,against", "mode");
        eq(governor.quota(), 420000, "quota");
        eq(governor.name(), "GovernorCountingOverridableConcrete", "name");
        eq(governor.votingPeriod(), 100, "period");
        eq(governor.votingDelay(), 0, "delay");
        eq(governor.quorum(9), 74, "37 % of 200");
    }

    function test_TheTokenLetsDelegatorsKeepTheirOwnVotes() public view {
        eq(token.name(), "VotesMock", "name");
        eq(token.symbol(), "VTCK", "symbol");
        eq(token.getVotes(CHIEF), 150, "self-delegated: with those of others");
        eq(token.getVotes(FIRST), 30, "the own balance");
        eq(token.getPastVotes(FIRST, 9), 30, "then too");
        eq(token.delegatedAt(FIRST, 9), CHIEF, "delegate");
    }

    function test_TheDelegateVotesForItsDelegators() public {
        vote(CHIEF, FOR);
        tally(0, 150, 0);
    }

    function test_ADelegatorVotesAfterItsDelegate() public {
        vote(CHIEF, FOR);
        vote(FIRST, AGAINST);
        tally(30, 120, 0);
        vote(SECOND, ABSTAIN);
        tally(30, 100, 20);
    }

    function test_ADelegatorVotesBeforeItsDelegate() public {
        vote(FIRST, AGAINST);
        tally(30, 0, 0);
        vote(SECOND, ABSTAIN);
        vote(CHIEF, FOR);
        tally(30, 100, 20);
    }

    function test_WhoseDelegateHasNoVotesOfOthersTakesNothingBack() public {
        vote(LONER, FOR);
        vote(address(0xe2), FOR); // without weight, and counted all the same
        tally(0, 50, 0);
    }

    /// Four votes of any kind in any order: each account's own weight ends in its own choice.
    function testFuzz_TheOrderOfVotesDoesNotMatter(uint256 seed) public {
        address[4] memory voters = [CHIEF, FIRST, SECOND, LONER];
        uint256[4] memory own = [uint256(100), 30, 20, 50];
        uint256[3] memory expected;
        uint256 taken; // bit i: voter i voted
        uint8 chief;
        for (uint256 n = 0; n < 4; n++) {
            uint256 i = (seed >> (8 * n)) % 4;
            if (taken & (1 << i) != 0) continue;
            taken |= 1 << i;
            uint8 support = uint8((seed >> (64 + 8 * n)) % 3);
            if (i == 0) chief = support;
            vote(voters[i], support);
            expected[support] += own[i];
        }
        if (taken & 1 != 0) {
            if (taken & 2 == 0) expected[chief] += 30;
            if (taken & 4 == 0) expected[chief] += 20;
        }
        tally(expected[AGAINST], expected[FOR], expected[ABSTAIN]);
    }

    function test_OneVoteAnAccountAndThreeKindsOfIt() public {
        vote(FIRST, FOR);
        require(governor.hasVoted(proposal, FIRST), "voted");
        no(governor.hasVoted(proposal, SECOND), "did not");
        cheats.prank(FIRST);
        cheats.expectRevert(abi.encodeWithSelector(GovernorCountingOverridable.VoteAlreadyCast.selector));
        governor.castVote(proposal, FOR);
        cheats.prank(SECOND);
        cheats.expectRevert(abi.encodeWithSelector(GovernorCountingOverridable.InvalidVoteType.selector, uint8(7)));
        governor.castVote(proposal, 7);
    }

    function test_AllKindsOfVotesCountForTheQuorum() public {
        vote(LONER, ABSTAIN);
        no(governor.quorumReached(proposal), "50 of 74");
        require(governor.voteSucceeded(proposal), "zero of zero");
        vote(FIRST, AGAINST);
        require(governor.quorumReached(proposal), "80 of 74");
        no(governor.voteSucceeded(proposal), "nobody for it");
    }

    function test_TheQuotaIsOfThoseForAndAgainst() public {
        vote(CHIEF, FOR);
        vote(LONER, AGAINST);
        require(governor.voteSucceeded(proposal), "150 of 200");
        vote(FIRST, AGAINST);
        vote(SECOND, AGAINST);
        require(governor.voteSucceeded(proposal), "100 of 200 are above 42 %");
    }

    function test_BelowTheQuotaItFails() public {
        vote(LONER, FOR);
        vote(CHIEF, AGAINST);
        no(governor.voteSucceeded(proposal), "50 of 200 are below 42 %");
    }

    function give(address account, uint256 amount, address delegate) private {
        token.mint(account, amount);
        cheats.prank(account);
        token.delegate(delegate);
    }

    function propose() private {
        address[] memory targets = new address[](1);
        uint256[] memory values = new uint256[](1);
        (targets[0], values[0]) = (address(this), 100);
        proposal = governor.propose(targets, values, new bytes[](1), "100 wei");
        cheats.roll(12);
    }

    function vote(address voter, uint8 support) private {
        cheats.prank(voter);
        governor.castVote(proposal, support);
    }

    function tally(uint256 against, uint256 for_, uint256 abstain) private view {
        (uint256 a, uint256 f, uint256 b) = governor.proposalVotes(proposal);
        eq(a, against, "against");
        eq(f, for_, "for");
        eq(b, abstain, "abstain");
    }
}
