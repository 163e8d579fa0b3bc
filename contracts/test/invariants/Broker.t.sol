// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ProtocolFixture} from "../ProtocolFixture.sol";
import {BrokerHandler} from "./BrokerHandler.sol";

/// What holds of ether after every step of any sequence of fundings, tickets and withdrawals.
contract BrokerInvariants is ProtocolFixture {
    BrokerHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new BrokerHandler(broker, bonding, rounds, token);
        token.grantRole(keccak256("MINTER_ROLE"), address(handler));
        for (uint256 i = 0; i < 3; i++) handler.join(i, 10 ether * (i + 1));
        for (uint256 i = 0; i < 3; i++) handler.fund(i, 5 ether, 9 ether);
        handler.nextRound();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_EveryWeiIsSomebodys() external view {
        uint256 owed = handler.fees();
        uint256 outside = address(handler).balance;
        for (uint256 i = 0; i < handler.SENDERS(); i++) {
            address who = handler.sender(i);
            eq(depositOf(who), handler.deposits(who), "deposit");
            eq(reserveOf(who), handler.reserves(who), "reserve");
            owed += depositOf(who) + reserveOf(who);
            outside += who.balance;
            claimsAddUp(who);
        }
        uint256 pending;
        for (uint256 i = 0; i < handler.RECIPIENTS(); i++) {
            outside += handler.recipient(i).balance;
            pending += bonding.pendingFees(handler.recipient(i), 0);
        }
        eq(address(minter).balance, owed, "the Minter holds deposits, reserves and fees");
        eq(address(minter).balance + outside, handler.created(), "no wei comes or goes");
        require(pending <= handler.fees(), "more fees are pending than were paid");
        eq(address(broker).balance, 0, "the broker holds nothing");
    }

    function afterInvariant() external view {
        if (handler.attempts() < 100) return; // a failure that is replayed
        require(handler.succeeded() > 10, "hardly anything happened");
    }

    function claimsAddUp(address holder) private view {
        uint256 sum;
        for (uint256 i = 0; i < handler.RECIPIENTS(); i++) {
            sum += broker.claimedReserve(holder, handler.recipient(i));
        }
        eq(sum, broker.getReserveInfo(holder).claimedInCurrentRound, "claims of a round add up");
    }
}
