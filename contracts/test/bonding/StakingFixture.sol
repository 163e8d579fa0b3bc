// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondingManager} from "../../contracts/bonding/BondingManager.sol";
import {BondingVotes} from "../../contracts/bonding/BondingVotes.sol";
import {AdjustableRoundsManager} from "../../contracts/rounds/AdjustableRoundsManager.sol";
import {Minter} from "../../contracts/token/Minter.sol";

/// The cheat codes these tests use.
interface Vm {
    function prank(address sender) external;
    function expectRevert(bytes calldata reason) external;
    function roll(uint256 number) external;
}

/// Registry with the answers the protocol asks of a Controller, owned by the test.
contract TestController {
    address public immutable owner = msg.sender;
    bool public paused;
    mapping(bytes32 id => address) public getContract;

    function register(string calldata name, address contract_) external {
        getContract[keccak256(bytes(name))] = contract_;
    }

    function setPaused(bool paused_) external {
        paused = paused_;
    }
}

/// A token anyone may mint.
contract TestToken {
    uint256 public totalSupply;
    mapping(address holder => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        balanceOf[to] += amount;
    }

    function burn(uint256 amount) external {
        totalSupply -= amount;
        balanceOf[msg.sender] -= amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function l1CirculatingSupply() external pure returns (uint256) {
        return 0;
    }
}

/// The staking contracts wired together, with rounds moved by hand. The test itself plays TicketBroker and Verifier.
abstract contract StakingFixture {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant ROUND_LENGTH = 50;
    address internal constant TREASURY = address(0x7ea5);
    address internal constant ORCHESTRATOR = address(0xa1);
    address internal constant DELEGATOR = address(0xd1);
    address internal constant STRANGER = address(0x57);

    TestController internal controller;
    TestToken internal token;
    BondingManager internal bonding;
    BondingVotes internal votes;
    AdjustableRoundsManager internal rounds;
    Minter internal minter;

    function setUp() public virtual {
        controller = new TestController();
        token = new TestToken();
        bonding = BondingManager(deployed("BondingManager", address(new BondingManager(address(controller)))));
        votes = BondingVotes(deployed("BondingVotes", address(new BondingVotes(address(controller)))));
        AdjustableRoundsManager clock = new AdjustableRoundsManager(address(controller));
        rounds = AdjustableRoundsManager(deployed("RoundsManager", address(clock)));
        minter = new Minter(address(controller), 218500, 500, 500000000);

        controller.register("BondingManager", address(bonding));
        controller.register("BondingVotes", address(votes));
        controller.register("RoundsManager", address(rounds));
        controller.register("Minter", address(minter));
        controller.register("LivepeerToken", address(token));
        controller.register("L2LPTDataCache", address(token));
        controller.register("Treasury", TREASURY);
        controller.register("TicketBroker", address(this));
        controller.register("JobsManager", address(this));
        controller.register("Verifier", address(this));

        bonding.setUnbondingPeriod(7);
        bonding.setNumActiveTranscoders(poolSize());
        bonding.setTreasuryRewardCutRate(10 ** 26);
        bonding.setTreasuryBalanceCeiling(750_000 ether);
        rounds.setRoundLength(ROUND_LENGTH);
        rounds.setRoundLockAmount(100_000);
        rounds.mineBlocks(1000);
        rounds.setBlockHash(keccak256("block"));
        rounds.initializeRound();
    }

    /// Where a contract with this implementation is reached.
    function deployed(string memory, address implementation) internal virtual returns (address) {
        return implementation;
    }

    function poolSize() internal pure virtual returns (uint256) {
        return 3;
    }

    function nextRound() internal {
        rounds.mineBlocks(ROUND_LENGTH);
        rounds.initializeRound();
    }

    function bondAs(address owner, uint256 amount, address to) internal {
        token.mint(owner, amount);
        vm.prank(owner);
        bonding.bond(amount, to);
    }

    function rewardAs(address orchestrator) internal {
        vm.prank(orchestrator);
        bonding.reward();
    }

    function bondedOf(address account) internal view returns (uint256 bonded) {
        (bonded,,,,,,) = bonding.getDelegator(account);
    }

    function delegateOf(address account) internal view returns (address delegate) {
        (,, delegate,,,,) = bonding.getDelegator(account);
    }

    function expectRevert(string memory reason) internal {
        vm.expectRevert(abi.encodeWithSignature("Error(string)", reason));
    }

    function assertEq(uint256 got, uint256 expected, string memory what) internal pure {
        require(got == expected, what);
    }

    function assertEq(address got, address expected, string memory what) internal pure {
        require(got == expected, what);
    }
}
