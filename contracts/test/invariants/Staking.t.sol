// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ProtocolFixture} from "../ProtocolFixture.sol";
import {StakingHandler} from "./StakingHandler.sol";

/// What holds of stake after every step of any sequence of operations.
contract StakingInvariants is ProtocolFixture {
    StakingHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new StakingHandler(bonding, votes, rounds, token, minter);
        token.grantRole(keccak256("MINTER_ROLE"), address(handler));
        register("TicketBroker", address(handler));
        register("JobsManager", address(handler));
        // A start in which most operations have something to work on.
        for (uint256 i = 0; i < 5; i++) handler.bondToItself(i, (i + 1) * 100 ether);
        for (uint256 i = 5; i < 8; i++) handler.bond(i, i - 5, 50 ether);
        handler.nextRound(0);
    }

    function poolSize() internal pure override returns (uint256) {
        return 4;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_TheBooksBalance() external view {
        tokensAreConserved();
        claimsFitIntoDelegatedTotals();
        thePoolIsInOrder();
        votesAreStakes();
    }

    /// A run in which hardly anything succeeds proves nothing.
    function afterInvariant() external view {
        if (handler.attempts() < 100) return; // a failure that is replayed
        require(handler.succeeded() > 10, "hardly anything happened");
    }

    function tokensAreConserved() private view {
        uint256 delegated = bonding.transcoderTotalStake(NONE);
        uint256 held = token.balanceOf(TREASURY) + token.balanceOf(address(minter));
        for (uint256 i = 0; i < handler.ACCOUNTS(); i++) {
            delegated += bonding.transcoderTotalStake(handler.account(i));
            held += token.balanceOf(handler.account(i));
        }
        eq(token.balanceOf(address(minter)), delegated + handler.locked(), "the Minter holds bonds and locks");
        eq(token.totalSupply(), handler.given() + handler.minted(), "tokens come from rewards alone");
        eq(held, token.totalSupply(), "every token is somebody's");
        require(minter.currentMintedTokens() <= minter.currentMintableTokens(), "a round mints its share at most");
    }

    /// What delegators can claim is part of what their delegate has; rounding stays with the delegate.
    function claimsFitIntoDelegatedTotals() private view {
        uint256 count = handler.ACCOUNTS();
        uint256[] memory claims = new uint256[](count + 1); // the last one: towards nobody
        for (uint256 i = 0; i < count; i++) {
            address delegator = handler.account(i);
            address delegate = delegateOf(delegator);
            uint256 to = 0;
            while (to < count && handler.account(to) != delegate) to++;
            claims[to] += bonding.pendingStake(delegator, 0);
        }
        for (uint256 i = 0; i <= count; i++) {
            address delegate = i == count ? NONE : handler.account(i);
            require(claims[i] <= bonding.transcoderTotalStake(delegate), "claims exceed the delegated total");
        }
    }

    function thePoolIsInOrder() private view {
        uint256 total;
        uint256 size;
        uint256 above = type(uint256).max;
        address t = bonding.getFirstTranscoderInPool();
        for (; t != NONE; t = bonding.getNextTranscoderInPool(t)) {
            uint256 stake = bonding.transcoderTotalStake(t);
            require(stake <= above, "the pool is out of order");
            require(bonding.isRegisteredTranscoder(t), "the pool has an unregistered account");
            (above, total, size) = (stake, total + stake, size + 1);
        }
        eq(size, bonding.getTranscoderPoolSize(), "size");
        require(size <= bonding.getTranscoderPoolMaxSize(), "too many");
        eq(total, bonding.nextRoundTotalActiveStake(), "the next total is the pool's sum");
        eq(bonding.currentRoundTotalActiveStake(), handler.currentTotal(), "the current total is the round's start");
    }

    function votesAreStakes() private view {
        StakingHandler.Remembered[] memory history = handler.remembered();
        // One of the remembered rounds after each step, in turn.
        StakingHandler.Remembered memory past = history[handler.attempts() % history.length];
        eq(votes.getTotalActiveStakeAt(past.round), past.total, "total at a round's start");
        for (uint256 i = 0; i < handler.ACCOUNTS(); i++) {
            address who = handler.account(i);
            (uint256 amount, address delegate) = votes.getVotesAndDelegateAtRoundStart(who, past.round);
            eq(amount, past.votes[i], "votes at a round's start");
            eq(delegate, past.delegates[i], "delegate at a round's start");
        }
        for (uint256 i = 0; i < handler.ACCOUNTS(); i++) {
            address who = handler.account(i);
            eq(votes.getVotes(who), handler.votesByStake(who), "votes now");
        }
    }
}
