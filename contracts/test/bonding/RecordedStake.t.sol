// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {StakingFixture} from "./StakingFixture.sol";

/// The stake by which an orchestrator earned in a round is stored late. It reads as if it had been stored at once: what
/// it was when the round ended, it is forever.
contract RecordedStakeTest is StakingFixture {
    uint256 private constant ACCOUNTS = 5; // two more than the pool has places
    uint256 private constant STEPS = 40;

    mapping(address account => mapping(uint256 round => uint256)) private stakeAtEnd;
    uint256 private first;
    bool private delegatorSlashed;

    function testFuzz_StakeOfAPastRoundStays(uint256 seed) public {
        first = rounds.currentRound();
        for (uint256 i = 1; i <= ACCOUNTS; i++) bondAs(account(i), i * 10 ether, account(i));
        for (uint256 i = 0; i < STEPS; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            step(seed);
            requireNextRoundsStake();
            if (seed % 3 == 0) endRound();
        }
        requirePastStakes();
    }

    function step(uint256 seed) private {
        address orchestrator = account(1 + (seed >> 8) % ACCOUNTS);
        uint256 kind = (seed >> 16) % 7;
        uint256 amount = (1 + (seed >> 24) % 30) * 1 ether;

        if (kind == 0) bondAs(orchestrator, amount, orchestrator);
        else if (kind == 1) bondAs(DELEGATOR, amount, bondedOf(DELEGATOR) == 0 ? orchestrator : delegateOf(DELEGATOR));
        else if (kind == 2) bondAs(DELEGATOR, amount, orchestrator);
        else if (kind == 3) attempt(orchestrator, abi.encodeCall(bonding.unbond, (amount)));
        else if (kind == 4) attempt(orchestrator, abi.encodeCall(bonding.reward, ()));
        else if (kind == 5) attempt(address(this), abi.encodeCall(bonding.updateTranscoderWithFees, (orchestrator, 1 ether, 0)));
        else if ((seed >> 40) % 4 > 0) bonding.slashTranscoder(orchestrator, address(0), 100_000, 0);
        else slashDelegator();
    }

    /// Takes from what is bonded to an orchestrator, but neither from its place in the pool nor from what it earns by.
    function slashDelegator() private {
        address delegate = delegateOf(DELEGATOR);
        (,,, uint256 lastUpdate,,,,,,) = bonding.getTranscoder(delegate);
        uint256 stake = totalStake(delegate, lastUpdate);
        bonding.slashTranscoder(DELEGATOR, address(0), 100_000, 0);
        require(totalStake(delegate, lastUpdate) == stake, "a delegator's penalty changed the recorded stake");
        delegatorSlashed = true;
    }

    /// What is refused changes nothing, and is part of the fuzzing.
    function attempt(address sender, bytes memory data) private {
        vm.prank(sender);
        (bool ok,) = address(bonding).call(data);
        ok;
    }

    function endRound() private {
        uint256 round = rounds.currentRound();
        for (uint256 i = 1; i <= ACCOUNTS; i++) stakeAtEnd[account(i)][round] = totalStake(account(i), round);
        nextRound();
        for (uint256 i = 1; i <= ACCOUNTS; i++) {
            require(totalStake(account(i), round) == stakeAtEnd[account(i)][round], "changed by the round's end");
        }
    }

    /// The stakes that the pool earns by in the next round are its total, until a delegator's penalty.
    function requireNextRoundsStake() private view {
        uint256 total;
        address account_ = bonding.getFirstTranscoderInPool();
        while (account_ != address(0)) {
            (,,, uint256 lastUpdate,,,,,,) = bonding.getTranscoder(account_);
            total += totalStake(account_, lastUpdate);
            account_ = bonding.getNextTranscoderInPool(account_);
        }
        require(delegatorSlashed || total == bonding.nextRoundTotalActiveStake(), "stakes do not add up to the next round's total");
    }

    function requirePastStakes() private view {
        for (uint256 round = first; round < rounds.currentRound(); round++) {
            for (uint256 i = 1; i <= ACCOUNTS; i++) {
                require(totalStake(account(i), round) == stakeAtEnd[account(i)][round], "a past stake changed");
            }
        }
    }

    function totalStake(address account_, uint256 round) private view returns (uint256 stake) {
        (stake,,,,) = bonding.getTranscoderEarningsPoolForRound(account_, round);
    }

    function account(uint256 index) private pure returns (address) {
        return address(uint160(0xa100 + index));
    }
}
