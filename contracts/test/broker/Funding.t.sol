// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ITicketBroker} from "../../contracts/pm/ITicketBroker.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// What goes into deposits and reserves, and how it comes out again.
contract FundingTest is ProtocolFixture {
    function testFuzz_WhatIsSentGoesToTheMinterAndIsCounted(uint96 deposit, uint96 reserve) public {
        uint256 total = uint256(deposit) + reserve;
        cheats.deal(sender, total);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.ReserveFunded(sender, reserve);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.DepositFunded(sender, deposit);
        cheats.prank(sender);
        broker.fundDepositAndReserve{value: total}(deposit, reserve);

        eq(depositOf(sender), deposit, "deposit");
        eq(reserveOf(sender), reserve, "reserve");
        eq(address(minter).balance, total, "in the Minter");
        eq(address(broker).balance, 0, "nothing stays");
    }

    function test_DepositAndReserveAddUp() public {
        cheats.deal(sender, 10 ether);
        cheats.startPrank(sender);
        broker.fundDeposit{value: 1 ether}();
        broker.fundDeposit{value: 2 ether}();
        broker.fundReserve{value: 3 ether}();
        broker.fundReserve{value: 4 ether}();
        cheats.stopPrank();
        eq(depositOf(sender), 3 ether, "deposit");
        eq(reserveOf(sender), 7 ether, "reserve");
        eq(address(minter).balance, 10 ether, "in the Minter");
    }

    function test_ZeroAmountsAreFundedToo() public {
        cheats.expectEmit(address(broker));
        emit ITicketBroker.ReserveFunded(address(this), 0);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.DepositFunded(address(this), 0);
        broker.fundDepositAndReserve(0, 0);
    }

    function test_TheValueIsTheSum() public {
        refused("msg.value does not equal sum of deposit amount and reserve amount");
        broker.fundDepositAndReserve{value: 3}(1, 1);
        refused("msg.value does not equal sum of deposit amount and reserve amount");
        broker.fundDepositAndReserveFor{value: 1}(sender, 1, 1);
        panics(0x11);
        broker.fundDepositAndReserve(type(uint256).max, 1);
    }

    function test_FundingForAnother() public {
        broker.fundDepositAndReserveFor{value: 5}(sender, 2, 3);
        eq(depositOf(sender), 2, "deposit");
        eq(reserveOf(sender), 3, "reserve");
        eq(depositOf(address(this)), 0, "not the payer's");
    }

    function test_APausedSystemTakesAndGivesNothing() public {
        fundAs(sender, 1, 1);
        controller.pause();
        refused("system is paused");
        broker.fundDeposit();
        refused("system is paused");
        broker.fundReserve();
        refused("system is paused");
        broker.fundDepositAndReserve{value: 1}(5, 5); // the switch comes before the sum
        refused("system is paused");
        broker.fundDepositAndReserveFor(sender, 0, 0);
        cheats.startPrank(sender);
        refused("system is paused");
        broker.unlock();
        refused("system is paused");
        broker.cancelUnlock();
        refused("system is paused");
        broker.withdraw();
    }

    function test_UnlockNeedsFundsAndIsMadeOnce() public {
        refused("sender deposit and reserve are zero");
        broker.unlock();
        fundAs(sender, 0, 1);
        uint256 round = rounds.currentRound();
        cheats.startPrank(sender);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.Unlock(sender, round, round + 2);
        broker.unlock();
        require(broker.isUnlockInProgress(sender), "in progress");
        refused("unlock already initiated");
        broker.unlock();
    }

    function test_AnUnlockIsTakenBack() public {
        fundAs(sender, 1, 0);
        cheats.startPrank(sender);
        refused("no unlock request in progress");
        broker.cancelUnlock();
        broker.unlock();
        cheats.expectEmit(address(broker));
        emit ITicketBroker.UnlockCancelled(sender);
        broker.cancelUnlock();
        no(broker.isUnlockInProgress(sender), "still in progress");
    }

    function test_OwnFundingTakesTheUnlockBackInTheOrderOfEvents() public {
        fundAs(sender, 1, 0);
        cheats.deal(sender, 10);
        cheats.startPrank(sender);

        broker.unlock();
        cheats.recordLogs();
        broker.fundDepositAndReserve{value: 2}(1, 1);
        requireEvents("UnlockCancelled(address)", "ReserveFunded(address,uint256)", "DepositFunded(address,uint256)");

        broker.unlock();
        cheats.recordLogs();
        broker.fundReserve{value: 1}();
        requireEvents("ReserveFunded(address,uint256)", "UnlockCancelled(address)", "");

        broker.unlock();
        cheats.recordLogs();
        broker.fundDeposit{value: 1}();
        requireEvents("UnlockCancelled(address)", "DepositFunded(address,uint256)", "");
        no(broker.isUnlockInProgress(sender), "still in progress");
    }

    function test_AStrangerCannotTakeAnUnlockBack() public {
        fundAs(sender, 1, 0);
        cheats.prank(sender);
        broker.unlock();
        broker.fundDepositAndReserveFor{value: 2}(sender, 1, 1);
        require(broker.isUnlockInProgress(sender), "cancelled by another's funding");
    }

    function test_WithdrawalGivesAllBackAfterTheLock() public {
        refused("sender deposit and reserve are zero");
        broker.withdraw();
        fundAs(sender, 2 ether, 3 ether);
        cheats.prank(sender);
        refused("no unlock request in progress");
        broker.withdraw();
        cheats.prank(sender);
        broker.unlock();
        nextRound();
        cheats.prank(sender);
        refused("account is locked");
        broker.withdraw();
        nextRound();

        cheats.expectEmit(address(broker));
        emit ITicketBroker.Withdrawal(sender, 2 ether, 3 ether);
        cheats.prank(sender);
        broker.withdraw();
        eq(sender.balance, 5 ether, "paid out");
        eq(address(minter).balance, 0, "nothing left");
        require(broker.isUnlockInProgress(sender), "the unlock stays, so that old tickets stay refused");

        cheats.prank(sender);
        refused("sender deposit and reserve are zero");
        broker.withdraw();
    }

    function test_Parameters() public {
        refused("ticketValidityPeriod must be greater than 0");
        broker.setTicketValidityPeriod(0);
        broker.setTicketValidityPeriod(9);
        broker.setUnlockPeriod(11);
        eq(broker.ticketValidityPeriod(), 9, "validity");
        eq(broker.unlockPeriod(), 11, "unlock");

        cheats.startPrank(STRANGER);
        refused("caller must be Controller owner");
        broker.setTicketValidityPeriod(9);
        refused("caller must be Controller owner");
        broker.setUnlockPeriod(9);
    }

    function requireEvents(string memory a, string memory b, string memory c) private {
        bytes32[] memory found = eventsOf(address(broker));
        eq(found.length, bytes(c).length == 0 ? 2 : 3, "number of events");
        eq(found[0], keccak256(bytes(a)), "first event");
        eq(found[1], keccak256(bytes(b)), "second event");
        if (found.length == 3) eq(found[2], keccak256(bytes(c)), "third event");
    }
}
