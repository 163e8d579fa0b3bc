// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {StakingFixture, TestController} from "./StakingFixture.sol";

/// Forwards as the protocol's proxies do: it asks the Controller for the implementation on every call.
contract TestProxy {
    TestController private controller;
    bytes32 private targetContractId;

    constructor(TestController controller_, bytes32 targetContractId_) {
        (controller, targetContractId) = (controller_, targetContractId_);
    }

    fallback() external payable {
        address target = controller.getContract(targetContractId);
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

/// Ceilings on what operations cost behind proxies in a pool of ten, without hints. Each test is one operation on
/// cold storage; the transaction's base cost is part of the figure.
contract GasTest is StakingFixture {
    uint256 private constant BASE = 21_000;

    function setUp() public override {
        super.setUp();
        for (uint160 i = 1; i <= 9; i++) bondAs(orchestrator(i), (1000 - 20 * i) * 1 ether, orchestrator(i));
        token.mint(ORCHESTRATOR, 900 ether);
        bondAs(DELEGATOR, 5 ether, orchestrator(5));
        bondAs(STRANGER, 5 ether, orchestrator(5));
        for (uint256 i = 0; i < 3; i++) {
            nextRound();
            for (uint160 k = 1; k <= 9; k++) {
                rewardAs(orchestrator(k));
                bonding.updateTranscoderWithFees(orchestrator(k), 1 ether, 0);
            }
        }
        vm.prank(STRANGER);
        bonding.claimEarnings(0);
        vm.prank(STRANGER);
        bonding.unbond(1 ether);
        token.mint(DELEGATOR, 5 ether);
        token.mint(STRANGER, 5 ether);
    }

    function test_SelfBondThatJoinsThePool() public {
        measure(ORCHESTRATOR, abi.encodeCall(bonding.bond, (795 ether, ORCHESTRATOR)), 375_000);
    }

    function test_BondMore() public {
        measure(DELEGATOR, abi.encodeCall(bonding.bond, (1 ether, orchestrator(5))), 285_000);
    }

    function test_BondMoreInTheSameRound() public {
        measure(STRANGER, abi.encodeCall(bonding.bond, (1 ether, orchestrator(5))), 225_000);
    }

    function test_Unbond() public {
        measure(STRANGER, abi.encodeCall(bonding.unbond, (1 ether)), 215_000);
    }

    function test_Rebond() public {
        measure(STRANGER, abi.encodeCall(bonding.rebond, (0)), 200_000);
    }

    function test_ClaimEarnings() public {
        measure(DELEGATOR, abi.encodeCall(bonding.claimEarnings, (0)), 180_000);
    }

    function test_TransferBond() public {
        address none = address(0);
        measure(STRANGER, abi.encodeCall(bonding.transferBond, (DELEGATOR, 1 ether, none, none, none, none)), 340_000);
    }

    /// Gas of one call as a transaction: base cost and calldata included.
    function measure(address sender, bytes memory data, uint256 ceiling) private {
        uint256 intrinsic = BASE;
        for (uint256 i = 0; i < data.length; i++) intrinsic += data[i] == 0 ? 4 : 16;
        vm.prank(sender);
        uint256 before = gasleft();
        (bool ok,) = address(bonding).call(data);
        uint256 used = before - gasleft() + intrinsic;
        require(ok, "operation failed");
        emit Used(used);
        require(used <= ceiling, "costs more than its ceiling");
    }

    event Used(uint256 gas);

    function orchestrator(uint160 i) private pure returns (address) {
        return address(0xa100 + i);
    }

    function deployed(string memory name, address implementation) internal override returns (address) {
        string memory target = string.concat(name, "Target");
        controller.register(target, implementation);
        return address(new TestProxy(controller, keccak256(bytes(target))));
    }

    function poolSize() internal pure override returns (uint256) {
        return 10;
    }
}
