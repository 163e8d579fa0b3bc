// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondingVotesMock} from "../../contracts/mocks/BondingVotesMock.sol";
import {Cheats} from "../ForgeTest.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Which accounts each operation records in BondingVotes, in which order, with which values.
contract CheckpointsTest is ProtocolFixture {
    address private constant SECOND = address(0xa2a2);
    BondingVotesMock private recorder;

    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        bondAs(SECOND, 500 ether, SECOND);
        bondAs(DELEGATOR, 100 ether, ORCHESTRATOR);
        bondAs(STRANGER, 100 ether, SECOND);
        nextRound();
        rewardAs(ORCHESTRATOR);
        rewardAs(SECOND);
        cheats.prank(DELEGATOR);
        bonding.unbond(10 ether);
        recorder = new BondingVotesMock();
        register("BondingVotes", address(recorder));
        mintFor(DELEGATOR, 10 ether);
        mintFor(ORCHESTRATOR, 10 ether);
        token.mint(address(this), 10 ether);
        token.approve(address(bonding), 10 ether);
    }

    function test_BondToTheSameDelegate() public {
        call(DELEGATOR, abi.encodeCall(bonding.bond, (1 ether, ORCHESTRATOR)));
        recorded(ORCHESTRATOR, DELEGATOR, NONE, NONE);
    }

    function test_BondToAnother() public {
        call(DELEGATOR, abi.encodeCall(bonding.bond, (1 ether, SECOND)));
        recorded(ORCHESTRATOR, SECOND, DELEGATOR, NONE);
    }

    function test_BondForAnother() public {
        call(address(this), abi.encodeCall(bonding.bondForWithHint, (1, DELEGATOR, ORCHESTRATOR, NONE, NONE, NONE, NONE)));
        recorded(ORCHESTRATOR, DELEGATOR, NONE, NONE);
    }

    function test_SelfBond() public {
        call(ORCHESTRATOR, abi.encodeCall(bonding.bond, (1 ether, ORCHESTRATOR)));
        recorded(ORCHESTRATOR, NONE, NONE, NONE);
    }

    function test_Unbond() public {
        call(DELEGATOR, abi.encodeCall(bonding.unbond, (1 ether)));
        recorded(ORCHESTRATOR, DELEGATOR, NONE, NONE);
        call(ORCHESTRATOR, abi.encodeCall(bonding.unbond, (1 ether)));
        recorded(ORCHESTRATOR, NONE, NONE, NONE);
    }

    function test_Rebond() public {
        call(DELEGATOR, abi.encodeCall(bonding.rebond, (0)));
        recorded(ORCHESTRATOR, DELEGATOR, NONE, NONE);
    }

    function test_RebondFromUnbonded() public {
        uint256 bonded = bondedOf(DELEGATOR);
        call(DELEGATOR, abi.encodeCall(bonding.unbond, (bonded)));
        call(DELEGATOR, abi.encodeCall(bonding.rebondFromUnbonded, (SECOND, 1)));
        recorded(SECOND, DELEGATOR, NONE, NONE);
    }

    function test_TransferBond() public {
        call(DELEGATOR, abi.encodeCall(bonding.transferBond, (STRANGER, 1 ether, NONE, NONE, NONE, NONE)));
        recorded(ORCHESTRATOR, DELEGATOR, SECOND, STRANGER);
    }

    function test_RewardClaimFeesAndAnybody() public {
        register("BondingVotes", address(votes));
        nextRound();
        register("BondingVotes", address(recorder));
        call(ORCHESTRATOR, abi.encodeCall(bonding.reward, ()));
        recorded(ORCHESTRATOR, NONE, NONE, NONE);
        call(DELEGATOR, abi.encodeCall(bonding.claimEarnings, (0)));
        recorded(DELEGATOR, NONE, NONE, NONE);
        call(DELEGATOR, abi.encodeCall(bonding.claimEarnings, (0))); // also when nothing changed
        recorded(DELEGATOR, NONE, NONE, NONE);
        call(DELEGATOR, abi.encodeCall(bonding.withdrawFees, (payable(DELEGATOR), 0)));
        recorded(DELEGATOR, NONE, NONE, NONE);
        call(STRANGER, abi.encodeCall(bonding.checkpointBondingState, (DELEGATOR)));
        recorded(DELEGATOR, NONE, NONE, NONE);
    }

    function test_Slashing() public {
        token.grantRole(keccak256("BURNER_ROLE"), address(minter));
        register("Verifier", address(this));
        call(address(this), abi.encodeCall(bonding.slashTranscoder, (ORCHESTRATOR, NONE, 1, 1)));
        recorded(ORCHESTRATOR, NONE, NONE, NONE);
    }

    function test_RatesStakeAndFeesRecordNothing() public {
        call(ORCHESTRATOR, abi.encodeCall(bonding.transcoder, (1, 1)));
        recorded(NONE, NONE, NONE, NONE);
        register("TicketBroker", address(this));
        call(address(this), abi.encodeCall(bonding.updateTranscoderWithFees, (ORCHESTRATOR, 1, 0)));
        recorded(NONE, NONE, NONE, NONE);
        for (uint256 i = 0; i < 7; i++) nextRound();
        call(DELEGATOR, abi.encodeCall(bonding.withdrawStake, (0)));
        recorded(NONE, NONE, NONE, NONE);
    }

    function test_ARoundRecordsTheTotal() public {
        rounds.mineBlocks(ROUND_LENGTH);
        uint256 total = bonding.nextRoundTotalActiveStake();
        cheats.expectEmit(address(recorder));
        emit BondingVotesMock.CheckpointTotalActiveStake(total, rounds.currentRound());
        rounds.initializeRound();
    }

    function test_TheDelegateIsRecordedAsItStandsThen() public {
        uint256 round = rounds.currentRound();
        uint256 delegated = bonding.transcoderTotalStake(ORCHESTRATOR);
        uint256 bonded = bondedOf(DELEGATOR);
        (,,,,, uint256 lastClaim,) = bonding.getDelegator(ORCHESTRATOR);
        uint256 own = bondedOf(ORCHESTRATOR);
        cheats.expectEmit(address(recorder));
        emit BondingVotesMock.CheckpointBondingState(
            ORCHESTRATOR, round + 1, own, ORCHESTRATOR, delegated + 1 ether, lastClaim, round
        );
        cheats.expectEmit(address(recorder));
        emit BondingVotesMock.CheckpointBondingState(
            DELEGATOR, round + 1, bonded + 1 ether, ORCHESTRATOR, 0, round, 0
        );
        cheats.prank(DELEGATOR);
        bonding.bond(1 ether, ORCHESTRATOR);
    }

    function call(address caller, bytes memory data) private {
        cheats.recordLogs();
        cheats.prank(caller);
        (bool ok,) = address(bonding).call(data);
        require(ok, "operation failed");
    }

    /// These accounts, up to the first that is none.
    function recorded(address a, address b, address c, address d) private {
        address[4] memory expected = [a, b, c, d];
        Cheats.Log[] memory logs = cheats.getRecordedLogs();
        uint256 n;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].emitter != address(recorder)) continue;
            require(n < 4 && expected[n] != NONE, "one too many");
            address account = abi.decode(logs[i].data, (address));
            eq(account, expected[n++], "account");
        }
        require(n == 4 || expected[n] == NONE, "one too few");
    }
}
