// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {StakingFixture} from "./StakingFixture.sol";

/// After any sequence of operations: tokens are conserved, totals are sums, the pool is in order, votes are stakes.
contract AccountingTest is StakingFixture {
    uint256 private constant ACCOUNTS = 7;
    uint256 private constant STEPS = 40;
    uint256 private lockTotal;
    uint256 private done; // operations that did not revert

    function testFuzz_AnySequenceKeepsTheBooks(uint256 seed) public {
        for (uint256 i = 0; i < STEPS; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            step(seed);
            if (i % 4 == 3) checkBooks();
        }
        require(done > STEPS / 10, "hardly anything happened");
        rounds.mineBlocks(ROUND_LENGTH);
        rounds.initializeRound();
        checkVotes();
    }

    function account(uint256 i) private pure returns (address) {
        return address(uint160(0x1000 + (i % ACCOUNTS)));
    }

    function step(uint256 seed) private {
        (address a, address b) = (account(seed >> 8), account(seed >> 16));
        uint256 amount = ((seed >> 32) % 100 ether) + 1;
        uint256 kind = seed % 12;
        bool ok = true;
        if (kind < 4) {
            token.mint(a, amount);
            vm.prank(a);
            try bonding.bond(amount, kind == 0 ? a : b) {} catch { ok = false; }
        } else if (kind < 6) {
            vm.prank(a);
            try bonding.reward() {} catch { ok = false; }
        } else if (kind == 6) {
            uint256 bonded = bondedOf(a);
            uint256 part = bonded == 0 ? 1 : (amount % bonded) + 1;
            vm.prank(a);
            try bonding.unbond(part) { lockTotal += part; } catch { ok = false; }
        } else if (kind == 7) {
            uint256 id = (seed >> 24) % 3;
            (uint256 locked,) = bonding.getDelegatorUnbondingLock(a, id);
            vm.prank(a);
            try bonding.rebond(id) { lockTotal -= locked; } catch { ok = false; }
        } else if (kind == 8) {
            vm.prank(a);
            try bonding.claimEarnings(0) {} catch { ok = false; }
        } else if (kind == 9) {
            vm.prank(a);
            try bonding.transferBond(b, amount % 3 ether, address(0), address(0), address(0), address(0)) {}
            catch { ok = false; }
        } else {
            nextRound();
        }
        if (ok) done++;
    }

    function checkBooks() private view {
        uint256 bonded;
        uint256 delegated = bonding.transcoderTotalStake(address(0));
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            bonded += bonding.pendingStake(account(i), 0);
            delegated += bonding.transcoderTotalStake(account(i));
        }
        require(bonded <= delegated, "claims exceed delegated totals");
        require(token.balanceOf(address(minter)) == delegated + lockTotal, "tokens are not conserved");

        uint256 total;
        uint256 size;
        uint256 above = type(uint256).max;
        for (address t = bonding.getFirstTranscoderInPool(); t != address(0); t = bonding.getNextTranscoderInPool(t)) {
            uint256 stake = bonding.transcoderTotalStake(t);
            require(stake <= above, "pool is out of order");
            require(bonding.isRegisteredTranscoder(t), "pool has an unregistered account");
            (above, total, size) = (stake, total + stake, size + 1);
        }
        require(size == bonding.getTranscoderPoolSize() && size <= poolSize(), "wrong pool size");
        require(total == bonding.nextRoundTotalActiveStake(), "next total is not the pool's sum");
    }

    function checkVotes() private view {
        uint256 round = rounds.currentRound();
        require(votes.getTotalActiveStakeAt(round) == bonding.currentRoundTotalActiveStake(), "total supply");
        for (uint256 i = 0; i < ACCOUNTS; i++) {
            address a = account(i);
            (uint256 got, address delegate) = votes.getVotesAndDelegateAtRoundStart(a, round);
            uint256 expected;
            if (bonding.isRegisteredTranscoder(a)) expected = bonding.transcoderTotalStake(a);
            else if (bonding.isRegisteredTranscoder(delegateOf(a))) expected = bonding.pendingStake(a, 0);
            require(got == expected, "votes are not the stake");
            require(delegate == delegateOf(a), "delegate");
        }
    }
}
