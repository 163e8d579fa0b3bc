// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Governor} from "../../contracts/governance/Governor.sol";
import {SetUint256} from "../../contracts/mocks/SetUint256.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// Changes are staged, wait, and are executed once by anybody.
contract GovernorTest is ForgeTest {
    address private constant STRANGER = address(0x57);
    Governor private governor;
    SetUint256 private target;

    function setUp() public {
        governor = new Governor();
        target = new SetUint256();
        cheats.roll(100);
    }

    function test_TheDeployerOwnsIt() public {
        cheats.recordLogs();
        Governor other = new Governor();
        requireOneTransfer(address(other));
        eq(other.owner(), address(this), "owner");
    }

    function testFuzz_AChangeWaitsForItsBlock(uint256 delay, uint256 value) public {
        delay %= 10 ** 12;
        Governor.Update memory u = update(value, 0);
        bytes32 hash = keccak256(abi.encode(u));
        cheats.expectEmit(address(governor));
        emit Governor.UpdateStaged(u, delay);
        governor.stage(u, delay);
        eq(governor.updates(hash), 100 + delay, "executable from");
        if (delay > 0) {
            cheats.roll(100 + delay - 1);
            refused("delay for update not expired");
            governor.execute(u);
        }
        cheats.roll(100 + delay);
        cheats.expectEmit(address(governor));
        emit Governor.UpdateExecuted(u);
        cheats.prank(STRANGER);
        governor.execute(u);
        eq(target.i(), value, "executed");
        refused("update is not staged");
        governor.execute(u);
    }

    function test_StagedOnceCancelledOnce() public {
        Governor.Update memory u = update(1, 0);
        governor.stage(u, 0);
        refused("update already staged");
        governor.stage(u, 5);
        governor.stage(update(1, 1), 0); // another nonce is another change
        cheats.expectEmit(address(governor));
        emit Governor.UpdateCancelled(u);
        governor.cancel(u);
        refused("update is not staged");
        governor.cancel(u);
        refused("update is not staged");
        governor.execute(u);
    }

    function test_StrangersDoNotStageOrCancel() public {
        Governor.Update memory u = update(1, 0);
        governor.stage(u, 0);
        cheats.startPrank(STRANGER);
        refused("unauthorized: msg.sender not owner");
        governor.stage(update(1, 1), 0);
        refused("unauthorized: msg.sender not owner");
        governor.cancel(u);
    }

    function test_TheReasonIsWhatTheTargetReturnedWhole() public {
        target.setShouldFail(true);
        Governor.Update memory u = update(1, 0);
        governor.stage(u, 0);
        bytes memory inner = abi.encodeWithSignature("Error(string)", "I should fail");
        cheats.expectRevert(abi.encodeWithSignature("Error(string)", inner));
        governor.execute(u);
        require(governor.updates(keccak256(abi.encode(u))) != 0, "stays staged");
    }

    function test_OwnershipMovesOnlyByAChangeOfItsOwn() public {
        refused("unauthorized: msg.sender not Governor");
        governor.transferOwnership(STRANGER);

        Governor.Update memory u = update(0, 0);
        u.target[0] = address(governor);
        u.data[0] = abi.encodeCall(governor.transferOwnership, (address(0)));
        governor.stage(u, 0);
        cheats.expectRevert(
            abi.encodeWithSignature(
                "Error(string)", abi.encodeWithSignature("Error(string)", "newOwner is a null address")
            )
        );
        governor.execute(u);

        u.data[0] = abi.encodeCall(governor.transferOwnership, (STRANGER));
        governor.stage(u, 0);
        cheats.expectEmit(address(governor));
        emit Governor.OwnershipTransferred(address(this), STRANGER);
        governor.execute(u);
        eq(governor.owner(), STRANGER, "owner");
    }

    function test_EtherGoesAlongAndTheRestStays() public {
        Governor.Update memory u = update(3, 0);
        u.value[0] = 4;
        governor.stage(u, 0);
        governor.execute{value: 10}(u);
        eq(address(target).balance, 4, "sent");
        eq(address(governor).balance, 6, "kept");
        (bool ok,) = address(governor).call{value: 1}("");
        no(ok, "takes no plain ether");
    }

    function test_AllStepsOrNone() public {
        SetUint256 second = new SetUint256();
        second.setShouldFail(true);
        Governor.Update memory u;
        (u.target, u.value, u.data) = (new address[](2), new uint256[](2), new bytes[](2));
        (u.target[0], u.target[1]) = (address(target), address(second));
        u.data[0] = u.data[1] = abi.encodeCall(target.setUint256, (9));
        governor.stage(u, 0);
        cheats.expectRevert();
        governor.execute(u);
        eq(target.i(), 0, "undone");
        second.setShouldFail(false);
        governor.execute(u);
        require(target.i() == 9 && second.i() == 9, "both");
    }

    function test_MissingValuesPanic() public {
        Governor.Update memory u = update(1, 0);
        u.value = new uint256[](0);
        governor.stage(u, 0);
        panics(0x32);
        governor.execute(u);
        panics(0x11);
        governor.stage(update(2, 0), type(uint256).max);
    }

    function test_AnExecutionCannotExecuteItselfAgain() public {
        Governor.Update memory u = update(0, 0);
        Again again = new Again(governor);
        u.target[0] = address(again);
        u.data[0] = abi.encodeCall(again.run, ());
        again.remember(u);
        governor.stage(u, 0);
        governor.execute(u);
        require(again.runs() == 1 && again.refusedAgain(), "ran twice");
    }

    function update(uint256 value, uint256 nonce) private view returns (Governor.Update memory u) {
        (u.target, u.value, u.data) = (new address[](1), new uint256[](1), new bytes[](1));
        u.target[0] = address(target);
        u.data[0] = abi.encodeCall(target.setUint256, (value));
        u.nonce = nonce;
    }

    function requireOneTransfer(address emitter) private {
        bytes32[] memory found = eventsOf(emitter);
        eq(found.length, 1, "one event");
        eq(found[0], Governor.OwnershipTransferred.selector, "of the first owner");
    }
}

/// Calls back into the execution that calls it.
contract Again {
    Governor private governor;
    bytes private call_;
    uint256 public runs;
    bool public refusedAgain;

    constructor(Governor governor_) {
        governor = governor_;
    }

    function remember(Governor.Update memory u) external {
        call_ = abi.encodeCall(governor.execute, (u));
    }

    function run() external {
        runs++;
        (bool ok,) = address(governor).call(call_);
        refusedAgain = !ok;
    }
}
