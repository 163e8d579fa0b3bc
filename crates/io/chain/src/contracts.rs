//! The calls we make to the protocol's contracts, and what they answer.
//!
//! Only what the program itself calls is here; the whole interfaces are in the artifacts.

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::sol;

sol! {
    /// The registry of the protocol.
    interface Controller {
        function owner() external view returns (address);
        function paused() external view returns (bool);
        function unpause() external;
        function transferOwnership(address newOwner) external;
        function getContract(bytes32 id) external view returns (address);
        function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash) external;
    }

    /// The token that is staked.
    interface LivepeerToken {
        function mint(address to, uint256 amount) external;
        function balanceOf(address account) external view returns (uint256);
        function transfer(address to, uint256 amount) external returns (bool);
        function hasRole(bytes32 role, address account) external view returns (bool);
        function grantRole(bytes32 role, address account) external;
        function revokeRole(bytes32 role, address account) external;
    }

    /// Stake, rewards and fees.
    interface BondingManager {
        function unbondingPeriod() external view returns (uint64);
        function setUnbondingPeriod(uint64 unbondingPeriod) external;
        function getTranscoderPoolMaxSize() external view returns (uint256);
        function setNumActiveTranscoders(uint256 numActiveTranscoders) external;
        function treasuryRewardCutRate() external view returns (uint256);
        function nextRoundTreasuryRewardCutRate() external view returns (uint256);
        function setTreasuryRewardCutRate(uint256 cutRate) external;
        function treasuryBalanceCeiling() external view returns (uint256);
        function setTreasuryBalanceCeiling(uint256 ceiling) external;
    }

    /// The clock of the protocol.
    interface RoundsManager {
        function roundLength() external view returns (uint256);
        function setRoundLength(uint256 roundLength) external;
        function roundLockAmount() external view returns (uint256);
        function setRoundLockAmount(uint256 roundLockAmount) external;
        function currentRoundStartBlock() external view returns (uint256);
        function currentRound() external view returns (uint256);
        function blockHashForRound(uint256 round) external view returns (bytes32);
        function currentRoundInitialized() external view returns (bool);
        function initializeRound() external;
    }

    /// Deposits, reserves and winning tickets.
    interface TicketBroker {
        function unlockPeriod() external view returns (uint256);
        function setUnlockPeriod(uint256 unlockPeriod) external;
        function ticketValidityPeriod() external view returns (uint256);
        function setTicketValidityPeriod(uint256 ticketValidityPeriod) external;
    }

    /// The timelock that holds the treasury.
    interface Treasury {
        function getMinDelay() external view returns (uint256);
        function initialize(uint256 minDelay, address[] proposers, address[] executors, address admin) external;
        function hasRole(bytes32 role, address account) external view returns (bool);
        function grantRole(bytes32 role, address account) external;
        function renounceRole(bytes32 role, address account) external;
    }

    /// Proposals and votes about the treasury.
    interface LivepeerGovernor {
        function quota() external view returns (uint256);
        function initialize(uint256 initialVotingDelay, uint256 initialVotingPeriod, uint256 initialProposalThreshold, uint256 initialQuorum, uint256 quota) external;
    }

    /// The owner of the Controller: changes are staged, then executed.
    interface Governor {
        struct Update { address[] target; uint256[] value; bytes[] data; uint256 nonce; }
        function owner() external view returns (address);
        function updates(bytes32 updateHash) external view returns (uint256);
        function transferOwnership(address newOwner) external;
        function stage(Update update, uint256 delay) external;
        function execute(Update update) external payable;
    }
}

/// The key of a contract in the registry.
pub fn key(name: &str) -> B256 {
    keccak256(name)
}
