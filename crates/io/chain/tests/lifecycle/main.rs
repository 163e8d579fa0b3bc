//! Whole rounds of a full network: a hundred orchestrators, two hundred delegators, tickets, votes.
//!
//! What is claimed is conservation: no LPT and no wei appears or vanishes, whatever is rounded
//! stays with the protocol, and every rounding is bounded.

mod dice;
mod earnings;
mod inflation;
mod network;
mod reserve;
mod tickets;

use alloy_primitives::U256;
use alloy_sol_types::sol;

use network::{Network, lpt};
use streamflow_chain::deploy::Parameters;
use streamflow_payments::inflation::{bonding_rate_down, mintable_down};

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
        function getDelegator(address delegator) external view returns (uint256 bondedAmount, uint256 fees, address delegateAddress, uint256 delegatedAmount, uint256 startRound, uint256 lastClaimRound, uint256 nextUnbondingLockId);
        function getTranscoder(address transcoder) external view returns (uint256 lastRewardRound, uint256 rewardCut, uint256 feeShare, uint256 lastActiveStakeUpdateRound, uint256 activationRound, uint256 deactivationRound, uint256 activeCumulativeRewards, uint256 cumulativeRewards, uint256 cumulativeFees, uint256 lastFeeRound);
        function getTranscoderEarningsPoolForRound(address transcoder, uint256 round) external view returns (uint256 totalStake, uint256 transcoderRewardCut, uint256 transcoderFeeShare, uint256 cumulativeRewardFactor, uint256 cumulativeFeeFactor);
        function treasuryRewardCutRate() external view returns (uint256);
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
        struct Sender { uint256 deposit; uint256 withdrawRound; }
        struct ReserveInfo { uint256 fundsRemaining; uint256 claimedInCurrentRound; }
        event ReserveClaimed(address indexed reserveHolder, address claimant, uint256 amount);
        function getTicketHash(Ticket ticket) external pure returns (bytes32);
        function getSenderInfo(address sender) external view returns (Sender sender, ReserveInfo reserve);
        function claimableReserve(address reserveHolder, address claimant) external view returns (uint256);
        function claimedReserve(address reserveHolder, address claimant) external view returns (uint256);
        function fundDepositAndReserve(uint256 deposit, uint256 reserve) external payable;
        function redeemWinningTicket(Ticket ticket, bytes sig, uint256 recipientRand) external;
    }
}

/// Shares are counted in billionths: the target, a step of inflation, and a percent.
const HALF: U256 = U256::from_limbs([500_000_000, 0, 0, 0]);
const STEP: U256 = U256::from_limbs([500, 0, 0, 0]);
const PERCENT: U256 = U256::from_limbs([10_000_000, 0, 0, 0]);
const HUNDRED: U256 = U256::from_limbs([100, 0, 0, 0]);

/// How the page of inflation begins.
const HEAD: &str = "\
# Inflation, round by round

Each round the Minter moves inflation by one fixed step: up while less than the target share of all tokens
is bonded, else down. Here are fifty rounds of the contracts on the embedded chain, with the parameters
of the live network: it begins at 218,500 billionths of the supply a round, a step is 500 billionths, the
target is half of the supply. Stake passes the target in round 16 and falls below it in round 36.

Written by a test of `crates/io/chain`, which holds it to the contracts.

| round | bonded | inflation (billionths) | step | LPT that may be minted |
|--:|--:|--:|--:|--:|
";

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
    // Half a million LPT in all, so that the actors can bond more or less than half of it.
    let mut parameters = Parameters::devnet();
    let faucet = parameters.faucet.as_mut().expect("a devnet has a faucet");
    faucet.supply = lpt(1);
    let mut network = Network::start_with(2, 0, parameters).await;
    network.join();
    network.bond_more(0, lpt(150_000));
    let mut table = String::from(HEAD);
    let (mut above, mut below) = (0, 0);
    for round in 1..=50 {
        // What is bonded crosses the target twice.
        match round {
            16 => network.bond_more(1, lpt(200_000)),
            36 => network.unbond(0, lpt(149_000)),
            _ => {}
        }
        let before = network.read("Minter", MinterView::inflationCall {});
        network.next_round();
        let after = network.read("Minter", MinterView::inflationCall {});
        let bonded = network.read("BondingManager", Bonding::getTotalBondedCall {});
        let supply = network.read("LivepeerToken", Token::totalSupplyCall {});
        let mintable = network.read("Minter", MinterView::currentMintableTokensCall {});
        let rate = bonding_rate_down(bonded, supply).expect("a small supply");
        let step = if rate < HALF {
            below += 1;
            assert_eq!(after, before + STEP, "round {round}");
            "+500"
        } else {
            above += 1;
            assert_eq!(after, before - STEP, "round {round}");
            "−500"
        };
        assert_eq!(mintable_down(after, supply), Some(mintable));
        let share = format!(
            "{}.{:02}",
            rate / PERCENT,
            rate % PERCENT / (PERCENT / HUNDRED)
        );
        let minted = mintable / lpt(1);
        table += &format!("| {round} | {share} % | {after} | {step} | {minted} |\n");
    }
    assert!(
        above >= 20 && below >= 25,
        "{above} rounds above, {below} below"
    );
    print!("{table}");
    assert_page(&table);
}

/// The page in the documentation is this table; `STREAMFLOW_WRITE_PAGES=1` writes it anew.
fn assert_page(table: &str) {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../docs/reference/inflation.md"
    );
    if std::env::var_os("STREAMFLOW_WRITE_PAGES").is_some() {
        std::fs::write(page, table).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        committed == table,
        "docs/reference/inflation.md is old: run this test with STREAMFLOW_WRITE_PAGES=1"
    );
}
