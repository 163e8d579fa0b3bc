// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IBondingManager} from "../../contracts/bonding/IBondingManager.sol";
import {BondingManager} from "../../contracts/bonding/BondingManager.sol";
import {IManager} from "../../contracts/IManager.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Rates, rewards, fees, slashing, the pool's bounds, and who may set what.
contract OrchestratorsTest is ProtocolFixture {
    address private constant SECOND = address(0xa2a2);
    address private constant THIRD = address(0xa3a3);
    address private constant FOURTH = address(0xa4a4);

    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        bondAs(DELEGATOR, 1000 ether, ORCHESTRATOR);
        setRates(ORCHESTRATOR, 500000, 250000);
        nextRound();
    }

    function test_RatesAndTheirRefusals() public {
        cheats.startPrank(ORCHESTRATOR);
        refused("invalid rewardCut percentage");
        bonding.transcoder(1000001, 1000001);
        refused("invalid feeShare percentage");
        bonding.transcoder(1000000, 1000001);
        refused("caller can't be active or must have already called reward for the current round");
        bonding.transcoder(1, 1);
        cheats.stopPrank();
        refused("transcoder must be registered");
        bonding.transcoder(1, 1);

        rewardAs(ORCHESTRATOR);
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderUpdate(ORCHESTRATOR, 1000000, 0);
        setRates(ORCHESTRATOR, 1000000, 0);
        rounds.mineBlocks(46);
        cheats.prank(ORCHESTRATOR);
        refused("can't update transcoder params, current round is locked");
        bonding.transcoder(1000001, 0); // the lock comes before the rates
    }

    function test_RewardOnceARoundByWhoIsActive() public {
        bondAs(SECOND, 1 ether, SECOND);
        cheats.prank(SECOND);
        refused("caller must be an active transcoder");
        bonding.reward();
        rewardAs(ORCHESTRATOR);
        cheats.prank(ORCHESTRATOR);
        refused("caller has already called reward for the current round");
        bonding.reward();
    }

    function test_ARewardIsSharedByCutAndStake() public {
        uint256 mintable = minter.currentMintableTokens();
        uint256 cut = mintable / 10;
        uint256 amount = mintable - cut;
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TreasuryReward(ORCHESTRATOR, TREASURY, cut);
        cheats.expectEmit(address(bonding));
        emit IBondingManager.Reward(ORCHESTRATOR, amount);
        rewardAs(ORCHESTRATOR);
        eq(token.balanceOf(TREASURY), cut, "treasury");
        eq(bonding.transcoderTotalStake(ORCHESTRATOR), 2000 ether + amount, "delegated");

        uint256 toDelegator = bonding.pendingStake(DELEGATOR, 0) - 1000 ether;
        uint256 toItself = bonding.pendingStake(ORCHESTRATOR, 0) - 1000 ether;
        near(toDelegator, amount / 4, "half of the stake, half of it shared");
        near(toItself, amount * 3 / 4, "the rest");
        require(toDelegator + toItself <= amount, "rounded in favour of the pool");
    }

    function test_FeesAreSharedByFeeShareAndStake() public {
        fundAs(sender, 8 ether, 0);
        redeem(winner(ORCHESTRATOR, 8 ether, 1));
        near(bonding.pendingFees(DELEGATOR, 0), 1 ether, "half of the stake, a quarter of it shared");
        near(bonding.pendingFees(ORCHESTRATOR, 0), 7 ether, "the rest");
        (,,,,,,,,, uint256 lastFeeRound) = bonding.getTranscoder(ORCHESTRATOR);
        eq(lastFeeRound, rounds.currentRound(), "recorded");
        refused("caller must be TicketBroker");
        bonding.updateTranscoderWithFees(ORCHESTRATOR, 1, 0);
    }

    /// Whatever the order of rewards, fees and claims, all that was paid can be claimed but for dust.
    function testFuzz_FeesAreConservedInAnyOrder(uint256 seed) public {
        fundAs(sender, 1000 ether, 0);
        uint256 paid;
        for (uint256 i = 0; i < 16; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            if (seed % 4 == 0) {
                nextRound();
            } else if (seed % 4 == 1) {
                cheats.prank(ORCHESTRATOR);
                try bonding.reward() {} catch {}
            } else if (seed % 4 == 2) {
                uint256 face = (seed >> 8) % 30 ether;
                redeem(winner(ORCHESTRATOR, face, i));
                paid += face;
            } else {
                cheats.prank((seed >> 8) % 2 == 0 ? ORCHESTRATOR : DELEGATOR);
                bonding.claimEarnings(0);
            }
        }
        uint256 due = bonding.pendingFees(ORCHESTRATOR, 0) + bonding.pendingFees(DELEGATOR, 0);
        require(due <= paid, "more than was paid");
    }

    function test_OnlyMoreStakeThanTheLastOnesDisplacesIt() public {
        bondAs(SECOND, 10 ether, SECOND);
        bondAs(THIRD, 5 ether, THIRD);
        bondAs(FOURTH, 5 ether, FOURTH);
        eq(bonding.getTranscoderPoolSize(), 3, "full");
        no(isInPool(FOURTH), "equal stake does not displace");
        uint256 round = rounds.currentRound();
        mintFor(FOURTH, 1);
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderDeactivated(THIRD, round + 1);
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderActivated(FOURTH, round + 1);
        cheats.prank(FOURTH);
        bonding.bond(1, FOURTH);
        require(isInPool(FOURTH) && !isInPool(THIRD), "displaced");
        (,,,, uint256 activation, uint256 deactivation,,,,) = bonding.getTranscoder(FOURTH);
        eq(activation, round + 1, "activation");
        eq(deactivation, type(uint256).max, "no end in sight");
        eq(bonding.nextRoundTotalActiveStake(), 2010 ether + 5 ether + 1, "next total");
    }

    function test_ARewardBringsTheDisplacedBack() public {
        bondAs(SECOND, 10 ether, SECOND);
        bondAs(THIRD, 5 ether, THIRD);
        nextRound();
        bondAs(FOURTH, 5 ether + 1, FOURTH);
        no(isInPool(THIRD), "displaced");
        rewardAs(THIRD); // still active, and the reward outweighs a wei
        require(isInPool(THIRD) && !isInPool(FOURTH), "back");
        no(bonding.isActiveTranscoder(THIRD), "but not for the rest of this round");
    }

    function test_TheTreasurysCeilingStopsTheNextRounds() public {
        bonding.setTreasuryBalanceCeiling(1);
        token.mint(TREASURY, 1);
        cheats.expectEmit(address(bonding));
        emit IManager.ParameterUpdate("nextRoundTreasuryRewardCutRate");
        rewardAs(ORCHESTRATOR);
        require(token.balanceOf(TREASURY) > 1, "this round's cut applies");
        eq(bonding.nextRoundTreasuryRewardCutRate(), 0, "next");
        eq(bonding.treasuryRewardCutRate(), 10 ** 26, "now");
        rounds.mineBlocks(ROUND_LENGTH);
        cheats.expectEmit(address(bonding));
        emit IManager.ParameterUpdate("treasuryRewardCutRate");
        rounds.initializeRound();
        uint256 balance = token.balanceOf(TREASURY);
        rewardAs(ORCHESTRATOR);
        eq(token.balanceOf(TREASURY), balance, "nothing more");
    }

    function test_SlashingTakesFromTheBondAndResigns() public {
        token.grantRole(keccak256("BURNER_ROLE"), address(minter));
        refused("caller must be Verifier");
        bonding.slashTranscoder(ORCHESTRATOR, STRANGER, 1, 1);
        register("Verifier", address(this));
        uint256 supply = token.totalSupply();
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderSlashed(ORCHESTRATOR, STRANGER, 100 ether, 50 ether);
        bonding.slashTranscoder(ORCHESTRATOR, STRANGER, 100000, 500000);
        eq(bondedOf(ORCHESTRATOR), 900 ether, "bond");
        eq(token.balanceOf(STRANGER), 50 ether, "finder");
        eq(token.totalSupply(), supply - 50 ether, "burned");
        no(isInPool(ORCHESTRATOR), "out of the pool");
        eq(bonding.transcoderTotalStake(ORCHESTRATOR), 1900 ether, "delegated");

        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderSlashed(ORCHESTRATOR, NONE, 900 ether, 0);
        bonding.slashTranscoder(ORCHESTRATOR, NONE, 1000000, 500000);
        eq(bondedOf(ORCHESTRATOR), 0, "nothing left");
        eq(delegateOf(ORCHESTRATOR), ORCHESTRATOR, "the delegate stays");
        eq(votes.getVotes(ORCHESTRATOR), 0, "votes go");
        cheats.expectEmit(address(bonding));
        emit IBondingManager.TranscoderSlashed(ORCHESTRATOR, STRANGER, 0, 0);
        bonding.slashTranscoder(ORCHESTRATOR, STRANGER, 1000000, 500000);
    }

    function test_Parameters() public {
        bonding.setUnbondingPeriod(type(uint64).max);
        eq(bonding.unbondingPeriod(), type(uint64).max, "period");
        refused("new max size must be greater than old max size");
        bonding.setNumActiveTranscoders(3);
        bonding.setNumActiveTranscoders(200);
        eq(bonding.getTranscoderPoolMaxSize(), 200, "pool");
        refused("_cutRate is invalid precise percentage");
        bonding.setTreasuryRewardCutRate(10 ** 27 + 1);
        bonding.setTreasuryRewardCutRate(10 ** 27);
        eq(bonding.nextRoundTreasuryRewardCutRate(), 10 ** 27, "cut");
        bonding.setTreasuryBalanceCeiling(type(uint256).max);
        eq(bonding.treasuryBalanceCeiling(), type(uint256).max, "ceiling");

        refused("caller must be RoundsManager");
        bonding.setCurrentRoundTotalActiveStake();
        cheats.startPrank(STRANGER);
        refused("caller must be Controller owner");
        bonding.setUnbondingPeriod(1);
        refused("caller must be Controller owner");
        bonding.setNumActiveTranscoders(300);
        refused("caller must be Controller owner");
        bonding.setTreasuryRewardCutRate(1);
        refused("caller must be Controller owner");
        bonding.setTreasuryBalanceCeiling(1);
    }

    function test_APoolWithoutRoomCannotEvictNobody() public {
        BondingManager fresh = new BondingManager(address(controller));
        register("BondingManager", address(fresh));
        token.mint(STRANGER, 1);
        cheats.startPrank(STRANGER);
        token.approve(address(fresh), 1);
        refused("node not in list");
        fresh.bond(1, STRANGER);
    }

    function test_VotesMustBeThere() public {
        register("BondingVotes", NONE);
        cheats.expectRevert();
        bonding.checkpointBondingState(ORCHESTRATOR);
    }

    function setRates(address orchestrator, uint256 rewardCut, uint256 feeShare) private {
        cheats.prank(orchestrator);
        bonding.transcoder(rewardCut, feeShare);
    }

    function isInPool(address account) private view returns (bool) {
        address t = bonding.getFirstTranscoderInPool();
        while (t != NONE && t != account) t = bonding.getNextTranscoderInPool(t);
        return t == account;
    }

    /// Up to a few units that rounding leaves.
    function near(uint256 got, uint256 expected, string memory what) private pure {
        if (got > expected + 4 || got + 4 < expected) revert Differs(what, got, expected);
    }
}
