// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {BondingManager} from "../contracts/bonding/BondingManager.sol";
import {BondingVotes} from "../contracts/bonding/BondingVotes.sol";
import {Controller} from "../contracts/Controller.sol";
import {ManagerProxy} from "../contracts/ManagerProxy.sol";
import {ITicketBroker} from "../contracts/pm/ITicketBroker.sol";
import {TicketBroker} from "../contracts/pm/TicketBroker.sol";
import {AdjustableRoundsManager} from "../contracts/rounds/AdjustableRoundsManager.sol";
import {DummyL2LPTDataCache} from "../contracts/token/DummyL2LPTDataCache.sol";
import {LivepeerToken} from "../contracts/token/LivepeerToken.sol";
import {Minter} from "../contracts/token/Minter.sol";
import {ForgeTest} from "./ForgeTest.sol";

/// The whole protocol as it is deployed, behind its proxies; the test owns it. Rounds are moved by hand.
abstract contract ProtocolFixture is ForgeTest {
    uint256 internal constant ROUND_LENGTH = 50;
    uint256 internal constant SENDER_KEY = 0x5e4de4;
    uint256 internal constant RAND = 4242;
    address internal constant TREASURY = address(0x7ea5);
    address internal constant ORCHESTRATOR = address(0xa1a1);
    address internal constant DELEGATOR = address(0xd1d1);
    address internal constant STRANGER = address(0x5757);
    address internal constant NONE = address(0);

    Controller internal controller;
    LivepeerToken internal token;
    Minter internal minter;
    BondingManager internal bonding;
    BondingVotes internal votes;
    AdjustableRoundsManager internal rounds;
    TicketBroker internal broker;
    address internal sender = cheats.addr(SENDER_KEY);

    function setUp() public virtual {
        controller = new Controller();
        token = new LivepeerToken();
        minter = new Minter(address(controller), 218500, 500, 500000000);
        bonding = BondingManager(proxied("BondingManager", address(new BondingManager(address(controller)))));
        votes = BondingVotes(proxied("BondingVotes", address(new BondingVotes(address(controller)))));
        broker = TicketBroker(proxied("TicketBroker", address(new TicketBroker(address(controller)))));
        rounds = AdjustableRoundsManager(
            proxied("RoundsManager", address(new AdjustableRoundsManager(address(controller))))
        );

        register("Minter", address(minter));
        register("LivepeerToken", address(token));
        register("JobsManager", address(broker));
        register("L2LPTDataCache", address(new DummyL2LPTDataCache()));
        register("Treasury", TREASURY);
        token.grantRole(keccak256("MINTER_ROLE"), address(minter));
        token.grantRole(keccak256("MINTER_ROLE"), address(this));

        bonding.setUnbondingPeriod(7);
        bonding.setNumActiveTranscoders(poolSize());
        bonding.setTreasuryRewardCutRate(10 ** 26);
        broker.setUnlockPeriod(2);
        broker.setTicketValidityPeriod(2);
        rounds.setRoundLength(ROUND_LENGTH);
        rounds.setRoundLockAmount(100_000);
        rounds.mineBlocks(1000);
        rounds.setBlockHash(keccak256("block"));
        controller.unpause();
        rounds.initializeRound();
    }

    function poolSize() internal pure virtual returns (uint256) {
        return 3;
    }

    function register(string memory name, address contract_) internal {
        controller.setContractInfo(keccak256(bytes(name)), contract_, bytes20("0123456789"));
    }

    /// A proxy of that name, registered together with its implementation.
    function proxied(string memory name, address implementation) internal returns (address proxy) {
        string memory target = string.concat(name, "Target");
        register(target, implementation);
        proxy = address(new ManagerProxy(address(controller), keccak256(bytes(target))));
        register(name, proxy);
    }

    function nextRound() internal {
        rounds.mineBlocks(ROUND_LENGTH);
        rounds.initializeRound();
    }

    function mintFor(address account, uint256 amount) internal {
        token.mint(account, amount);
        cheats.prank(account);
        token.approve(address(bonding), type(uint256).max);
    }

    function bondAs(address owner, uint256 amount, address to) internal {
        mintFor(owner, amount);
        cheats.prank(owner);
        bonding.bond(amount, to);
    }

    function rewardAs(address orchestrator) internal {
        cheats.prank(orchestrator);
        bonding.reward();
    }

    function bondedOf(address account) internal view returns (uint256 bonded) {
        (bonded,,,,,,) = bonding.getDelegator(account);
    }

    function delegateOf(address account) internal view returns (address delegate) {
        (,, delegate,,,,) = bonding.getDelegator(account);
    }

    function fundAs(address account, uint256 deposit, uint256 reserve) internal {
        cheats.deal(account, account.balance + deposit + reserve);
        cheats.prank(account);
        broker.fundDepositAndReserve{value: deposit + reserve}(deposit, reserve);
    }

    function depositOf(address account) internal view returns (uint256) {
        (ITicketBroker.Sender memory info,) = broker.getSenderInfo(account);
        return info.deposit;
    }

    /// What is left of a reserve.
    function reserveOf(address account) internal view returns (uint256) {
        return broker.getReserveInfo(account).fundsRemaining;
    }

    /// A ticket of this round that wins.
    function winner(address recipient, uint256 faceValue, uint256 nonce)
        internal
        view
        returns (ITicketBroker.Ticket memory)
    {
        uint256 round = rounds.currentRound();
        return ITicketBroker.Ticket({
            recipient: recipient,
            sender: sender,
            faceValue: faceValue,
            winProb: type(uint256).max,
            senderNonce: nonce,
            recipientRandHash: keccak256(abi.encodePacked(RAND)),
            auxData: abi.encode(round, rounds.blockHashForRound(round))
        });
    }

    function signed(ITicketBroker.Ticket memory ticket) internal view returns (bytes memory) {
        return signedBy(SENDER_KEY, broker.getTicketHash(ticket));
    }

    function signedBy(uint256 key, bytes32 ticketHash) internal pure returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", ticketHash));
        (uint8 v, bytes32 r, bytes32 s) = cheats.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function redeem(ITicketBroker.Ticket memory ticket) internal {
        bytes memory signature = signed(ticket);
        broker.redeemWinningTicket(ticket, signature, RAND);
    }
}
