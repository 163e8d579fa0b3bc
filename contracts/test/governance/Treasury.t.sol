// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondingVotes} from "../../contracts/bonding/BondingVotes.sol";
import {LivepeerGovernor} from "../../contracts/treasury/LivepeerGovernor.sol";
import {Treasury} from "../../contracts/treasury/Treasury.sol";
import {GovernorInterfacesFixture} from "../../contracts/mocks/GovernorInterfacesFixture.sol";
import {LivepeerGovernorUpgradeMock} from "../../contracts/mocks/LivepeerGovernorUpgradeMock.sol";
import {Cheats} from "../ForgeTest.sol";
import {ProtocolFixture} from "../ProtocolFixture.sol";

/// Stake decides what the treasury does, from the proposal to the transfer.
contract TreasuryTest is ProtocolFixture {
    bytes32 private constant INITIALIZED = keccak256("Initialized(uint8)");
    Treasury private treasury;
    LivepeerGovernor private governor;
    LivepeerGovernor private implementation;

    function setUp() public override {
        super.setUp();
        cheats.warp(1_700_000_000); // the timelock keeps small timestamps for itself
        treasury = new Treasury();
        register("Treasury", address(treasury));
        cheats.recordLogs();
        implementation = new LivepeerGovernor(address(controller));
        requireInitialized(255, address(implementation));
        governor = LivepeerGovernor(payable(proxied("LivepeerGovernor", address(implementation))));

        treasury.initialize(0, new address[](0), new address[](0), address(this));
        cheats.recordLogs();
        governor.initialize(1, 10, 100 ether, 333300, 500000);
        requireInitialized(1, address(governor));
        treasury.grantRole(keccak256("PROPOSER_ROLE"), address(governor));
        treasury.grantRole(keccak256("CANCELLER_ROLE"), address(governor));
        treasury.grantRole(keccak256("EXECUTOR_ROLE"), address(governor));
        treasury.renounceRole(keccak256("TIMELOCK_ADMIN_ROLE"), address(this));

        bondAs(ORCHESTRATOR, 1000 ether, ORCHESTRATOR);
        bondAs(DELEGATOR, 400 ether, ORCHESTRATOR);
        nextRound();
        nextRound();
        token.mint(address(treasury), 50 ether);
    }

    function test_Terms() public view {
        eq(governor.name(), "LivepeerGovernor", "name");
        eq(governor.version(), "1", "version");
        eq(governor.CLOCK_MODE(), "mode=livepeer_round", "clock");
        eq(governor.clock(), rounds.currentRound(), "round");
        eq(governor.votingDelay(), 1, "delay");
        eq(governor.votingPeriod(), 10, "period");
        eq(governor.proposalThreshold(), 100 ether, "threshold");
        eq(governor.quorumNumerator(), 333300, "quorum");
        eq(governor.quorumDenominator(), 1_000_000, "of a million");
        eq(governor.quota(), 500000, "quota");
        eq(address(governor.votes()), address(votes), "votes");
        eq(address(governor.token()), address(votes), "token");
        eq(governor.timelock(), address(treasury), "timelock");
        eq(address(implementation.controller()), address(controller), "implementation's controller");
        eq(implementation.targetContractId(), 0, "implementation's id");
        uint256 past = rounds.currentRound() - 1;
        eq(governor.quorum(past), 1400 ether * 333300 / 1_000_000, "quorum of the stake");
    }

    function test_ProposedVotedQueuedExecuted() public {
        bytes memory call = abi.encodeCall(token.transfer, (STRANGER, 40 ether));
        uint256 id = propose(ORCHESTRATOR, address(token), call);
        eq(governor.proposalProposer(id), ORCHESTRATOR, "proposer");
        eq(uint256(governor.state(id)), 0, "pending");
        cheats.prank(ORCHESTRATOR);
        refused("Governor: vote not currently active");
        governor.castVote(id, 1);

        nextRound();
        nextRound();
        cheats.prank(ORCHESTRATOR);
        governor.castVote(id, 1);
        cheats.prank(DELEGATOR);
        governor.castVote(id, 0);
        (uint256 against, uint256 for_,) = governor.proposalVotes(id);
        eq(against, 400 ether, "the delegator's own vote");
        eq(for_, 1000 ether, "taken from the orchestrator's");

        for (uint256 i = 0; i < 10; i++) nextRound();
        eq(uint256(governor.state(id)), 4, "succeeded");
        (address[] memory t, uint256[] memory v, bytes[] memory d) = single(address(token), call);
        governor.queue(t, v, d, keccak256("why"));
        cheats.warp(block.timestamp + 1);
        governor.execute(t, v, d, keccak256("why"));
        eq(token.balanceOf(STRANGER), 40 ether, "paid");
        eq(uint256(governor.state(id)), 7, "executed");
    }

    function test_WithoutQuorumOrThresholdNothingHappens() public {
        cheats.prank(STRANGER);
        (address[] memory t, uint256[] memory v, bytes[] memory d) = single(address(token), "");
        refused("Governor: proposer votes below proposal threshold");
        governor.propose(t, v, d, "why");

        uint256 id = propose(ORCHESTRATOR, address(token), "");
        nextRound();
        nextRound();
        cheats.prank(DELEGATOR);
        governor.castVote(id, 1); // 400 of 1400, a third is needed
        for (uint256 i = 0; i < 10; i++) nextRound();
        eq(uint256(governor.state(id)), 3, "defeated");
        refused("Governor: proposal not successful");
        governor.queue(t, v, d, keccak256("why"));
    }

    function test_WeightIsOfTheSnapshot() public {
        uint256 id = propose(ORCHESTRATOR, address(token), "");
        nextRound();
        bondAs(DELEGATOR, 500 ether, ORCHESTRATOR); // in the round of the snapshot: counts
        nextRound();
        bondAs(DELEGATOR, 700 ether, ORCHESTRATOR); // after it: does not
        cheats.prank(DELEGATOR);
        governor.castVote(id, 1);
        (, uint256 for_,) = governor.proposalVotes(id);
        eq(for_, 900 ether, "as it was");
    }

    function test_OnlyOnce() public {
        refused("Initializable: contract is already initialized");
        governor.initialize(1, 10, 1, 1, 1);
        refused("Initializable: contract is already initialized");
        implementation.initialize(1, 10, 1, 1, 1);
        refused("Initializable: contract is already initialized");
        treasury.initialize(0, new address[](0), new address[](0), address(this));
    }

    function test_NobodyElseCommandsTheTreasury() public {
        cheats.expectRevert();
        treasury.schedule(STRANGER, 0, "", 0, 0, 0);
        refused("TimelockController: caller must be timelock");
        treasury.updateDelay(1);
        refused("Governor: onlyGovernance");
        governor.setVotingPeriod(1);
        no(treasury.hasRole(keccak256("TIMELOCK_ADMIN_ROLE"), address(this)), "renounced");
        require(treasury.hasRole(keccak256("TIMELOCK_ADMIN_ROLE"), address(treasury)), "its own admin");
    }

    function test_APrematureExecutionIsRefused() public {
        uint256 id = propose(ORCHESTRATOR, address(treasury), abi.encodeCall(treasury.updateDelay, (1000)));
        pass(id);
        (address[] memory t, uint256[] memory v, bytes[] memory d) =
            single(address(treasury), abi.encodeCall(treasury.updateDelay, (1000)));
        governor.queue(t, v, d, keccak256("why"));
        governor.execute(t, v, d, keccak256("why"));
        eq(treasury.getMinDelay(), 1000, "delay");

        id = propose(ORCHESTRATOR, address(token), "");
        pass(id);
        (t, v, d) = single(address(token), "");
        governor.queue(t, v, d, keccak256("why"));
        refused("TimelockController: operation is not ready");
        governor.execute(t, v, d, keccak256("why"));
    }

    function test_TheTokenFollowsTheRegistryWhenTold() public {
        BondingVotes other = new BondingVotes(address(controller));
        register("BondingVotes", address(other));
        eq(address(governor.token()), address(votes), "not yet");
        eq(address(governor.votes()), address(other), "registry");
        governor.bumpGovernorVotesTokenAddress();
        eq(address(governor.token()), address(other), "followed");
    }

    function test_AnUpgradeKeepsEverything() public {
        uint256 id = propose(ORCHESTRATOR, address(token), "");
        register("LivepeerGovernorTarget", address(new LivepeerGovernorUpgradeMock(address(controller))));
        LivepeerGovernorUpgradeMock upgraded = LivepeerGovernorUpgradeMock(payable(address(governor)));
        eq(upgraded.customField(), 0, "new state is empty");
        upgraded.setCustomField(123);
        eq(upgraded.customField(), 123, "new state");
        eq(upgraded.quota(), 500000, "old state");
        eq(upgraded.proposalSnapshot(id), rounds.currentRound() + 1, "proposals");
        pass(id);
        eq(uint256(upgraded.state(id)), 4, "succeeded");
    }

    function test_InterfacesItHas() public {
        GovernorInterfacesFixture fixture = new GovernorInterfacesFixture();
        bytes4[] memory ids = fixture.GovernorInterfaces();
        eq(ids.length, 4, "number");
        for (uint256 i = 0; i < 4; i++) {
            require(governor.supportsInterface(ids[i]), "governor");
            for (uint256 j = 0; j < i; j++) require(ids[i] != ids[j], "each its own");
        }
        require(governor.supportsInterface(fixture.TimelockUpgradeableInterface()), "timelock");
        require(governor.supportsInterface(0x01ffc9a7), "the question itself");
        no(governor.supportsInterface(0xffffffff), "nothing has this one");
    }

    function propose(address proposer, address target, bytes memory data) private returns (uint256) {
        (address[] memory t, uint256[] memory v, bytes[] memory d) = single(target, data);
        cheats.prank(proposer);
        return governor.propose(t, v, d, "why");
    }

    function pass(uint256 id) private {
        nextRound();
        nextRound();
        cheats.prank(ORCHESTRATOR);
        governor.castVote(id, 1);
        for (uint256 i = 0; i < 10; i++) nextRound();
    }

    function single(address target, bytes memory data)
        private
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        (targets, values, calls) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], calls[0]) = (target, data);
    }

    function requireInitialized(uint8 version, address emitter) private {
        Cheats.Log[] memory logs = cheats.getRecordedLogs();
        uint256 found;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != INITIALIZED || logs[i].emitter != emitter) continue;
            eq(abi.decode(logs[i].data, (uint8)), version, "version");
            found++;
        }
        eq(found, 1, "said once");
    }
}
