// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ITicketBroker} from "../../contracts/pm/ITicketBroker.sol";
import {TicketBroker} from "../../contracts/pm/TicketBroker.sol";
import {BondingManager} from "../../contracts/bonding/BondingManager.sol";
import {AdjustableRoundsManager} from "../../contracts/rounds/AdjustableRoundsManager.sol";
import {LivepeerToken} from "../../contracts/token/LivepeerToken.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// Senders that fund, unlock and withdraw, tickets that are brought once and again, orchestrators that come and go.
contract BrokerHandler is ForgeTest {
    uint256 public constant SENDERS = 3;
    uint256 public constant RECIPIENTS = 4;
    uint256 private constant RAND = 7;
    uint256 private constant ROUND_LENGTH = 50;

    TicketBroker private broker;
    BondingManager private bonding;
    AdjustableRoundsManager private rounds;
    LivepeerToken private token;

    struct Brought {
        ITicketBroker.Ticket ticket;
        bytes signature;
    }

    Brought[] private paid; // tickets that were redeemed
    uint256 private nonce;
    uint256 public created; // wei that came in from outside
    uint256 public fees; // paid to recipients, not withdrawn
    mapping(address sender => uint256) public deposits;
    mapping(address sender => uint256) public reserves;
    uint256 public attempts;
    uint256 public succeeded;

    modifier step() {
        attempts++;
        _;
    }

    constructor(TicketBroker broker_, BondingManager bonding_, AdjustableRoundsManager rounds_, LivepeerToken token_) {
        (broker, bonding, rounds, token) = (broker_, bonding_, rounds_, token_);
    }

    function sender(uint256 i) public pure returns (address) {
        return cheats.addr(key(i));
    }

    function recipient(uint256 i) public pure returns (address) {
        return address(uint160(0x2000 + (i % RECIPIENTS)));
    }

    // ---- Senders ----

    function fund(uint256 who, uint256 deposit, uint256 reserve) public step {
        (deposit, reserve) = (deposit % 10 ether, reserve % 10 ether);
        address from = sender(who);
        create(from, deposit + reserve);
        cheats.prank(from);
        broker.fundDepositAndReserve{value: deposit + reserve}(deposit, reserve);
        count(from, deposit, reserve);
        no(broker.isUnlockInProgress(from), "own funding takes the unlock back");
        succeeded++;
    }

    function fundForAnother(uint256 who, uint256 deposit) external step {
        deposit %= 1 ether;
        address to = sender(who);
        bool unlocking = broker.isUnlockInProgress(to);
        create(address(this), deposit);
        broker.fundDepositAndReserveFor{value: deposit}(to, deposit, 0);
        count(to, deposit, 0);
        require(broker.isUnlockInProgress(to) == unlocking, "another's funding changes no unlock");
        succeeded++;
    }

    function unlock(uint256 who) external step {
        cheats.prank(sender(who));
        try broker.unlock() {
            succeeded++;
        } catch {}
    }

    function cancelUnlock(uint256 who) external step {
        cheats.prank(sender(who));
        try broker.cancelUnlock() {
            succeeded++;
        } catch {}
    }

    function withdraw(uint256 who) external step {
        address from = sender(who);
        uint256 before = from.balance;
        cheats.prank(from);
        try broker.withdraw() {
            eq(from.balance - before, deposits[from] + reserves[from], "all of it, and no more");
            (deposits[from], reserves[from]) = (0, 0);
            succeeded++;
        } catch {}
    }

    // ---- Tickets ----

    function redeem(uint256 who, uint256 to, uint256 faceValue) public step {
        if (!serves(to)) return;
        ITicketBroker.Ticket memory t = ticket(who, to, faceValue);
        Brought memory brought = Brought(t, sign(who, t));
        settle(t, false);
        try broker.redeemWinningTicket(t, brought.signature, RAND) {
            settle(t, true);
            paid.push(brought);
            succeeded++;
        } catch {}
    }

    function redeemAgain(uint256 which) external step {
        if (paid.length == 0) return;
        Brought memory b = paid[which % paid.length];
        (bool ok,) = address(broker).call(abi.encodeCall(broker.redeemWinningTicket, (b.ticket, b.signature, RAND)));
        no(ok, "a ticket was paid twice");
        succeeded++;
    }

    /// A new ticket, the same again, one paid before, and one of another sender.
    function redeemBatch(uint256 who, uint256 to, uint256 faceValue, uint256 which) external step {
        if (!serves(to) || !serves(to % RECIPIENTS + 1)) return;
        ITicketBroker.Ticket[] memory tickets = new ITicketBroker.Ticket[](4);
        bytes[] memory signatures = new bytes[](4);
        uint256[] memory rands = new uint256[](4);
        (rands[0], rands[1], rands[2], rands[3]) = (RAND, RAND, RAND, RAND);
        tickets[0] = tickets[1] = ticket(who, to, faceValue);
        signatures[0] = signatures[1] = sign(who, tickets[0]);
        if (paid.length > 0) {
            Brought memory old = paid[which % paid.length];
            (tickets[2], signatures[2]) = (old.ticket, old.signature);
        } else {
            (tickets[2], signatures[2]) = (tickets[0], signatures[0]);
        }
        uint256 other = who % SENDERS + 1;
        tickets[3] = ticket(other, to % RECIPIENTS + 1, faceValue / 2);
        signatures[3] = sign(other, tickets[3]);

        uint256[SENDERS] memory before = held();
        uint256 feesBefore = pendingFees();
        broker.batchRedeemWinningTickets(tickets, signatures, rands);
        uint256[SENDERS] memory afterwards = held();
        uint256 drawn;
        for (uint256 i = 0; i < SENDERS; i++) {
            drawn += before[i] - afterwards[i]; // nobody gains
            resettle(sender(i));
        }
        fees += drawn;
        require(pendingFees() <= feesBefore + drawn, "more fees than were drawn");
        if (broker.usedTickets(broker.getTicketHash(tickets[0]))) paid.push(Brought(tickets[0], signatures[0]));
        if (broker.usedTickets(broker.getTicketHash(tickets[3]))) paid.push(Brought(tickets[3], signatures[3]));
        succeeded++;
    }

    // ---- Orchestrators ----

    function join(uint256 who, uint256 amount) public step {
        address from = recipient(who);
        amount = amount % 100 ether + 1;
        token.mint(from, amount);
        cheats.prank(from);
        token.approve(address(bonding), amount);
        cheats.prank(from);
        try bonding.bond(amount, from) {
            succeeded++;
        } catch {}
    }

    function leave(uint256 who) external step {
        address from = recipient(who);
        cheats.prank(from);
        bonding.claimEarnings(0);
        (uint256 bonded,,,,,,) = bonding.getDelegator(from);
        cheats.prank(from);
        try bonding.unbond(bonded) {
            succeeded++;
        } catch {}
    }

    function withdrawFees(uint256 who) external step {
        address from = recipient(who);
        cheats.prank(from);
        bonding.claimEarnings(0);
        (, uint256 amount,,,,,) = bonding.getDelegator(from);
        cheats.prank(from);
        bonding.withdrawFees(payable(from), amount);
        fees -= amount;
        succeeded++;
    }

    function nextRound() external step {
        rounds.mineBlocks(ROUND_LENGTH);
        rounds.initializeRound();
        succeeded++;
    }

    // ---- The books ----

    uint256 private claimedBefore;
    uint256 private heldBefore;

    /// Before and after one redemption: the deposit pays first, then at most the recipient's share of the reserve.
    function settle(ITicketBroker.Ticket memory t, bool redeemed) private {
        (ITicketBroker.Sender memory info, ITicketBroker.ReserveInfo memory reserve) = broker.getSenderInfo(t.sender);
        uint256 claimed = broker.claimedReserve(t.sender, t.recipient);
        if (!redeemed) {
            (claimedBefore, heldBefore) = (claimed, info.deposit + reserve.fundsRemaining);
            return;
        }
        uint256 fromReserve = claimed - claimedBefore;
        uint256 amount = heldBefore - info.deposit - reserve.fundsRemaining;
        uint256 deposit = deposits[t.sender];
        eq(reserve.fundsRemaining, reserves[t.sender] - fromReserve, "the reserve pays what is claimed");
        eq(info.deposit, t.faceValue > deposit ? 0 : deposit - t.faceValue, "the deposit pays first");
        require(amount <= t.faceValue, "more than the face value");
        if (fromReserve > 0) {
            uint256 whole = reserve.fundsRemaining + reserve.claimedInCurrentRound;
            require(claimed <= whole / bonding.getTranscoderPoolSize(), "a claim exceeds the share");
            require(bonding.isActiveTranscoder(t.recipient), "only active orchestrators claim");
        }
        fees += amount;
        resettle(t.sender);
    }

    function resettle(address who) private {
        (ITicketBroker.Sender memory info, ITicketBroker.ReserveInfo memory reserve) = broker.getSenderInfo(who);
        (deposits[who], reserves[who]) = (info.deposit, reserve.fundsRemaining);
    }

    function count(address to, uint256 deposit, uint256 reserve) private {
        deposits[to] += deposit;
        reserves[to] += reserve;
    }

    function create(address to, uint256 amount) private {
        cheats.deal(to, to.balance + amount);
        created += amount;
    }

    function held() private view returns (uint256[SENDERS] memory sums) {
        for (uint256 i = 0; i < SENDERS; i++) {
            (ITicketBroker.Sender memory info, ITicketBroker.ReserveInfo memory reserve) =
                broker.getSenderInfo(sender(i));
            sums[i] = info.deposit + reserve.fundsRemaining;
        }
    }

    function pendingFees() private view returns (uint256 sum) {
        for (uint256 i = 0; i < RECIPIENTS; i++) sum += bonding.pendingFees(recipient(i), 0);
    }

    /// Whether the recipient is in service, or none at all, whose tickets are refused.
    function serves(uint256 to) private view returns (bool) {
        address who = recipient(to);
        return bonding.isActiveTranscoder(who) || !bonding.isRegisteredTranscoder(who);
    }

    function ticket(uint256 who, uint256 to, uint256 faceValue) private returns (ITicketBroker.Ticket memory) {
        uint256 round = rounds.currentRound();
        return ITicketBroker.Ticket({
            recipient: recipient(to),
            sender: sender(who),
            faceValue: faceValue % 8 ether,
            winProb: type(uint256).max,
            senderNonce: nonce++,
            recipientRandHash: keccak256(abi.encodePacked(RAND)),
            auxData: abi.encode(round, rounds.blockHashForRound(round))
        });
    }

    function sign(uint256 who, ITicketBroker.Ticket memory t) private view returns (bytes memory) {
        bytes32 hash = broker.getTicketHash(t);
        (uint8 v, bytes32 r, bytes32 s) =
            cheats.sign(key(who), keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", hash)));
        return abi.encodePacked(r, s, v);
    }

    function key(uint256 i) private pure returns (uint256) {
        return 0x5e4d + (i % SENDERS);
    }
}
