// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IManager} from "../../contracts/IManager.sol";
import {Minter} from "../../contracts/token/Minter.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Takes more gas than a plain transfer of ether gives.
contract Greedy {
    uint256 private received;

    receive() external payable {
        received++;
    }
}

/// The Minter's parameters, whom it obeys, and how its funds go to another one.
contract FundsTest is ProtocolFixture {
    uint256 private constant ALL = 10 ** 9;

    function setUp() public override {
        super.setUp();
        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        fundAs(sender, 5 ether, 5 ether);
    }

    function test_PercentagesAreOfABillionAndCheckedInOrder() public {
        refused("_inflation is invalid percentage");
        new Minter(address(controller), ALL + 1, ALL + 1, ALL + 1);
        refused("_inflationChange is invalid percentage");
        new Minter(address(controller), ALL, ALL + 1, ALL + 1);
        refused("_targetBondingRate is invalid percentage");
        new Minter(address(controller), ALL, ALL, ALL + 1);
        Minter other = new Minter(address(controller), 1, 2, 3);
        require(other.inflation() == 1 && other.inflationChange() == 2 && other.targetBondingRate() == 3, "set");
        eq(address(other.getController()), address(controller), "controller");
    }

    function test_ParametersAreTheOwners() public {
        refused("_inflationChange is invalid percentage");
        minter.setInflationChange(ALL + 1);
        refused("_targetBondingRate is invalid percentage");
        minter.setTargetBondingRate(ALL + 1);
        cheats.expectEmit(address(minter));
        emit IManager.ParameterUpdate("inflationChange");
        minter.setInflationChange(7);
        cheats.expectEmit(address(minter));
        emit IManager.ParameterUpdate("targetBondingRate");
        minter.setTargetBondingRate(8);
        require(minter.inflationChange() == 7 && minter.targetBondingRate() == 8, "set");
        cheats.startPrank(STRANGER);
        refused("caller must be Controller owner");
        minter.setInflationChange(1);
        refused("caller must be Controller owner");
        minter.setTargetBondingRate(1);
        refused("caller must be Controller owner");
        minter.migrateToNewMinter(minter);
    }

    function test_AllGoesToTheNewMinter() public {
        Minter next = new Minter(address(controller), 1, 2, 3);
        minter.migrateToNewMinter(next);
        eq(token.balanceOf(address(next)), 1000 ether, "tokens");
        eq(address(next).balance, 10 ether, "ether");
        eq(token.balanceOf(address(minter)) + address(minter).balance, 0, "nothing stays");
        eq(next.currentMintableTokens(), 0, "nothing to mint until the next round");

        register("Minter", address(next));
        token.grantRole(keccak256("MINTER_ROLE"), address(next));
        nextRound();
        eq(next.inflation(), 0, "all is bonded: down, but no further than zero");
    }

    function test_MigrationIsRefusedInOrder() public {
        Minter foreign = new Minter(address(0x57), 1, 1, 1);
        Minter next = new Minter(address(controller), 1, 1, 1);
        refused("new Minter cannot be current Minter");
        minter.migrateToNewMinter(minter);
        refused("new Minter cannot be null address");
        minter.migrateToNewMinter(Minter(NONE));
        cheats.expectRevert();
        minter.migrateToNewMinter(Minter(STRANGER));
        refused("new Minter Controller must be current Controller");
        minter.migrateToNewMinter(foreign);
        register("Minter", address(next));
        refused("new Minter must be registered");
        minter.migrateToNewMinter(next);
    }

    function test_WhomItObeys() public {
        refused("msg.sender not BondingManager");
        minter.createReward(1, 1);
        refused("msg.sender not BondingManager");
        minter.trustedTransferTokens(STRANGER, 1);
        refused("msg.sender not BondingManager");
        minter.trustedBurnTokens(1);
        refused("msg.sender not BondingManager or JobsManager");
        minter.trustedWithdrawETH(payable(STRANGER), 1);
        refused("msg.sender not Minter or JobsManager");
        minter.depositETH{value: 1}();
        refused("msg.sender not RoundsManager");
        minter.setCurrentRewardTokens();
        (bool ok,) = address(minter).call{value: 1}("");
        no(ok, "takes no plain ether");
    }

    function test_PausedItPaysNothingButTakes() public {
        register("BondingManager", address(this));
        register("RoundsManager", address(this));
        register("JobsManager", address(this));
        controller.pause();
        refused("system is paused");
        minter.createReward(1, 1);
        refused("system is paused");
        minter.trustedTransferTokens(STRANGER, 1);
        refused("system is paused");
        minter.trustedBurnTokens(1);
        refused("system is paused");
        minter.trustedWithdrawETH(payable(STRANGER), 1);
        refused("system is paused");
        minter.setCurrentRewardTokens();
        require(minter.depositETH{value: 1}(), "taken");
    }

    function test_EtherGoesWithoutGasToCallBack() public {
        register("JobsManager", address(this));
        Greedy greedy = new Greedy();
        cheats.expectRevert();
        minter.trustedWithdrawETH(payable(address(greedy)), 1);
        minter.trustedWithdrawETH(payable(STRANGER), 1);
        eq(STRANGER.balance, 1, "paid");
    }

    function test_BurningNeedsTheTokensRole() public {
        register("BondingManager", address(this));
        cheats.expectRevert();
        minter.trustedBurnTokens(1);
        token.grantRole(keccak256("BURNER_ROLE"), address(minter));
        minter.trustedBurnTokens(1);
        eq(token.totalSupply(), 1000 ether - 1, "burned");
    }

    function test_ZeroStakePanics() public {
        register("BondingManager", address(this));
        panics(0x12);
        minter.createReward(0, 0);
    }

    function test_TheOtherLayersSupplyCounts() public {
        register("L2LPTDataCache", address(this));
        eq(minter.getGlobalTotalSupply(), 1000 ether + 9000 ether, "both layers");
        nextRound();
        eq(minter.inflation(), 218500 + 500 * 2, "a tenth is bonded: up");
        eq(minter.currentMintableTokens(), 10000 ether * 219500 / ALL, "of both");
        register("L2LPTDataCache", NONE);
        rounds.mineBlocks(ROUND_LENGTH);
        cheats.expectRevert();
        rounds.initializeRound();
    }

    function l1CirculatingSupply() external pure returns (uint256) {
        return 9000 ether;
    }
}
