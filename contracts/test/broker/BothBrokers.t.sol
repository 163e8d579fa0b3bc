// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {StakingFixture} from "../bonding/StakingFixture.sol";
import {AllOrNothingTicketBroker} from "../../contracts/pm/AllOrNothingTicketBroker.sol";
import {ITicketBroker} from "../../contracts/pm/ITicketBroker.sol";
import {TicketBroker} from "../../contracts/pm/TicketBroker.sol";

/// What signing and paying need beside the fixture's.
interface Wallet {
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function deal(address account, uint256 amount) external;
}

/// What both kinds of broker do with the same tickets: two orchestrators are in the pool, so that each has half of the
/// reserve.
abstract contract AnyBroker is StakingFixture {
    uint256 private constant KEY = 0xb0b;
    Wallet private constant wallet = Wallet(address(vm));

    TicketBroker internal broker;
    uint256 private nonce;

    function setUp() public override {
        super.setUp();
        broker = newBroker();
        controller.register("TicketBroker", address(broker));
        controller.register("JobsManager", address(broker));
        broker.setUnlockPeriod(2);
        broker.setTicketValidityPeriod(2);
        bondAs(ORCHESTRATOR, 100 ether, ORCHESTRATOR);
        bondAs(address(0xa2), 100 ether, address(0xa2));
        nextRound();
    }

    function newBroker() internal virtual returns (TicketBroker);

    function test_DepositPaysWhole() public {
        fund(10, 0);
        redeem(ticketOf(ORCHESTRATOR, 4));
        assertLeft(6, 0, "deposit");
    }

    function test_ReserveHelpsUpToTheShare() public {
        fund(10, 10);
        redeem(ticketOf(ORCHESTRATOR, 15));
        assertLeft(0, 5, "deposit and half of the reserve");
        assertEq(broker.claimedReserve(sender(), ORCHESTRATOR), 5, "claimed by one");
        assertEq(broker.getReserveInfo(sender()).claimedInCurrentRound, 5, "claimed by all");

        nextRound();
        assertEq(broker.getReserveInfo(sender()).claimedInCurrentRound, 0, "a new round");
        assertEq(broker.claimableReserve(sender(), ORCHESTRATOR), 2, "half of what is left");
    }

    function test_BatchPaysWhatIsGood() public {
        fund(10, 0);
        ITicketBroker.Ticket[] memory tickets = new ITicketBroker.Ticket[](3);
        bytes[] memory sigs = new bytes[](3);
        for (uint256 i = 0; i < 3; i++) {
            tickets[i] = ticketOf(ORCHESTRATOR, 3);
            sigs[i] = signature(tickets[i]);
        }
        sigs[1] = signature(tickets[0]);
        broker.batchRedeemWinningTickets(tickets, sigs, new uint256[](3));
        assertLeft(4, 0, "two of three");
        require(!broker.usedTickets(broker.getTicketHash(tickets[1])), "a ticket with another's signature was used");
    }

    function test_OnlyABatchRedeemsWithoutLookingAtTheRound() public {
        fund(10, 0);
        ITicketBroker.Ticket memory ticket = ticketOf(ORCHESTRATOR, 3);
        bytes memory sig = signature(ticket);
        expectRevert("caller must be a batch");
        broker.redeemTicketOfBatch(ticket, sig, 0, rounds, 1);
    }

    function fund(uint256 deposit, uint256 reserve) internal {
        wallet.deal(address(this), deposit + reserve);
        broker.fundDepositAndReserveFor{value: deposit + reserve}(sender(), deposit, reserve);
    }

    function redeem(ITicketBroker.Ticket memory ticket) internal {
        broker.redeemWinningTicket(ticket, signature(ticket), 0);
    }

    function expectRefusal(ITicketBroker.Ticket memory ticket, string memory reason) internal {
        bytes memory sig = signature(ticket);
        expectRevert(reason);
        broker.redeemWinningTicket(ticket, sig, 0);
        require(!broker.usedTickets(broker.getTicketHash(ticket)), "a refused ticket was used up");
    }

    function ticketOf(address recipient, uint256 faceValue) internal returns (ITicketBroker.Ticket memory) {
        uint256 round = rounds.currentRound();
        nonce++;
        return ITicketBroker.Ticket({
            recipient: recipient,
            sender: sender(),
            faceValue: faceValue,
            winProb: type(uint256).max,
            senderNonce: nonce,
            recipientRandHash: keccak256(abi.encodePacked(uint256(0))),
            auxData: abi.encode(round, rounds.blockHashForRound(round))
        });
    }

    /// Active no longer in the round that begins, but registered, as one that another displaced.
    function displacedOrchestrator() internal returns (address displaced) {
        displaced = address(0xa3);
        bondAs(displaced, 50 ether, displaced);
        nextRound();
        bondAs(address(0xa4), 100 ether, address(0xa4));
        nextRound();
        require(!bonding.isActiveTranscoder(displaced), "still active");
        require(bonding.isRegisteredTranscoder(displaced), "not registered");
    }

    function assertLeft(uint256 deposit, uint256 reserve, string memory what) internal view {
        (ITicketBroker.Sender memory account, ITicketBroker.ReserveInfo memory info) = broker.getSenderInfo(sender());
        assertEq(account.deposit, deposit, what);
        assertEq(info.fundsRemaining, reserve, what);
    }

    function sender() internal pure returns (address) {
        return wallet.addr(KEY);
    }

    function signature(ITicketBroker.Ticket memory ticket) private view returns (bytes memory) {
        bytes32 hash = broker.getTicketHash(ticket);
        bytes32 signed = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash));
        (uint8 v, bytes32 r, bytes32 s) = wallet.sign(KEY, signed);
        return abi.encodePacked(r, s, v);
    }
}

/// Pays what there is.
contract PartialRedemptionTest is AnyBroker {
    function newBroker() internal override returns (TicketBroker) {
        return new TicketBroker(address(controller));
    }

    function test_ShortFundsPayInPartAndUseTheTicketUp() public {
        fund(10, 10);
        ITicketBroker.Ticket memory ticket = ticketOf(ORCHESTRATOR, 16);
        redeem(ticket);
        assertLeft(0, 5, "all of the deposit, half of the reserve");
        require(broker.usedTickets(broker.getTicketHash(ticket)), "the ticket can be brought again");
    }

    function test_InactiveRecipientIsPaidOutOfTheDeposit() public {
        address displaced = displacedOrchestrator();
        fund(10, 10);
        redeem(ticketOf(displaced, 12));
        assertLeft(0, 10, "nothing of the reserve");
    }
}

/// Pays whole, or refuses.
contract WholeRedemptionTest is AnyBroker {
    function newBroker() internal override returns (TicketBroker) {
        return new AllOrNothingTicketBroker(address(controller));
    }

    function test_ShortFundsRefuseUntilTheyAreThere() public {
        fund(10, 10);
        ITicketBroker.Ticket memory ticket = ticketOf(ORCHESTRATOR, 16);
        expectRefusal(ticket, "sender deposit and reserve do not cover the face value");
        assertLeft(10, 10, "untouched");

        fund(1, 0);
        redeem(ticket);
        assertLeft(0, 5, "deposit and half of the reserve");
    }

    function test_InactiveRecipientIsRefused() public {
        address displaced = displacedOrchestrator();
        fund(10, 10);
        expectRefusal(ticketOf(displaced, 5), "ticket recipient is not an active transcoder");
        assertLeft(10, 10, "untouched");
    }

    function testFuzz_PaysTheFaceValueOrNothing(uint96 deposit, uint96 reserve, uint96 faceValue) public {
        fund(deposit, reserve);
        ITicketBroker.Ticket memory ticket = ticketOf(ORCHESTRATOR, faceValue);
        uint256 available = uint256(deposit) + reserve / 2;
        if (deposit == 0 && reserve == 0) {
            expectRefusal(ticket, "sender deposit and reserve are zero");
        } else if (faceValue > available) {
            expectRefusal(ticket, "sender deposit and reserve do not cover the face value");
        } else {
            redeem(ticket);
            uint256 fromDeposit = faceValue < deposit ? faceValue : deposit;
            assertLeft(deposit - fromDeposit, reserve - (faceValue - fromDeposit), "the face value is gone");
        }
    }
}
