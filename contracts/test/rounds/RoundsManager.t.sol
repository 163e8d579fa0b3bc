// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {RoundsManager} from "../../contracts/rounds/RoundsManager.sol";
import {StakingFixture} from "../bonding/StakingFixture.sol";

contract RoundsManagerTest is StakingFixture {
    function testFuzz_NewLengthKeepsTheRunningRoundAndItsStart(uint256 blocks, uint256 first, uint256 second) public {
        RoundsManager clock = new RoundsManager(address(controller));
        first = first % 5000 + 1;
        vm.roll(blocks % 10 ** 9);
        clock.setRoundLength(first);
        (uint256 round, uint256 start) = (clock.currentRound(), clock.currentRoundStartBlock());
        assertEq(round, (blocks % 10 ** 9) / first, "first length counts from block zero");

        clock.setRoundLength(second % 5000 + first);
        assertEq(clock.currentRound(), round, "same round");
        assertEq(clock.currentRoundStartBlock(), start, "same start");
        assertEq(clock.lastRoundLengthUpdateStartBlock(), start, "recorded start");
    }

    function test_ARoundIsInitializedOnce() public {
        expectRevert("round already initialized");
        rounds.initializeRound();
        rounds.mineBlocks(ROUND_LENGTH);
        require(!rounds.currentRoundInitialized(), "not yet");
        controller.setPaused(true);
        expectRevert("system is paused");
        rounds.initializeRound();
    }

    function test_InitializationRecordsTheHashForThatRoundOnly() public {
        uint256 round = rounds.currentRound();
        require(rounds.blockHashForRound(round) == keccak256("block"), "recorded");
        rounds.mineBlocks(3 * ROUND_LENGTH);
        rounds.initializeRound();
        require(rounds.blockHashForRound(round + 1) == 0, "skipped round has none");
    }

    function test_TheLastTenthOfARoundIsLocked() public {
        rounds.setBlockNum(rounds.currentRoundStartBlock() + 44);
        require(!rounds.currentRoundLocked(), "open");
        rounds.mineBlocks(1);
        require(rounds.currentRoundLocked(), "locked");
    }

    function test_WithoutALengthThereIsNoRound() public {
        RoundsManager clock = new RoundsManager(address(controller));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x12));
        clock.currentRound();
    }

    function test_HashesReachBack256Blocks() public {
        RoundsManager clock = new RoundsManager(address(controller));
        vm.roll(1000);
        clock.blockHash(744);
        expectRevert("can only retrieve hashes for last 256 blocks");
        clock.blockHash(743);
        expectRevert("can only retrieve past block hashes");
        clock.blockHash(1000);
    }

    function test_Parameters() public {
        expectRevert("round length cannot be 0");
        rounds.setRoundLength(0);
        expectRevert("round lock amount must be a valid percentage");
        rounds.setRoundLockAmount(1000001);
        rounds.setRoundLockAmount(1000000);
        assertEq(rounds.roundLockAmount(), 1000000, "lock");
        require(rounds.currentRoundLocked(), "locked from its first block");

        rounds.setLIPUpgradeRound(36, 0);
        rounds.setLIPUpgradeRound(36, 7); // zero leaves it open
        assertEq(rounds.lipUpgradeRound(36), 7, "recorded");
        expectRevert("LIP upgrade round already set");
        rounds.setLIPUpgradeRound(36, 8);

        vm.prank(STRANGER);
        expectRevert("caller must be Controller owner");
        rounds.setRoundLength(5);
        vm.prank(STRANGER);
        expectRevert("caller must be Controller owner");
        rounds.setRoundLockAmount(5);
        vm.prank(STRANGER);
        expectRevert("caller must be Controller owner");
        rounds.setLIPUpgradeRound(37, 5);
    }

    function test_AShorterLengthMayPassRoundsAtOnceButNeverGoesBack() public {
        uint256 round = rounds.currentRound();
        rounds.mineBlocks(30);
        rounds.setRoundLength(10);
        assertEq(rounds.currentRound(), round + 3, "thirty blocks of ten");
        require(!rounds.currentRoundInitialized(), "none of them opened");
        rounds.initializeRound();
        rounds.setRoundLength(1000);
        assertEq(rounds.currentRound(), round + 3, "not back");
    }

    function test_TheHandMovedClockHasOneHash() public {
        rounds.setBlockHash(keccak256("other"));
        require(rounds.blockHash(rounds.blockNum()) == keccak256("other"), "of the present block too");
        uint256 old = rounds.blockNum() - 257;
        vm.expectRevert("");
        rounds.blockHash(old);
        rounds.setBlockNum(255);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        rounds.blockHash(255);
    }
}
