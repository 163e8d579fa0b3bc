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
}
