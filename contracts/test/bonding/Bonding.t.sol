// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IBondingManager} from "../../contracts/bonding/IBondingManager.sol";
import {BondingState} from "../../contracts/bonding/BondingState.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Bonding, unbonding, rebonding, transfers and withdrawals: what is refused and what becomes of stake.
contract BondingTest is ProtocolFixture {
    address private constant SECOND = address(0xa2a2);

    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        nextRound();
        mintFor(DELEGATOR, 100 ether);
    }

    function test_BondIsPendingUntilTheNextRound() public {
        cheats.expectEmit(address(bonding));
        emit IBondingManager.Bond(ORCHESTRATOR, NONE, DELEGATOR, 10 ether, 10 ether);
        bondAsDelegator(10 ether, ORCHESTRATOR);
        require(bonding.delegatorStatus(DELEGATOR) == BondingState.DelegatorStatus.Pending, "pending");
        cheats.prank(DELEGATOR);
        refused("caller must be bonded");
        bonding.unbond(1);
        nextRound();
        require(bonding.delegatorStatus(DELEGATOR) == BondingState.DelegatorStatus.Bonded, "bonded");
        eq(token.balanceOf(address(minter)), 1010 ether, "tokens");
    }

    function test_NothingCannotBeBondedButABondCanMove() public {
        cheats.prank(DELEGATOR);
        refused("delegation amount must be greater than 0");
        bonding.bond(0, ORCHESTRATOR);
        bondAsDelegator(10 ether, ORCHESTRATOR);
        cheats.prank(DELEGATOR);
        refused("delegation amount must be greater than 0");
        bonding.bond(0, ORCHESTRATOR);

        cheats.expectEmit(address(bonding));
        emit IBondingManager.Bond(SECOND, ORCHESTRATOR, DELEGATOR, 0, 10 ether);
        cheats.prank(DELEGATOR);
        bonding.bond(0, SECOND);
        eq(bonding.transcoderTotalStake(ORCHESTRATOR), 1000 ether, "old delegate");
        eq(bonding.transcoderTotalStake(SECOND), 10 ether, "new delegate");
    }

    function test_OrchestratorsBondToThemselves() public {
        mintFor(ORCHESTRATOR, 1);
        cheats.prank(ORCHESTRATOR);
        refused("registered transcoders can't delegate towards other addresses");
        bonding.bond(1, SECOND);
    }

    function test_BondingForAnotherIsPaidByTheCaller() public {
        mintFor(STRANGER, 5 ether);
        cheats.prank(STRANGER);
        bonding.bondForWithHint(5 ether, DELEGATOR, ORCHESTRATOR, NONE, NONE, NONE, NONE);
        eq(token.balanceOf(STRANGER), 0, "payer");
        eq(token.balanceOf(DELEGATOR), 100 ether, "owner pays nothing");
        eq(bondedOf(DELEGATOR), 5 ether, "owner's bond");
    }

    function test_TheMigratorMayDoWhatStrangersMayNot() public {
        register("L2Migrator", STRANGER);
        bondAsDelegator(10 ether, ORCHESTRATOR);
        nextRound();
        mintFor(STRANGER, 10);
        cheats.startPrank(STRANGER);
        bonding.bondForWithHint(5, DELEGATOR, SECOND, NONE, NONE, NONE, NONE); // before the round's reward
        eq(delegateOf(DELEGATOR), SECOND, "delegate changed");
        bonding.bondForWithHint(5, SECOND, SECOND, NONE, NONE, NONE, NONE);
        require(bonding.isRegisteredTranscoder(SECOND), "made an orchestrator");
    }

    function test_UnbondingTexts() public {
        bondAsDelegator(10 ether, ORCHESTRATOR);
        nextRound();
        cheats.startPrank(DELEGATOR);
        refused("unbond amount must be greater than 0");
        bonding.unbond(0);
        refused("amount is greater than bonded amount");
        bonding.unbond(10 ether + 1);
        refused("amount is greater than bonded amount"); // before any width is checked
        bonding.unbond(type(uint256).max);
        refused("invalid unbonding lock ID");
        bonding.rebond(0);
        refused("caller must be unbonded");
        bonding.rebondFromUnbonded(ORCHESTRATOR, 0);
        cheats.stopPrank();
        cheats.startPrank(STRANGER);
        refused("caller must be bonded");
        bonding.unbond(1);
        refused("caller must be bonded");
        bonding.rebond(0);
        refused("invalid unbonding lock ID");
        bonding.rebondFromUnbonded(ORCHESTRATOR, 0);
        refused("invalid unbonding lock ID");
        bonding.withdrawStake(0);
    }

    function testFuzz_ALockIsPaidOnceAfterItsRound(uint256 amount) public {
        bondAsDelegator(10 ether, ORCHESTRATOR);
        nextRound();
        amount = amount % 10 ether + 1;
        uint256 round = rounds.currentRound();
        cheats.expectEmit(address(bonding));
        emit IBondingManager.Unbond(ORCHESTRATOR, DELEGATOR, 0, amount, round + 7);
        cheats.prank(DELEGATOR);
        bonding.unbond(amount);
        (uint256 locked, uint256 withdrawRound) = bonding.getDelegatorUnbondingLock(DELEGATOR, 0);
        require(locked == amount && withdrawRound == round + 7, "lock");
        for (uint256 i = 0; i < 6; i++) nextRound();
        cheats.prank(DELEGATOR);
        refused("withdraw round must be before or equal to the current round");
        bonding.withdrawStake(0);
        nextRound();
        cheats.expectEmit(address(bonding));
        emit IBondingManager.WithdrawStake(DELEGATOR, 0, amount, round + 7);
        cheats.prank(DELEGATOR);
        bonding.withdrawStake(0);
        eq(token.balanceOf(DELEGATOR), 90 ether + amount, "paid");
        no(bonding.isValidUnbondingLock(DELEGATOR, 0), "used");
        cheats.prank(DELEGATOR);
        refused("invalid unbonding lock ID");
        bonding.withdrawStake(0);
    }

    function test_UnbondingEverythingResigns() public {
        uint256 round = rounds.currentRound();
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderDeactivated(ORCHESTRATOR, round + 1);
        cheats.prank(ORCHESTRATOR);
        bonding.unbond(1000 ether);
        require(bonding.isActiveTranscoder(ORCHESTRATOR), "active to the end of the round");
        eq(bonding.getTranscoderPoolSize(), 0, "out of the pool");
        eq(bonding.nextRoundTotalActiveStake(), 0, "next total");
        eq(delegateOf(ORCHESTRATOR), NONE, "no delegate");
        nextRound();
        no(bonding.isActiveTranscoder(ORCHESTRATOR), "not active any more");

        cheats.prank(ORCHESTRATOR);
        bonding.rebondFromUnbonded(ORCHESTRATOR, 0);
        eq(bonding.getFirstTranscoderInPool(), ORCHESTRATOR, "back");
        eq(bonding.nextRoundTotalActiveStake(), 1000 ether, "next total");
    }

    function test_RebondBeforeAndAfterTheWithdrawRound() public {
        bondAsDelegator(10 ether, ORCHESTRATOR);
        nextRound();
        cheats.startPrank(DELEGATOR);
        bonding.unbond(3 ether);
        bonding.unbond(2 ether);
        cheats.expectEmit(address(bonding));
        emit IBondingManager.Rebond(ORCHESTRATOR, DELEGATOR, 1, 2 ether);
        bonding.rebond(1);
        eq(bondedOf(DELEGATOR), 7 ether, "bonded");
        cheats.stopPrank();
        for (uint256 i = 0; i < 9; i++) nextRound();
        cheats.prank(DELEGATOR);
        bonding.rebond(0);
        eq(bondedOf(DELEGATOR), 10 ether, "bonded");
        eq(bonding.transcoderTotalStake(ORCHESTRATOR), 1010 ether, "delegated");
    }

    function test_TransferToSomeoneBondedElsewhereGoesToItsDelegate() public {
        bondAsDelegator(10 ether, ORCHESTRATOR);
        bondAs(STRANGER, 1 ether, SECOND);
        nextRound();
        rewardAs(ORCHESTRATOR);
        cheats.recordLogs();
        transfer(STRANGER, 4 ether);
        bytes32[] memory found = eventsOf(address(bonding));
        // claim of the sender, Unbond, TransferBond, claim of the receiver, Rebond
        eq(found.length, 5, "events");
        eq(found[1], IBondingManager.Unbond.selector, "first");
        eq(found[2], IBondingManager.TransferBond.selector, "second");
        eq(found[3], IBondingManager.EarningsClaimed.selector, "third");
        eq(found[4], IBondingManager.Rebond.selector, "fourth");
        eq(bonding.transcoderTotalStake(SECOND), 5 ether, "receiver's delegate");
        (,,,,,, uint256 nextId) = bonding.getDelegator(STRANGER);
        eq(nextId, 1, "a lock id is used up");
        no(bonding.isValidUnbondingLock(STRANGER, 0), "no lock stays");
        no(bonding.isValidUnbondingLock(DELEGATOR, 0), "no lock stays");
    }

    function test_TransferToAnUnbondedAccountTakesTheDelegateAlong() public {
        bondAsDelegator(10 ether, ORCHESTRATOR);
        nextRound();
        transfer(STRANGER, 4 ether);
        eq(delegateOf(STRANGER), ORCHESTRATOR, "delegate");
        require(bonding.delegatorStatus(STRANGER) == BondingState.DelegatorStatus.Pending, "pending");
        transfer(DELEGATOR, 1 ether); // to itself: nothing but two used lock ids
        eq(bondedOf(DELEGATOR), 6 ether, "unchanged");
    }

    function test_APoolClonePaysOutZero() public {
        bondAsDelegator(10 ether, ORCHESTRATOR);
        nextRound();
        cheats.startPrank(DELEGATOR);
        refused("invalid recipient");
        bonding.withdrawFees(payable(NONE), 0);
        refused("insufficient fees to withdraw");
        bonding.withdrawFees(payable(STRANGER), 1);
        cheats.expectEmit(address(bonding));
        emit IBondingManager.WithdrawFees(DELEGATOR, STRANGER, 0);
        bonding.withdrawFees(payable(STRANGER), 0);
    }

    function test_TooMuchForItsWidthIsRefusedNotCut() public {
        register("LivepeerToken", address(this)); // takes any amount
        refused("LPT amount exceeds 96 bits");
        bonding.bond(2 ** 96, STRANGER);
        bonding.bond(2 ** 96 - 1, STRANGER);
        eq(bondedOf(address(this)), 2 ** 96 - 1, "the most");
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false; // answers are not looked at
    }

    function test_PausedOrUninitializedNothingMoves() public {
        rounds.mineBlocks(ROUND_LENGTH);
        refuseAll("current round is not initialized");
        controller.pause();
        refuseAll("system is paused");
        bonding.checkpointBondingState(ORCHESTRATOR); // asks for neither
    }

    function refuseAll(string memory reason) private {
        bytes[12] memory calls = [
            abi.encodeCall(bonding.bond, (1, ORCHESTRATOR)),
            abi.encodeCall(bonding.bondWithHint, (1, ORCHESTRATOR, NONE, NONE, NONE, NONE)),
            abi.encodeCall(bonding.bondForWithHint, (1, NONE, ORCHESTRATOR, NONE, NONE, NONE, NONE)),
            abi.encodeCall(bonding.unbond, (1)),
            abi.encodeCall(bonding.rebond, (0)),
            abi.encodeCall(bonding.rebondFromUnbonded, (ORCHESTRATOR, 0)),
            abi.encodeCall(bonding.transferBond, (STRANGER, 1, NONE, NONE, NONE, NONE)),
            abi.encodeCall(bonding.withdrawStake, (0)),
            abi.encodeCall(bonding.withdrawFees, (payable(STRANGER), 0)),
            abi.encodeCall(bonding.claimEarnings, (0)),
            abi.encodeCall(bonding.transcoder, (0, 0)),
            abi.encodeCall(bonding.reward, ())
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            (bool ok, bytes memory data) = address(bonding).call(calls[i]);
            no(ok, "not refused");
            eq(keccak256(data), keccak256(abi.encodeWithSignature("Error(string)", reason)), reason);
        }
    }

    function bondAsDelegator(uint256 amount, address to) private {
        cheats.prank(DELEGATOR);
        bonding.bond(amount, to);
    }

    function transfer(address receiver, uint256 amount) private {
        cheats.prank(DELEGATOR);
        bonding.transferBond(receiver, amount, NONE, NONE, NONE, NONE);
    }
}
