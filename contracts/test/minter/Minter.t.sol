// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {StakingFixture} from "../bonding/StakingFixture.sol";

contract MinterTest is StakingFixture {
    uint256 private constant SUPPLY = 1_000_000 ether;

    function setUp() public override {
        super.setUp();
        token.mint(STRANGER, SUPPLY);
        controller.register("BondingManager", address(this));
        controller.register("RoundsManager", address(this));
    }

    uint256 public getTotalBonded;

    function testFuzz_RewardsRoundDownToABillionthAndNeverExceedTheRound(uint256 part, uint256 whole) public {
        minter.setCurrentRewardTokens();
        whole = whole % SUPPLY + 1;
        part = part % (whole + 1);
        uint256 limit = minter.currentMintableTokens();
        uint256 before = token.balanceOf(address(minter));

        uint256 minted = minter.createReward(part, whole);
        assertEq(minted, limit * (part * 10 ** 9 / whole) / 10 ** 9, "two floors");
        assertEq(token.balanceOf(address(minter)) - before, minted, "minted here");
        assertEq(minter.currentMintedTokens(), minted, "counted");

        if (minted > 0) {
            expectRevert("minted tokens cannot exceed mintable tokens");
            minter.createReward(1, 1);
        }
    }

    function test_InflationStepsTowardsTheTarget() public {
        uint256 start = minter.inflation();
        minter.setCurrentRewardTokens();
        assertEq(minter.inflation(), start + 500, "bonded too little: up");

        getTotalBonded = SUPPLY;
        minter.setCurrentRewardTokens();
        assertEq(minter.inflation(), start, "bonded too much: down");
        assertEq(minter.currentMintableTokens(), SUPPLY * start / 10 ** 9, "with the new inflation");

        getTotalBonded = SUPPLY / 2;
        minter.setCurrentRewardTokens();
        assertEq(minter.inflation(), start, "at the target: unchanged");
    }

    function test_InflationStopsAtZero() public {
        getTotalBonded = SUPPLY;
        minter.setInflationChange(10 ** 9);
        minter.setCurrentRewardTokens();
        assertEq(minter.inflation(), 0, "floor");
        assertEq(minter.currentMintableTokens(), 0, "nothing to mint");
    }

    function test_OnlyTheProtocolMovesFunds() public {
        expectRevert("msg.sender not BondingManager");
        vm.prank(STRANGER);
        minter.trustedTransferTokens(STRANGER, 1);
        expectRevert("msg.sender not BondingManager or JobsManager");
        vm.prank(STRANGER);
        minter.trustedWithdrawETH(payable(STRANGER), 1);
        expectRevert("msg.sender not Minter or JobsManager");
        vm.prank(STRANGER);
        minter.depositETH();
        expectRevert("msg.sender not RoundsManager");
        vm.prank(STRANGER);
        minter.setCurrentRewardTokens();
    }
}
