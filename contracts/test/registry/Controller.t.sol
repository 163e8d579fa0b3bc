// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Controller} from "../../contracts/Controller.sol";
import {IController} from "../../contracts/IController.sol";
import {IManager} from "../../contracts/IManager.sol";
import {Manager} from "../../contracts/Manager.sol";
import {Ownable} from "../../contracts/Ownable.sol";
import {Pausable} from "../../contracts/Pausable.sol";
import {ManagerFixture} from "../../contracts/mocks/ManagerFixture.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// The registry, its switch and its owner, and what follows it.
contract ControllerTest is ForgeTest {
    bytes32 private constant ID = keccak256("Something");
    bytes20 private constant COMMIT = bytes20("01234567890123456789");
    address private constant STRANGER = address(0x57);
    Controller private controller;

    function setUp() public {
        controller = new Controller();
    }

    function test_ItIsBornPausedAndOwned() public view {
        require(controller.paused(), "paused");
        eq(controller.owner(), address(this), "owner");
    }

    function testFuzz_TheRegistryAnswersWhatWasSet(bytes32 id, address contract_, bytes20 commit) public {
        eq(controller.getContract(id), address(0), "unknown");
        cheats.expectEmit(address(controller));
        emit IController.SetContractInfo(id, contract_, commit);
        controller.setContractInfo(id, contract_, commit);
        (address got, bytes20 gotCommit) = controller.getContractInfo(id);
        eq(controller.getContract(id), contract_, "address");
        eq(got, contract_, "address of the entry");
        require(gotCommit == commit, "commit");

        controller.setContractInfo(id, address(0), 0);
        eq(controller.getContract(id), address(0), "overwritten");
    }

    function test_TheSwitchTurnsOnceEachWay() public {
        cheats.expectRevert(bytes(""));
        controller.pause();
        cheats.expectEmit(address(controller));
        emit Pausable.Unpause();
        controller.unpause();
        cheats.expectRevert(bytes(""));
        controller.unpause();
        cheats.expectEmit(address(controller));
        emit Pausable.Pause();
        controller.pause();
        require(controller.paused(), "paused");
    }

    function test_StrangersAreRefusedWithoutAReason() public {
        cheats.startPrank(STRANGER);
        cheats.expectRevert(bytes(""));
        controller.setContractInfo(ID, STRANGER, COMMIT);
        cheats.expectRevert(bytes(""));
        controller.unpause();
        cheats.expectRevert(bytes(""));
        controller.pause();
        cheats.expectRevert(bytes(""));
        controller.updateController(ID, STRANGER);
        cheats.expectRevert(bytes(""));
        controller.transferOwnership(STRANGER);
    }

    function test_OwnershipMoves() public {
        cheats.expectRevert(bytes(""));
        controller.transferOwnership(address(0));
        cheats.expectEmit(address(controller));
        emit Ownable.OwnershipTransferred(address(this), STRANGER);
        controller.transferOwnership(STRANGER);
        eq(controller.owner(), STRANGER, "owner");
        cheats.expectRevert(bytes(""));
        controller.unpause();
    }

    function test_OwnerAndSwitchShareTheFirstSlot() public {
        controller.unpause();
        eq(load(0), bytes32(uint256(uint160(address(this)))), "owner alone");
        controller.pause();
        eq(load(0), bytes32(uint256(uint160(address(this))) | (1 << 160)), "the switch behind it");
    }

    function test_AManagerFollowsAnotherController() public {
        Manager manager = new Manager(address(controller));
        controller.setContractInfo(ID, address(manager), COMMIT);
        cheats.expectEmit(address(manager));
        emit IManager.SetController(STRANGER);
        controller.updateController(ID, STRANGER);
        eq(address(manager.controller()), STRANGER, "follows");

        cheats.expectRevert();
        controller.updateController(keccak256("Nothing"), STRANGER);
        refused("caller must be Controller");
        manager.setController(address(this));
    }

    function test_AGuardForAPausedSystem() public {
        ManagerFixture fixture = new ManagerFixture(address(controller));
        eq(fixture.checkSchrodingerCat(), "alive", "answer");
        controller.unpause();
        refused("system is not paused");
        fixture.checkSchrodingerCat();
    }

    function load(uint256 slot) private view returns (bytes32 word) {
        (, bytes memory data) = address(cheats).staticcall(
            abi.encodeWithSignature("load(address,bytes32)", address(controller), bytes32(slot))
        );
        return abi.decode(data, (bytes32));
    }
}
