// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ITicketBroker} from "../../contracts/pm/ITicketBroker.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Winning tickets: what is refused and in which order, and what is paid.
contract RedemptionTest is ProtocolFixture {
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        nextRound();
    }

    /// Everything is wrong with the ticket; what is checked first is put right first.
    function test_ChecksComeInTheFixedOrder() public {
        nextRound();
        nextRound();
        uint256 round = rounds.currentRound();
        ITicketBroker.Ticket memory t;
        t.auxData = new bytes(63);
        bytes memory sig;
        controller.pause();
        rounds.mineBlocks(ROUND_LENGTH);

        refusedWith("system is paused", t, sig);
        controller.unpause();
        refusedWith("current round is not initialized", t, sig);
        rounds.initializeRound();
        refusedWith("ticket recipient is null address", t, sig);
        t.recipient = ORCHESTRATOR;
        refusedWith("ticket sender is null address", t, sig);
        t.sender = sender;
        refusedWith("invalid length for ticket auxData: must be 64 bytes", t, sig);
        t.auxData = new bytes(65);
        refusedWith("invalid length for ticket auxData: must be 64 bytes", t, sig);
        t.auxData = abi.encode(round + 2, keccak256("block"));
        refusedWith("ticket creationRound does not have a block hash", t, sig);
        t.auxData = abi.encode(round - 1, keccak256("another"));
        refusedWith("ticket creationRoundBlockHash invalid for creationRound", t, sig);
        t.auxData = abi.encode(round - 1, keccak256("block"));
        refusedWith("ticket is expired", t, sig);
        t.auxData = abi.encode(round, keccak256("block")); // one round ago: good for its last round
        refusedWith("recipientRand does not match recipientRandHash", t, sig);
        t.recipientRandHash = keccak256(abi.encodePacked(RAND));
        refusedWith("INVALID_SIGNATURE_LENGTH", t, sig);
        sig = signedBy(0xbad, broker.getTicketHash(t));
        refusedWith("invalid signature over ticket hash", t, sig);
        refusedWith("ticket did not win", t, signed(t));
        t.winProb = type(uint256).max;

        fundAs(sender, 1 ether, 0);
        cheats.prank(sender);
        broker.unlock();
        nextRound();
        nextRound();
        t.auxData = abi.encode(rounds.currentRound(), keccak256("block"));
        cheats.prank(sender);
        broker.withdraw();
        refusedWith("sender is unlocked", t, signed(t));
        cheats.prank(sender);
        broker.cancelUnlock();
        refusedWith("sender deposit and reserve are zero", t, signed(t));

        fundAs(sender, 1 ether, 0);
        redeem(t);
        refusedWith("ticket is used", t, sig); // before its signature is looked at
    }

    function test_TheDepositPaysAndTheFeesAreTheRecipients() public {
        fundAs(sender, 10 ether, 5 ether);
        ITicketBroker.Ticket memory t = winner(ORCHESTRATOR, 4 ether, 7);
        bytes memory sig = signed(t);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.WinningTicketTransfer(sender, ORCHESTRATOR, 4 ether);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.WinningTicketRedeemed(
            sender, ORCHESTRATOR, 4 ether, type(uint256).max, 7, RAND, t.auxData
        );
        cheats.prank(STRANGER); // anyone may bring it
        broker.redeemWinningTicket(t, sig, RAND);

        require(broker.usedTickets(broker.getTicketHash(t)), "used");
        eq(depositOf(sender), 6 ether, "deposit");
        eq(reserveOf(sender), 5 ether, "reserve");
        eq(bonding.pendingFees(ORCHESTRATOR, 0), 4 ether, "fees");
        eq(address(minter).balance, 15 ether, "no ether moves");
        cheats.prank(ORCHESTRATOR);
        bonding.withdrawFees(payable(ORCHESTRATOR), 4 ether);
        eq(ORCHESTRATOR.balance, 4 ether, "withdrawn");
    }

    function test_WhatTheDepositLacksComesFromTheReserve() public {
        fundAs(sender, 1 ether, 5 ether);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.ReserveClaimed(sender, ORCHESTRATOR, 3 ether);
        redeem(winner(ORCHESTRATOR, 4 ether, 1));
        eq(depositOf(sender), 0, "deposit");
        eq(reserveOf(sender), 2 ether, "reserve");
        eq(broker.claimedReserve(sender, ORCHESTRATOR), 3 ether, "claimed");
        eq(bonding.pendingFees(ORCHESTRATOR, 0), 4 ether, "fees");
    }

    function test_ATicketThatIsPaidInPartIsUsedUp() public {
        fundAs(sender, 1 ether, 2 ether);
        ITicketBroker.Ticket memory t = winner(ORCHESTRATOR, 100 ether, 1);
        bytes memory sig = signed(t);
        cheats.expectEmit(address(broker));
        emit ITicketBroker.WinningTicketTransfer(sender, ORCHESTRATOR, 3 ether);
        cheats.expectEmit(address(broker)); // the face value, not what was paid
        emit ITicketBroker.WinningTicketRedeemed(
            sender, ORCHESTRATOR, 100 ether, type(uint256).max, 1, RAND, t.auxData
        );
        broker.redeemWinningTicket(t, sig, RAND);
        refusedWith("ticket is used", t, sig);
    }

    function test_ATicketOfNoValueIsRedeemedForAnyone() public {
        fundAs(sender, 1 ether, 0);
        cheats.recordLogs();
        redeem(winner(STRANGER, 0, 1));
        bytes32[] memory found = eventsOf(address(broker));
        eq(found.length, 1, "one event");
        eq(found[0], ITicketBroker.WinningTicketRedeemed.selector, "redeemed, nothing transferred");
    }

    function test_OnlyOrchestratorsArePaid() public {
        fundAs(sender, 1 ether, 0);
        ITicketBroker.Ticket memory t = winner(STRANGER, 1, 1);
        refusedWith("transcoder must be registered", t, signed(t));
        no(broker.usedTickets(broker.getTicketHash(t)), "a refused ticket is not used up");

        bondAs(STRANGER, 1 ether, STRANGER); // registered, active only from the next round on
        t = winner(STRANGER, 1, 2);
        bytes memory sig = signed(t);
        redeem(winner(ORCHESTRATOR, 1, 3));
        panics(0x12);
        broker.redeemWinningTicket(t, sig, RAND);
    }

    function test_AnUnlockThatIsRunningStillPays() public {
        fundAs(sender, 1 ether, 0);
        cheats.prank(sender);
        broker.unlock();
        nextRound();
        redeem(winner(ORCHESTRATOR, 1, 1));
        nextRound();
        ITicketBroker.Ticket memory t = winner(ORCHESTRATOR, 1, 2);
        refusedWith("sender is unlocked", t, signed(t));
    }

    function test_ShortAndTwistedSignaturesGiveNoSecondDraw() public {
        fundAs(sender, 1 ether, 0);
        ITicketBroker.Ticket memory t = winner(ORCHESTRATOR, 1, 1);
        bytes32 hash = broker.getTicketHash(t);
        bytes32 digest = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash));
        (uint8 v, bytes32 r, bytes32 s) = cheats.sign(SENDER_KEY, digest);

        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        refusedWith("INVALID_SIGNATURE_LENGTH", t, abi.encodePacked(r, vs));
        bytes32 upper = bytes32(ORDER - uint256(s));
        refusedWith("ECDSA: invalid signature 's' value", t, abi.encodePacked(r, upper, v == 27 ? uint8(28) : uint8(27)));
        refusedWith("ECDSA: invalid signature", t, abi.encodePacked(r, s, uint8(29)));
        broker.redeemWinningTicket(t, abi.encodePacked(r, s, v), RAND);
    }

    function testFuzz_TheDrawDecides(uint256 rand, uint256 winProb) public {
        fundAs(sender, 1 ether, 0);
        ITicketBroker.Ticket memory t = winner(ORCHESTRATOR, 1, 1);
        t.recipientRandHash = keccak256(abi.encodePacked(rand));
        t.winProb = winProb;
        bytes memory sig = signed(t);
        bool wins = uint256(keccak256(abi.encodePacked(sig, rand))) < winProb;
        if (!wins) refused("ticket did not win");
        broker.redeemWinningTicket(t, sig, rand);
        require(broker.usedTickets(broker.getTicketHash(t)) == wins, "used exactly if it won");
    }

    function testFuzz_TheHashIsOfThePackedFields(ITicketBroker.Ticket memory t) public view {
        bytes32 expected = keccak256(
            bytes.concat(
                bytes20(t.recipient),
                bytes20(t.sender),
                bytes32(t.faceValue),
                bytes32(t.winProb),
                bytes32(t.senderNonce),
                t.recipientRandHash,
                t.auxData
            )
        );
        eq(broker.getTicketHash(t), expected, "hash");
    }

    function refusedWith(string memory reason, ITicketBroker.Ticket memory t, bytes memory sig) private {
        refused(reason);
        broker.redeemWinningTicket(t, sig, RAND);
    }
}
