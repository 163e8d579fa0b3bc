// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondingVotes} from "../../contracts/bonding/BondingVotes.sol";
import {IBondingVotes} from "../../contracts/bonding/IBondingVotes.sol";
import {BondingManagerMock} from "../../contracts/mocks/BondingManagerMock.sol";
import {GenericMock} from "../../contracts/mocks/GenericMock.sol";
import {Controller} from "../../contracts/Controller.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// Checkpoints by rounds: who may write them, what they say, and that the past stays.
contract BondingVotesTest is ForgeTest {
    address private constant CHIEF = address(0xc1);
    address private constant FOLLOWER = address(0xf1);
    uint256 private constant ONE = 10 ** 27;
    Controller private controller;
    BondingManagerMock private manager;
    GenericMock private clock;
    BondingVotes private votes;

    event DelegateChanged(address indexed delegator, address indexed fromDelegate, address indexed toDelegate);
    event DelegateVotesChanged(address indexed delegate, uint256 previousBalance, uint256 newBalance);

    function setUp() public {
        controller = new Controller();
        manager = new BondingManagerMock();
        clock = new GenericMock();
        votes = new BondingVotes(address(controller));
        controller.setContractInfo(keccak256("BondingManager"), address(manager), 0);
        controller.setContractInfo(keccak256("RoundsManager"), address(clock), 0);
        setRound(1000);
    }

    function test_Constants() public {
        eq(votes.name(), "Livepeer Voting Power", "name");
        eq(votes.symbol(), "vLPT", "symbol");
        eq(votes.decimals(), 18, "decimals");
        eq(votes.CLOCK_MODE(), "mode=livepeer_round", "mode");
        eq(votes.clock(), 1000, "clock");
        cheats.expectRevert(abi.encodeWithSelector(IBondingVotes.MustCallBondingManager.selector, "bond"));
        votes.delegate(CHIEF);
        cheats.expectRevert(abi.encodeWithSelector(IBondingVotes.MustCallBondingManager.selector, "bondFor"));
        votes.delegateBySig(CHIEF, 0, 0, 0, 0, 0);
        setRound(2 ** 48);
        cheats.expectRevert();
        votes.clock();
    }

    function test_OnlyTheBondingManagerWrites() public {
        cheats.expectRevert(
            abi.encodeWithSelector(IBondingVotes.InvalidCaller.selector, address(this), address(manager))
        );
        votes.checkpointBondingState(CHIEF, 1001, 1, CHIEF, 1, 1000, 0);
        cheats.expectRevert(
            abi.encodeWithSelector(IBondingVotes.InvalidCaller.selector, address(this), address(manager))
        );
        votes.checkpointTotalActiveStake(1, 1000);
    }

    function test_RoundsOfCheckpointsAreChecked() public {
        write(abi.encodeWithSelector(IBondingVotes.InvalidStartRound.selector, 1000, 1001), 1000, 999);
        write(abi.encodeWithSelector(IBondingVotes.InvalidStartRound.selector, 1002, 1001), 1002, 1500);
        write(abi.encodeWithSelector(IBondingVotes.FutureLastClaimRound.selector, 1001, 1000), 1001, 1001);
        cheats.prank(address(manager));
        cheats.expectRevert(
            abi.encodeWithSelector(IBondingVotes.InvalidTotalStakeCheckpointRound.selector, 999, 1000)
        );
        votes.checkpointTotalActiveStake(1, 999);
    }

    function test_EventsTellWhatChanged() public {
        cheats.expectEmit(address(votes));
        emit DelegateChanged(CHIEF, address(0), CHIEF);
        cheats.expectEmit(address(votes));
        emit DelegateVotesChanged(CHIEF, 0, 700);
        cheats.expectEmit(address(votes));
        emit IBondingVotes.DelegatorBondedAmountChanged(CHIEF, 0, 0, 500, 1000);
        checkpoint(CHIEF, 500, CHIEF, 700, 1000, 0);

        // In the same round: compared with what was there before, not with nothing.
        cheats.recordLogs();
        cheats.expectEmit(address(votes));
        emit DelegateVotesChanged(CHIEF, 700, 800);
        checkpoint(CHIEF, 500, CHIEF, 800, 1000, 0);
        eq(eventsOf(address(votes)).length, 1, "nothing else changed");

        cheats.recordLogs();
        checkpoint(CHIEF, 500, CHIEF, 800, 1000, 0);
        eq(eventsOf(address(votes)).length, 0, "nothing changed");

        // Without a bond a new claim round is told all the same.
        cheats.expectEmit(address(votes));
        emit IBondingVotes.DelegatorBondedAmountChanged(FOLLOWER, 0, 0, 0, 999);
        checkpoint(FOLLOWER, 0, address(0), 0, 999, 0);
    }

    function test_WhoStopsBeingAnOrchestratorHasNoVotes() public {
        checkpoint(CHIEF, 500, CHIEF, 700, 1000, 0);
        cheats.expectEmit(address(votes));
        emit DelegateVotesChanged(CHIEF, 700, 0);
        checkpoint(CHIEF, 0, CHIEF, 700, 1000, 0); // slashed to nothing: the delegate stays
        (uint256 amount, address delegate) = votes.getVotesAndDelegateAtRoundStart(CHIEF, 1001);
        require(amount == 0 && delegate == CHIEF, "none, and still told whose");
    }

    function test_StateIsOfTheNextRoundsStart() public {
        checkpoint(CHIEF, 500, CHIEF, 700, 1000, 0);
        require(votes.hasCheckpoint(CHIEF) && !votes.hasCheckpoint(FOLLOWER), "has");
        eq(votes.getVotes(CHIEF), 700, "now");
        (uint256 amount,) = votes.getVotesAndDelegateAtRoundStart(CHIEF, 1000);
        eq(amount, 0, "not yet at this round's start");
        setRound(1005);
        eq(votes.getPastVotes(CHIEF, 999), 0, "before");
        eq(votes.getPastVotes(CHIEF, 1000), 700, "at the end of the round");
        eq(votes.getPastVotes(CHIEF, 1004), 700, "later");
        eq(votes.delegatedAt(CHIEF, 1000), CHIEF, "delegate then");
        eq(votes.delegates(CHIEF), CHIEF, "delegate now");
    }

    function test_TheFutureIsNotKnown() public {
        bytes memory reason = abi.encodeWithSelector(IBondingVotes.FutureLookup.selector, 1000, 999);
        cheats.expectRevert(reason);
        votes.getPastVotes(CHIEF, 1000);
        cheats.expectRevert(reason);
        votes.delegatedAt(CHIEF, 1000);
        cheats.expectRevert(reason);
        votes.getPastTotalSupply(1000);
        reason = abi.encodeWithSelector(IBondingVotes.FutureLookup.selector, 1002, 1001);
        cheats.expectRevert(reason);
        votes.getVotesAndDelegateAtRoundStart(CHIEF, 1002);
        cheats.expectRevert(reason);
        votes.getTotalActiveStakeAt(1002);
        setRound(0);
        cheats.expectRevert(abi.encodeWithSelector(IBondingVotes.FutureLookup.selector, 0, 0));
        votes.getPastVotes(CHIEF, 0);
    }

    function test_ADelegatorGrowsWithItsDelegatesRewards() public {
        manager.setMockTranscoderEarningsPoolForRound(CHIEF, 990, 0, 0, 0, 2 * ONE, 5);
        manager.setMockTranscoderEarningsPoolForRound(CHIEF, 999, 0, 0, 0, 3 * ONE, 0); // no fee factor: not needed
        checkpoint(CHIEF, 500, CHIEF, 700, 990, 999);
        checkpoint(FOLLOWER, 100, CHIEF, 0, 990, 0);
        eq(votes.getVotes(FOLLOWER), 150, "half as much again");
        eq(votes.delegates(FOLLOWER), CHIEF, "delegate");
    }

    function test_ADelegatorThatClaimedAfterTheLastRewardHasItsBond() public {
        manager.setMockTranscoderEarningsPoolForRound(CHIEF, 990, 0, 0, 0, 2 * ONE, 0);
        manager.setMockTranscoderEarningsPoolForRound(CHIEF, 995, 0, 0, 0, 9 * ONE, 0);
        checkpoint(CHIEF, 500, CHIEF, 700, 990, 990);
        checkpoint(FOLLOWER, 100, CHIEF, 0, 995, 0);
        eq(votes.getVotes(FOLLOWER), 100, "bond");
    }

    function test_ADelegateThatIsNoOrchestratorGivesNoVotes() public {
        checkpoint(CHIEF, 500, FOLLOWER, 700, 990, 0); // delegates to another
        checkpoint(FOLLOWER, 100, CHIEF, 0, 990, 0);
        eq(votes.getVotes(FOLLOWER), 0, "none");
        checkpoint(CHIEF, 0, CHIEF, 700, 990, 0); // slashed to nothing
        eq(votes.getVotes(FOLLOWER), 0, "none");
        checkpoint(CHIEF, 1, CHIEF, 700, 990, 0);
        eq(votes.getVotes(FOLLOWER), 100, "registered again");
    }

    function test_AMissingFactorIsNamed() public {
        checkpoint(CHIEF, 500, CHIEF, 700, 990, 999);
        checkpoint(FOLLOWER, 100, CHIEF, 0, 990, 0);
        cheats.expectRevert(abi.encodeWithSelector(IBondingVotes.MissingEarningsPool.selector, CHIEF, 999));
        votes.getVotes(FOLLOWER);
    }

    function test_TheTotalOfASkippedRoundIsThatOfTheNext() public {
        manager.setMockUint256(bytes4(keccak256("nextRoundTotalActiveStake()")), 77);
        eq(votes.getTotalActiveStakeAt(999), 0, "nothing yet");
        total(10, 1000);
        setRound(1004);
        total(40, 1004);
        setRound(1010);
        eq(votes.getTotalActiveStakeAt(999), 0, "before the first");
        eq(votes.getTotalActiveStakeAt(1000), 10, "exactly");
        eq(votes.getTotalActiveStakeAt(1001), 40, "skipped");
        eq(votes.getTotalActiveStakeAt(1004), 40, "exactly");
        eq(votes.getTotalActiveStakeAt(1005), 77, "after all: what the next round will have");
        eq(votes.totalSupply(), 77, "now");
        eq(votes.getPastTotalSupply(1003), 40, "past");
    }

    /// Later checkpoints never change what earlier rounds say.
    function testFuzz_ThePastStays(uint256 seed) public {
        uint256[12] memory expected;
        for (uint256 i = 0; i < 12; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            setRound(1000 + i);
            if (seed % 3 != 0) checkpoint(CHIEF, 1 + seed % 9, CHIEF, (seed >> 8) % 1000, 1000, 0);
            expected[i] = votes.getVotes(CHIEF);
            for (uint256 j = 0; j < i; j++) eq(votes.getPastVotes(CHIEF, 1000 + j), expected[j], "changed");
        }
    }

    function setRound(uint256 round) private {
        clock.setMockUint256(bytes4(keccak256("currentRound()")), round);
    }

    function checkpoint(
        address account,
        uint256 bonded,
        address delegate,
        uint256 delegated,
        uint256 lastClaim,
        uint256 lastReward
    ) private {
        uint256 start = uint256(votes.clock()) + 1;
        cheats.prank(address(manager));
        votes.checkpointBondingState(account, start, bonded, delegate, delegated, lastClaim, lastReward);
    }

    function total(uint256 stake, uint256 round) private {
        cheats.prank(address(manager));
        votes.checkpointTotalActiveStake(stake, round);
    }

    function write(bytes memory reason, uint256 start, uint256 lastClaim) private {
        cheats.prank(address(manager));
        cheats.expectRevert(reason);
        votes.checkpointBondingState(CHIEF, start, 1, CHIEF, 1, lastClaim, 0);
    }
}
