// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ITicketBroker} from "../../contracts/pm/ITicketBroker.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// A batch pays what can be paid; a ticket that fails undoes itself only.
contract BatchTest is ProtocolFixture {
    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        nextRound();
        fundAs(sender, 10 ether, 5 ether);
    }

    function test_BadTicketsCostTheOthersNothing() public {
        ITicketBroker.Ticket[] memory tickets = new ITicketBroker.Ticket[](6);
        tickets[0] = winner(ORCHESTRATOR, 1 ether, 0);
        tickets[1] = winner(STRANGER, 1 ether, 1); // refused by the BondingManager, after the deposit was drawn
        tickets[2] = tickets[0]; // twice
        tickets[3] = winner(ORCHESTRATOR, 2 ether, 3);
        tickets[3].winProb = 0;
        tickets[4] = winner(ORCHESTRATOR, 4 ether, 4);
        tickets[4].auxData = "";
        tickets[5] = winner(ORCHESTRATOR, 3 ether, 5);
        redeemAll(tickets);

        eq(depositOf(sender), 6 ether, "the first and the last were paid");
        eq(bonding.pendingFees(ORCHESTRATOR, 0), 4 ether, "fees");
        no(broker.usedTickets(broker.getTicketHash(tickets[1])), "what failed is not used up");
        require(broker.usedTickets(broker.getTicketHash(tickets[5])), "what was paid is");
    }

    function test_ABatchPaysWhatSinglesWould() public {
        ITicketBroker.Ticket[] memory tickets = new ITicketBroker.Ticket[](4);
        for (uint256 i = 0; i < 4; i++) tickets[i] = winner(ORCHESTRATOR, 4 ether, i);
        redeemAll(tickets);
        eq(depositOf(sender), 0, "deposit");
        eq(reserveOf(sender), 0, "reserve");
        eq(bonding.pendingFees(ORCHESTRATOR, 0), 15 ether, "all there was");
        no(broker.usedTickets(broker.getTicketHash(winner(ORCHESTRATOR, 4 ether, 4))), "never brought");
    }

    function test_AnEmptyBatchDoesNothing() public {
        redeemAll(new ITicketBroker.Ticket[](0));
        eq(depositOf(sender), 10 ether, "deposit");
    }

    function test_MissingSignaturesOrNumbersPanic() public {
        ITicketBroker.Ticket[] memory tickets = new ITicketBroker.Ticket[](1);
        tickets[0] = winner(ORCHESTRATOR, 1, 1);
        panics(0x32);
        broker.batchRedeemWinningTickets(tickets, new bytes[](0), new uint256[](1));
        panics(0x32);
        broker.batchRedeemWinningTickets(tickets, new bytes[](1), new uint256[](0));
    }

    function test_ABatchNeedsALiveSystem() public {
        rounds.mineBlocks(ROUND_LENGTH);
        refused("current round is not initialized");
        broker.batchRedeemWinningTickets(new ITicketBroker.Ticket[](0), new bytes[](0), new uint256[](0));
        controller.pause();
        refused("system is paused");
        broker.batchRedeemWinningTickets(new ITicketBroker.Ticket[](0), new bytes[](0), new uint256[](0));
    }

    function redeemAll(ITicketBroker.Ticket[] memory tickets) private {
        bytes[] memory signatures = new bytes[](tickets.length);
        uint256[] memory rands = new uint256[](tickets.length);
        for (uint256 i = 0; i < tickets.length; i++) (signatures[i], rands[i]) = (signed(tickets[i]), RAND);
        broker.batchRedeemWinningTickets(tickets, signatures, rands);
    }
}
