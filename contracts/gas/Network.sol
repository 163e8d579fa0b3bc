// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// The cheat codes that measuring needs.
interface Vm {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function prank(address sender) external;
    function deal(address account, uint256 amount) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function lastCallGas() external view returns (Gas memory);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function replace(string calldata input, string calldata from, string calldata to)
        external
        pure
        returns (string memory);
    function parseBytes(string calldata hexadecimal) external pure returns (bytes memory);
    function toString(bytes32 value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function serializeUint(string calldata object, string calldata key, uint256 value)
        external
        returns (string memory json);
    function writeJson(string calldata json, string calldata path) external;
}

interface IController {
    function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash) external;
    function unpause() external;
}

interface IToken {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external;
    function grantRole(bytes32 role, address account) external;
}

interface IRounds {
    function setRoundLength(uint256 blocks) external;
    function setRoundLockAmount(uint256 share) external;
    function mineBlocks(uint256 blocks) external;
    function setBlockHash(bytes32 hash) external;
    function initializeRound() external;
    function currentRound() external view returns (uint256);
    function blockHashForRound(uint256 round) external view returns (bytes32);
}

interface IBonding {
    function setUnbondingPeriod(uint64 rounds) external;
    function setNumActiveTranscoders(uint256 size) external;
    function setTreasuryRewardCutRate(uint256 rate) external;
    function setTreasuryBalanceCeiling(uint256 ceiling) external;
    function bond(uint256 amount, address to) external;
    function bondWithHint(uint256 amount, address to, address, address, address prev, address next) external;
    function unbond(uint256 amount) external;
    function unbondWithHint(uint256 amount, address prev, address next) external;
    function rebond(uint256 lockId) external;
    function rebondWithHint(uint256 lockId, address prev, address next) external;
    function transferBond(address to, uint256 amount, address, address, address, address) external;
    function transcoder(uint256 rewardCut, uint256 feeShare) external;
    function reward() external;
    function rewardWithHint(address prev, address next) external;
    function claimEarnings(uint256 endRound) external;
    function withdrawFees(address recipient, uint256 amount) external;
    function pendingFees(address delegator, uint256 endRound) external view returns (uint256);
    function getFirstTranscoderInPool() external view returns (address);
    function getNextTranscoderInPool(address account) external view returns (address);
    function transcoderTotalStake(address account) external view returns (uint256);
    function getTranscoderPoolSize() external view returns (uint256);
}

interface IBroker {
    struct Ticket {
        address recipient;
        address sender;
        uint256 faceValue;
        uint256 winProb;
        uint256 senderNonce;
        bytes32 recipientRandHash;
        bytes auxData;
    }

    function setUnlockPeriod(uint256 rounds) external;
    function setTicketValidityPeriod(uint256 rounds) external;
    function fundDepositAndReserve(uint256 deposit, uint256 reserve) external payable;
    function redeemWinningTicket(Ticket calldata ticket, bytes calldata sig, uint256 recipientRand) external;
    function batchRedeemWinningTickets(
        Ticket[] calldata tickets,
        bytes[] calldata sigs,
        uint256[] calldata recipientRands
    ) external;
    function getTicketHash(Ticket calldata ticket) external pure returns (bytes32);
    function usedTickets(bytes32 hash) external view returns (bool);
}

/// The other layer's supply, kept in a slot as the live network's cache keeps it.
contract SupplyCache {
    uint256 public l1CirculatingSupply = 1 ether;
}

/// The protocol as it is deployed, from the committed artifacts and behind its proxies, with rounds moved by hand.
/// The test is deployer and owner.
abstract contract Network {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant ROUND_LENGTH = 5760;
    address internal constant NONE = address(0);

    IController internal controller;
    IToken internal token;
    IRounds internal rounds;
    IBonding internal bonding;
    IBroker internal broker;

    function deployNetwork(uint256 poolSize) internal {
        controller = IController(create("Controller", ""));
        bytes memory owner = abi.encode(controller);
        token = IToken(create("LivepeerToken", ""));
        address minter = create("Minter", abi.encode(controller, 218500, 500, 500000000));
        register("Minter", minter);
        register("LivepeerToken", address(token));
        register("L2LPTDataCache", address(new SupplyCache()));
        register("Treasury", account("treasury"));

        broker = IBroker(createProxied("TicketBroker", create("TicketBroker", owner)));
        register("JobsManager", address(broker));
        bonding = IBonding(createProxied("BondingManager", createLinked("BondingManager", owner)));
        createProxied("BondingVotes", create("BondingVotes", owner));
        rounds = IRounds(createProxied("RoundsManager", create("AdjustableRoundsManager", owner)));

        bonding.setUnbondingPeriod(7);
        bonding.setNumActiveTranscoders(poolSize);
        bonding.setTreasuryRewardCutRate(10 ** 26);
        bonding.setTreasuryBalanceCeiling(750_000 ether);
        rounds.setRoundLength(ROUND_LENGTH);
        rounds.setRoundLockAmount(100_000);
        broker.setUnlockPeriod(2);
        broker.setTicketValidityPeriod(2);
        token.grantRole(keccak256("MINTER_ROLE"), minter);
        token.grantRole(keccak256("MINTER_ROLE"), address(this));
        token.mint(account("treasury"), 1 ether);
        controller.unpause();
        rounds.mineBlocks(4000 * ROUND_LENGTH);
        nextRound();
    }

    function nextRound() internal {
        rounds.mineBlocks(ROUND_LENGTH);
        rounds.setBlockHash(keccak256(abi.encode("block", rounds.currentRound())));
        rounds.initializeRound();
    }

    /// Runs a call as a transaction of its own, which forge's isolation makes of it. Returns the gas of its receipt:
    /// base cost and calldata included, refunds taken off.
    function send(address from, address to, uint256 value, bytes memory data) internal returns (uint256 gas) {
        if (value > 0) vm.deal(from, value);
        vm.prank(from);
        (bool ok, bytes memory answer) = to.call{value: value}(data);
        gas = vm.lastCallGas().gasTotalUsed;
        if (!ok) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function onBonding(address from, bytes memory data) internal returns (uint256 gas) {
        return send(from, address(bonding), 0, data);
    }

    /// Bonds with an allowance of just what is bonded, to an owner who keeps tokens.
    function bondAs(address owner, uint256 amount, address to) internal returns (uint256 gas) {
        token.mint(owner, amount + 1 ether);
        vm.prank(owner);
        token.approve(address(bonding), amount);
        return onBonding(owner, abi.encodeCall(bonding.bond, (amount, to)));
    }

    function rewardAs(address orchestrator_) internal returns (uint256 gas) {
        return onBonding(orchestrator_, abi.encodeCall(bonding.reward, ()));
    }

    /// An address as calldata has them, without zero bytes by design.
    function account(string memory name) internal pure returns (address) {
        return address(uint160(uint256(keccak256(bytes(name)))));
    }

    function orchestrator(uint256 index) internal pure returns (address) {
        return account(string.concat("orchestrator", vm.toString(index)));
    }

    function create(string memory name, bytes memory arguments) internal returns (address) {
        return createFrom(artifact(name), arguments);
    }

    function createLinked(string memory name, bytes memory arguments) private returns (address) {
        bytes memory hash = bytes(vm.toString(keccak256("contracts/libraries/SortedDoublyLL.sol:SortedDoublyLL")));
        bytes memory placeholder = "__$..................................$__";
        for (uint256 i = 0; i < 34; i++) placeholder[3 + i] = hash[2 + i];
        string memory library_ = vm.replace(vm.toString(create("SortedDoublyLL", "")), "0x", "");
        return createFrom(vm.replace(artifact(name), string(placeholder), library_), arguments);
    }

    function createFrom(string memory code, bytes memory arguments) private returns (address created) {
        bytes memory initCode = bytes.concat(vm.parseBytes(code), arguments);
        assembly {
            created := create(0, add(initCode, 32), mload(initCode))
        }
        require(created != address(0), "not created");
    }

    function artifact(string memory name) private view returns (string memory code) {
        return vm.parseJsonString(vm.readFile(string.concat("artifacts/", name, ".json")), ".bytecode");
    }

    function createProxied(string memory name, address implementation) private returns (address proxy) {
        string memory target = string.concat(name, "Target");
        register(target, implementation);
        proxy = create("ManagerProxy", abi.encode(controller, keccak256(bytes(target))));
        register(name, proxy);
    }

    function register(string memory name, address contract_) private {
        controller.setContractInfo(keccak256(bytes(name)), contract_, bytes20("0123456789012345678"));
    }
}
