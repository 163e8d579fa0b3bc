// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondingManager} from "../../contracts/bonding/BondingManager.sol";
import {BondingVotes} from "../../contracts/bonding/BondingVotes.sol";
import {AdjustableRoundsManager} from "../../contracts/rounds/AdjustableRoundsManager.sol";
import {LivepeerToken} from "../../contracts/token/LivepeerToken.sol";
import {Minter} from "../../contracts/token/Minter.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// Does what accounts of the protocol do, in any order, and keeps the books that the invariants are held against.
/// What the protocol may refuse is caught; nothing else reverts.
contract StakingHandler is ForgeTest {
    uint256 public constant ACCOUNTS = 8;
    uint256 public constant ROUND_LENGTH = 50;
    uint256 private constant KEPT = 4; // rounds whose votes are remembered

    struct Lock {
        address owner;
        uint256 id;
        uint256 amount;
    }

    struct Remembered {
        uint256 round;
        uint256 total;
        uint256[ACCOUNTS] votes;
        address[ACCOUNTS] delegates;
    }

    BondingManager private bonding;
    BondingVotes private votes;
    AdjustableRoundsManager private rounds;
    LivepeerToken private token;
    Minter private minter;

    Lock[] private locks;
    Remembered[] private history;
    uint256 public minted; // by rewards
    uint256 public given; // to accounts, to bond
    uint256 public currentTotal; // what the running round began with
    uint256 public attempts;
    uint256 public succeeded;

    modifier step() {
        attempts++;
        _;
    }

    constructor(
        BondingManager bonding_,
        BondingVotes votes_,
        AdjustableRoundsManager rounds_,
        LivepeerToken token_,
        Minter minter_
    ) {
        (bonding, votes, rounds, token, minter) = (bonding_, votes_, rounds_, token_, minter_);
    }

    function account(uint256 i) public pure returns (address) {
        return address(uint160(0x1000 + (i % ACCOUNTS)));
    }

    // ---- What accounts do ----

    function bond(uint256 who, uint256 towards, uint256 amount) public step {
        (address from, address to) = (account(who), account(towards));
        if (towards % 16 == 15) to = address(0);
        pay(from, amount = amount % 1000 ether);
        cheats.prank(from);
        try bonding.bond(amount, to) {
            succeeded++;
        } catch {}
    }

    function bondToItself(uint256 who, uint256 amount) external step {
        bond(who, who % ACCOUNTS, amount);
    }

    function bondForAnother(uint256 who, uint256 owner, uint256 towards, uint256 amount) external step {
        address from = account(who);
        pay(from, amount = amount % 10 ether + 1);
        cheats.prank(from);
        try bonding.bondForWithHint(
            amount, account(owner), account(towards), address(0), address(0), account(who), account(towards)
        ) {
            succeeded++;
        } catch {}
    }

    function unbond(uint256 who, uint256 part, bool everything) external step {
        address from = account(who);
        uint256 bonded = claimed(from);
        if (bonded == 0) return;
        uint256 amount = everything ? bonded : part % bonded + 1;
        (,,,,,, uint256 id) = bonding.getDelegator(from);
        cheats.prank(from);
        try bonding.unbond(amount) {
            locks.push(Lock(from, id, amount));
            succeeded++;
        } catch {}
    }

    function rebond(uint256 which) external step {
        if (locks.length == 0) return;
        Lock memory lock = locks[which % locks.length];
        cheats.prank(lock.owner);
        try bonding.rebond(lock.id) {
            forget(which % locks.length);
            succeeded++;
        } catch {}
    }

    function rebondFromUnbonded(uint256 which, uint256 towards) external step {
        if (locks.length == 0) return;
        Lock memory lock = locks[which % locks.length];
        cheats.prank(lock.owner);
        try bonding.rebondFromUnbonded(account(towards), lock.id) {
            forget(which % locks.length);
            succeeded++;
        } catch {}
    }

    function withdrawStake(uint256 which) external step {
        if (locks.length == 0) return;
        Lock memory lock = locks[which % locks.length];
        uint256 before = token.balanceOf(lock.owner);
        cheats.prank(lock.owner);
        try bonding.withdrawStake(lock.id) {
            eq(token.balanceOf(lock.owner) - before, lock.amount, "a lock pays its amount");
            forget(which % locks.length);
            succeeded++;
        } catch {}
    }

    function transferBond(uint256 who, uint256 receiver, uint256 part) external step {
        address from = account(who);
        uint256 bonded = claimed(from);
        if (bonded == 0) return;
        cheats.prank(from);
        try bonding.transferBond(
            account(receiver), part % bonded + 1, address(0), address(0), account(who), account(part)
        ) {
            succeeded++;
        } catch {}
    }

    function claim(uint256 who) external step {
        address from = account(who);
        uint256 stake = bonding.pendingStake(from, 0);
        (,,,,, uint256 lastClaimRound,) = bonding.getDelegator(from);
        uint256 bonded = claimed(from);
        // What an orchestrator earns after its claim waits for the next round.
        if (lastClaimRound < rounds.currentRound()) eq(bonded, stake, "a claim gives what was pending");
        else require(bonded <= stake, "a second claim gives nothing new");
        succeeded++;
    }

    function checkpoint(uint256 who) external step {
        bonding.checkpointBondingState(account(who));
        succeeded++;
    }

    function setRates(uint256 who, uint256 rewardCut, uint256 feeShare) external step {
        cheats.prank(account(who));
        try bonding.transcoder(rewardCut % 1000001, feeShare % 1000001) {
            succeeded++;
        } catch {}
    }

    function reward(uint256 who) public step {
        address from = account(who);
        uint256 supply = token.totalSupply();
        cheats.prank(from);
        try bonding.reward() {
            minted += token.totalSupply() - supply;
            succeeded++;
        } catch {}
    }

    function rewardAll() external step {
        for (uint256 i = 0; i < ACCOUNTS; i++) reward(i);
    }

    /// Fees that a redeemed ticket would bring to who is in service, paid by the broker, which this contract plays.
    function payFees(uint256 who, uint256 amount) external step {
        if (!bonding.isActiveTranscoder(account(who))) return;
        amount %= 10 ether;
        try bonding.updateTranscoderWithFees(account(who), amount, 0) {
            cheats.deal(address(this), amount);
            minter.depositETH{value: amount}();
            succeeded++;
        } catch {}
    }

    function withdrawFees(uint256 who) external step {
        address from = account(who);
        claimed(from);
        (, uint256 fees,,,,,) = bonding.getDelegator(from);
        require(fees <= bonding.pendingFees(from, 0), "claimed fees are pending fees");
        uint256 before = from.balance;
        cheats.prank(from);
        bonding.withdrawFees(payable(from), fees); // whatever is claimed can be withdrawn
        eq(from.balance - before, fees, "paid");
        succeeded++;
    }

    function nextRound(uint256 skipped) external step {
        rounds.mineBlocks(ROUND_LENGTH * (skipped % 8 == 7 ? 3 : 1));
        uint256 total = bonding.nextRoundTotalActiveStake();
        rounds.initializeRound();
        currentTotal = total;
        remember();
        succeeded++;
    }

    // ---- The books ----

    function locked() external view returns (uint256 sum) {
        for (uint256 i = 0; i < locks.length; i++) sum += locks[i].amount;
    }

    function remembered() external view returns (Remembered[] memory) {
        return history;
    }

    /// What an account's votes are by its stake alone.
    function votesByStake(address who) public view returns (uint256) {
        if (bonding.isRegisteredTranscoder(who)) return bonding.transcoderTotalStake(who);
        (,, address delegate,,,,) = bonding.getDelegator(who);
        return bonding.isRegisteredTranscoder(delegate) ? bonding.pendingStake(who, 0) : 0;
    }

    /// The account's bond with all it may claim now.
    function claimed(address who) private returns (uint256 bonded) {
        cheats.prank(who);
        bonding.claimEarnings(0);
        (bonded,,,,,,) = bonding.getDelegator(who);
    }

    /// Stakes at this round's start: nothing has been done in it yet.
    function remember() private {
        Remembered memory now_;
        now_.round = rounds.currentRound();
        now_.total = currentTotal;
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            now_.votes[i] = votesByStake(account(i));
            (,, now_.delegates[i],,,,) = bonding.getDelegator(account(i));
        }
        if (history.length < KEPT) {
            history.push(now_);
        } else {
            history[now_.round % KEPT] = now_;
        }
    }

    function pay(address to, uint256 amount) private {
        token.mint(to, amount);
        given += amount;
        cheats.prank(to);
        token.approve(address(bonding), amount);
    }

    function forget(uint256 i) private {
        locks[i] = locks[locks.length - 1];
        locks.pop();
    }
}
