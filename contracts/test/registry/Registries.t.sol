// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Controller} from "../../contracts/Controller.sol";
import {ServiceRegistry} from "../../contracts/ServiceRegistry.sol";
import {MerkleSnapshot} from "../../contracts/snapshots/MerkleSnapshot.sol";
import {DummyGateway} from "../../contracts/mocks/DummyGateway.sol";
import {DummyL2LPTDataCache} from "../../contracts/token/DummyL2LPTDataCache.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// Small contracts: where orchestrators are reached, lists of the past, stand-ins for a bridge.
contract RegistriesTest is ForgeTest {
    Controller private controller;
    ServiceRegistry private services;
    MerkleSnapshot private snapshots;

    function setUp() public {
        controller = new Controller();
        services = new ServiceRegistry(address(controller));
        snapshots = new MerkleSnapshot(address(controller));
    }

    function testFuzz_EveryAccountSaysWhereItIs(address account, string memory uri, string memory later) public {
        eq(services.getServiceURI(account), "", "never said");
        cheats.expectEmit(address(services));
        emit ServiceRegistry.ServiceURIUpdate(account, uri);
        cheats.prank(account);
        services.setServiceURI(uri);
        eq(services.getServiceURI(account), uri, "said");
        cheats.prank(account);
        services.setServiceURI(later);
        eq(services.getServiceURI(account), later, "said again");
    }

    function testFuzz_LeavesOfATreeAreFound(bytes32[5] memory leaves, uint256 which, bytes32 id) public {
        // ((0 1) (2 3)) 4
        bytes32 left = pair(leaves[0], leaves[1]);
        bytes32 right = pair(leaves[2], leaves[3]);
        snapshots.setSnapshot(id, pair(pair(left, right), leaves[4]));
        which %= 5;
        bytes32[] memory proof = new bytes32[](which == 4 ? 1 : 3);
        if (which == 4) {
            proof[0] = pair(left, right);
        } else {
            proof[0] = leaves[which ^ 1];
            proof[1] = which < 2 ? right : left;
            proof[2] = leaves[4];
        }
        require(snapshots.verify(id, proof, leaves[which]), "a leaf");
        no(snapshots.verify(id, proof, keccak256(abi.encode(leaves[which]))), "no leaf");
        no(snapshots.verify(keccak256(abi.encode(id)), proof, leaves[which]), "another list");
    }

    function test_WithoutAProofTheLeafIsTheRoot() public {
        bytes32 root = keccak256("root");
        snapshots.setSnapshot("id", root);
        eq(snapshots.snapshot("id"), root, "root");
        require(snapshots.verify("id", new bytes32[](0), root), "the root itself");
        no(snapshots.verify("id", new bytes32[](0), keccak256("leaf")), "anything else");
        snapshots.setSnapshot("id", keccak256("later"));
        no(snapshots.verify("id", new bytes32[](0), root), "overwritten");
    }

    function test_OnlyTheOwnerSetsLists() public {
        cheats.prank(address(0x57));
        refused("caller must be Controller owner");
        snapshots.setSnapshot("id", 0);
    }

    function test_StandInsForABridge() public {
        DummyGateway gateway = new DummyGateway();
        eq(gateway.calculateL2TokenAddress(address(0x57)), address(0x57), "its own counterpart");
        eq(gateway.counterpartGateway(), address(gateway), "itself");
        eq(new DummyL2LPTDataCache().l1CirculatingSupply(), 0, "no other supply");
    }

    function pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a <= b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }
}
