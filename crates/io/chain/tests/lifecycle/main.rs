//! Whole rounds of a full network: a hundred orchestrators, two hundred delegators, tickets, votes.
//!
//! What is claimed is conservation: no LPT and no wei appears or vanishes, whatever is rounded
//! stays with the protocol, and every rounding is bounded.

mod network;

use alloy_primitives::U256;
use alloy_sol_types::sol;

use network::Network;

sol! {
    interface Bonding {
        event Reward(address indexed transcoder, uint256 amount);
        event TreasuryReward(address indexed transcoder, address treasury, uint256 amount);
        function bond(uint256 amount, address to) external;
        function unbond(uint256 amount) external;
        function withdrawStake(uint256 unbondingLockId) external;
        function withdrawFees(address recipient, uint256 amount) external;
        function claimEarnings(uint256 endRound) external;
        function reward() external;
        function transcoder(uint256 rewardCut, uint256 feeShare) external;
        function pendingStake(address delegator, uint256 endRound) external view returns (uint256);
        function pendingFees(address delegator, uint256 endRound) external view returns (uint256);
        function transcoderTotalStake(address transcoder) external view returns (uint256);
        function getTotalBonded() external view returns (uint256);
        function nextRoundTotalActiveStake() external view returns (uint256);
        function getTranscoderPoolSize() external view returns (uint256);
        function getFirstTranscoderInPool() external view returns (address);
        function getNextTranscoderInPool(address transcoder) external view returns (address);
        function isActiveTranscoder(address transcoder) external view returns (bool);
    }
    interface Votes {
        function getPastVotes(address account, uint256 round) external view returns (uint256);
        function getPastTotalSupply(uint256 round) external view returns (uint256);
    }
    interface MinterView {
        function inflation() external view returns (uint256);
        function inflationChange() external view returns (uint256);
        function targetBondingRate() external view returns (uint256);
        function setTargetBondingRate(uint256 rate) external;
        function currentMintedTokens() external view returns (uint256);
        function currentMintableTokens() external view returns (uint256);
    }
    interface Token {
        function totalSupply() external view returns (uint256);
        function transfer(address to, uint256 amount) external returns (bool);
        function approve(address spender, uint256 amount) external returns (bool);
    }
    interface Broker {
        struct Ticket {
            address recipient;
            address sender;
            uint256 faceValue;
            uint256 winProb;
            uint256 senderNonce;
            bytes32 recipientRandHash;
            bytes auxData;
        }
        event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount);
        function fundDepositAndReserve(uint256 deposit, uint256 reserve) external payable;
        function redeemWinningTicket(Ticket ticket, bytes sig, uint256 recipientRand) external;
    }
}

/// Orchestrators, delegators and rounds of the full network.
const ORCHESTRATORS: usize = 100;
const DELEGATORS: usize = 200;
const ROUNDS: usize = 6;

#[tokio::test]
async fn rewards_fees_claims_and_votes_are_conserved_with_a_hundred_orchestrators() {
    let mut network = Network::start(ORCHESTRATORS, DELEGATORS).await;
    network.join();
    let mut rewarded = U256::ZERO;
    for round in 0..ROUNDS {
        network.next_round();
        rewarded += network.call_rewards();
        network.redeem_tickets(20, U256::from(1_000_003 + 7 * round));
        network.claim_some(round);
        network.check_supply(rewarded);
        network.check_stakes();
        network.check_fees();
        network.check_pool();
        network.check_votes();
    }
    network.leave_some();
    network.check_stakes();
    network.check_supply(rewarded);
}

#[tokio::test]
async fn inflation_moves_one_step_a_round_towards_the_target() {
    let mut network = Network::start(2, 0).await;
    network.join();
    let change = network.read("Minter", MinterView::inflationChangeCall {});
    println!("round  bonded/target  inflation  step");
    for round in 0..50 {
        if round == 25 {
            // Far below what is bonded, so that from here on inflation falls.
            network.owner_sends(
                "Minter",
                MinterView::setTargetBondingRateCall {
                    rate: U256::from(1),
                },
            );
        }
        let before = network.read("Minter", MinterView::inflationCall {});
        network.next_round();
        let after = network.read("Minter", MinterView::inflationCall {});
        let bonded = network.read("BondingManager", Bonding::getTotalBondedCall {});
        let supply = network.read("LivepeerToken", Token::totalSupplyCall {});
        let rate = bonded * U256::from(1_000_000_000) / supply;
        let target = network.read("Minter", MinterView::targetBondingRateCall {});
        if rate < target {
            assert_eq!(after, before + change, "round {round}");
            println!("{round:>5}  {rate:>9}/{target:<9}  {after:>9}  +{change}");
        } else {
            assert_eq!(after, before - change, "round {round}");
            println!("{round:>5}  {rate:>9}/{target:<9}  {after:>9}  -{change}");
        }
    }
}
