// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Controller} from "../../contracts/Controller.sol";
import {ManagerProxy} from "../../contracts/ManagerProxy.sol";
import {ManagerProxyTargetMockV1} from "../../contracts/mocks/ManagerProxyTargetMockV1.sol";
import {ManagerProxyTargetMockV2} from "../../contracts/mocks/ManagerProxyTargetMockV2.sol";
import {ManagerProxyTargetMockV3} from "../../contracts/mocks/ManagerProxyTargetMockV3.sol";
import {SetUint256} from "../../contracts/mocks/SetUint256.sol";
import {ForgeTest} from "../ForgeTest.sol";

/// A proxy runs what the registry names, keeps its own state, and answers byte for byte.
contract ManagerProxyTest is ForgeTest {
    bytes32 private constant ID = keccak256("ThingTarget");
    Controller private controller;
    ManagerProxyTargetMockV1 private proxy;

    function setUp() public {
        controller = new Controller();
        proxy = ManagerProxyTargetMockV1(payable(new ManagerProxy(address(controller), ID)));
        target(address(new ManagerProxyTargetMockV1(address(controller))));
    }

    function testFuzz_ValuesOfEveryKindComeBack(
        uint8 a,
        uint64 b,
        uint256 c,
        bytes32 d,
        address e,
        string memory text,
        bytes memory data
    ) public {
        proxy.setUint8(a);
        proxy.setUint64(b);
        proxy.setUint256(c);
        proxy.setBytes32(d);
        proxy.setAddress(e);
        proxy.setString(text);
        proxy.setBytes(data);
        proxy.setTuple(c, b, d);
        eq(proxy.uint8Value(), a, "uint8");
        eq(proxy.uint64Value(), b, "uint64");
        eq(proxy.uint256Value(), c, "uint256");
        eq(proxy.bytes32Value(), d, "bytes32");
        eq(proxy.addressValue(), e, "address");
        eq(proxy.stringValue(), text, "string");
        eq(string(proxy.bytesValue()), string(data), "bytes");
        (uint256 x, uint256 y, bytes32 z) = proxy.getTuple();
        require(x == c && y == b && z == d, "tuple");
    }

    function test_AnUpgradeCountsFromTheNextCallAndKeepsTheState() public {
        proxy.setUint256(10);
        target(address(new ManagerProxyTargetMockV2(address(controller))));
        eq(proxy.uint256Value(), 10, "state stays");
        proxy.setUint8(1);
        proxy.setUint64(2);
        proxy.setUint256(3);
        proxy.setBytes32(bytes32(uint256(4)));
        proxy.setAddress(address(this));
        eq(proxy.uint8Value(), 6, "uint8");
        eq(proxy.uint64Value(), 7, "uint64");
        eq(proxy.uint256Value(), 8, "uint256");
        eq(proxy.bytes32Value(), keccak256(abi.encode(uint256(4))), "bytes32");
        eq(proxy.addressValue(), address(0), "address");

        target(address(new ManagerProxyTargetMockV3(address(controller))));
        ManagerProxyTargetMockV3 third = ManagerProxyTargetMockV3(payable(address(proxy)));
        third.setKv(5, 6);
        eq(third.kvMap(5), 6, "state behind it");
        eq(third.uint256Value(), 8, "state before it");
    }

    function test_EtherIsTakenIfTheImplementationTakesIt() public {
        (bool ok,) = address(proxy).call{value: 5}("");
        require(ok && address(proxy).balance == 5, "not taken");
        target(address(new ManagerProxyTargetMockV2(address(controller))));
        (ok,) = address(proxy).call{value: 5}("");
        no(ok, "taken");
    }

    function test_WithoutAnImplementationNothingRuns() public {
        target(address(0));
        refused("target contract must be registered");
        proxy.setUint8(1);
    }

    function test_AReasonComesThroughUnchanged() public {
        SetUint256 refusing = new SetUint256();
        target(address(refusing));
        SetUint256 thing = SetUint256(address(proxy));
        cheats.store(address(proxy), bytes32(uint256(1)), bytes32(uint256(1))); // its `shouldFail`
        refused("I should fail");
        thing.setUint256(1);
    }

    function test_ItsOwnFunctionsAreNotForwarded() public {
        target(address(0));
        eq(address(proxy.controller()), address(controller), "controller");
        eq(proxy.targetContractId(), ID, "id");
        refused("caller must be Controller");
        proxy.setController(address(this));
    }

    function test_AControllerWithoutCodeIsFoundOutAtTheCall() public {
        ManagerProxyTargetMockV1 lost = ManagerProxyTargetMockV1(payable(new ManagerProxy(address(0x57), ID)));
        cheats.expectRevert();
        lost.setUint8(1);
    }

    function target(address implementation) private {
        controller.setContractInfo(ID, implementation, 0);
    }
}
