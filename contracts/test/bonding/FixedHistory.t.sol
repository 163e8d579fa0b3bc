// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {StakingFixture} from "./StakingFixture.sol";

/// Rules that look arbitrary but close a hole: one test for each. Some stand with their contracts: an unlock that
/// others cannot cancel in broker/Funding, no second draw by a short signature in broker/Redemption, votes taken
/// back only from who has them in governance/Counting, votes without fee factors and of who was slashed in
/// votes/BondingVotes, the supply of the other layer in minter/Funds.
contract FixedHistoryTest is StakingFixture {
    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        token.mint(STRANGER, 1 ether);
        nextRound();
    }

    function test_StrangerCannotChangeSomebodysDelegate() public {
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        expectRevert("INVALID_DELEGATE_CHANGE");
        bondForAs(STRANGER, DELEGATOR, STRANGER);
    }

    function test_StakeMovedFromTheNullDelegateLeavesItOnce() public {
        bondAs(DELEGATOR, 10 ether, address(0));
        assertEq(bonding.transcoderTotalStake(address(0)), 10 ether, "null delegate credited");
        bondAs(DELEGATOR, 5 ether, ORCHESTRATOR);
        assertEq(bonding.transcoderTotalStake(address(0)), 0, "null delegate decreased");
        assertEq(bonding.transcoderTotalStake(ORCHESTRATOR), 1015 ether, "moved once");
    }

    function test_ReceiverBondedToTheNullDelegateKeepsIt() public {
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        bondAs(STRANGER, 1 ether, address(0));
        nextRound();
        rewardAs(ORCHESTRATOR);
        transferAs(DELEGATOR, STRANGER, 4 ether);
        assertEq(delegateOf(STRANGER), address(0), "delegate kept");
        assertEq(bondedOf(STRANGER), 5 ether, "stake received");
    }

    function test_ReceiverOfATransferClaimsFirst() public {
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        bondAs(STRANGER, 10 ether, ORCHESTRATOR);
        nextRound();
        rewardAs(ORCHESTRATOR);
        uint256 pending = bonding.pendingStake(STRANGER, 0);
        require(pending > 10 ether, "reward shared");
        transferAs(DELEGATOR, STRANGER, 4 ether);
        assertEq(bondedOf(STRANGER), pending + 4 ether, "claimed before the stake came");
    }

    function test_NobodyIsMadeAnOrchestratorByAnother() public {
        expectRevert("INVALID_DELEGATE");
        bondForAs(STRANGER, DELEGATOR, DELEGATOR);

        bondAs(STRANGER, 10 ether, DELEGATOR);
        nextRound();
        expectRevert("INVALID_DELEGATOR");
        transferAs(STRANGER, DELEGATOR, 1 ether);
    }

    function test_RebondTowardsAnIdleDelegateDoesNotInflateStake() public {
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        nextRound();
        rewardAs(ORCHESTRATOR);
        vm.prank(DELEGATOR);
        bonding.claimEarnings(0);
        uint256 stake = bondedOf(DELEGATOR);
        vm.prank(DELEGATOR);
        bonding.unbond(stake);
        nextRound(); // no reward: the round has no factors of its own
        vm.prank(DELEGATOR);
        bonding.rebondFromUnbonded(ORCHESTRATOR, 0);
        nextRound();
        assertEq(bonding.pendingStake(DELEGATOR, 0), stake, "no reward, no growth");
    }

    function test_BondTowardsAnIdleDelegateDoesNotInflateStake() public {
        rewardAs(ORCHESTRATOR);
        nextRound(); // no reward: the round has no factors of its own
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        nextRound();
        assertEq(bonding.pendingStake(DELEGATOR, 0), 10 ether, "no reward, no growth");
        rewardAs(ORCHESTRATOR);
        require(bonding.pendingStake(DELEGATOR, 0) > 10 ether, "a reward, growth");
    }

    function test_ClaimCannotBeForcedBeforeTheRoundsReward() public {
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        nextRound();
        expectRevert("ILLEGAL_CLAIM_EARNINGS");
        bondForAs(STRANGER, DELEGATOR, ORCHESTRATOR);
        rewardAs(ORCHESTRATOR);
        bondForAs(STRANGER, DELEGATOR, ORCHESTRATOR);
    }

    function test_FeesBeforeTheSecondRewardSurviveTheTreasuryCut() public {
        rewardAs(ORCHESTRATOR);
        bonding.updateTranscoderWithFees(ORCHESTRATOR, 1 ether, 0);
        assertEq(bonding.pendingFees(ORCHESTRATOR, 0), 1 ether, "fees credited");
    }

    function test_UnbondedOrchestratorHasNoVotes() public {
        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        require(votes.getVotes(DELEGATOR) > 0, "votes while the delegate is registered");
        vm.prank(ORCHESTRATOR);
        bonding.unbond(1000 ether);
        assertEq(votes.getVotes(ORCHESTRATOR), 0, "own votes");
        assertEq(votes.getVotes(DELEGATOR), 0, "votes through it");
    }

    function test_WithdrawFeesRecordsACheckpoint() public {
        vm.prank(STRANGER);
        bonding.withdrawFees(payable(STRANGER), 0);
        require(votes.hasCheckpoint(STRANGER), "checkpoint");
    }

    function test_ZeroAddressCannotBeBondedFor() public {
        expectRevert("INVALID_DELEGATOR");
        bondForAs(STRANGER, address(0), ORCHESTRATOR);

        bondAs(DELEGATOR, 10 ether, ORCHESTRATOR);
        nextRound();
        rewardAs(ORCHESTRATOR);
        expectRevert("INVALID_DELEGATOR");
        transferAs(DELEGATOR, address(0), 1 ether);
    }

    function test_FeesForARegisteredButNeverActiveTranscoderRevert() public {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x12));
        this.payNeverActive();
    }

    function payNeverActive() external {
        controller.register("TicketBroker", address(this));
        for (uint160 i = 1; i <= 3; i++) bondAs(address(0x100 + i), 10 ether, address(0x100 + i));
        bondAs(address(0x200), 1 ether, address(0x200));
        bonding.updateTranscoderWithFees(address(0x200), 1 ether, 0);
    }

    function bondForAs(address sender, address owner, address to) private {
        vm.prank(sender);
        bonding.bondForWithHint(1, owner, to, address(0), address(0), address(0), address(0));
    }

    function transferAs(address sender, address receiver, uint256 amount) private {
        vm.prank(sender);
        bonding.transferBond(receiver, amount, address(0), address(0), address(0), address(0));
    }
}
