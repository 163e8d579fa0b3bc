//! Earnings of `streamflow_payments` against the BondingManager: the books of some orchestrators and
//! delegators are kept beside the contracts, act by act, and must be equal to the wei.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolEvent;
use streamflow_chain::deploy::Parameters;
use streamflow_payments::earnings::{
    Factors, FeeSplit, RewardSplit, fraction_down, of_down, offered_down,
};
use streamflow_payments::inflation::reward_down;

use crate::dice::Dice;
use crate::network::{Network, lpt};
use crate::{Bonding, MinterView};

const NETWORKS: u64 = 4;
const ROUNDS: usize = 10;
const BONDING: &str = "BondingManager";

/// An orchestrator's books.
#[derive(Default)]
struct Orchestrator {
    /// What it offers: its cut of rewards, and the share of fees that it hands on.
    cut: U256,
    share: U256,
    /// What it offered when the round's first reward or fees came.
    fixed: (U256, U256),
    factors: BTreeMap<U256, Factors>,
    last_reward: U256,
    last_fee: U256,
    /// Its own earnings as they were before this round's reward, and as they are.
    active_rewards: U256,
    rewards: U256,
    fees: U256,
}

/// A staker's books.
struct Staker {
    to: Address,
    stake: U256,
    fees: U256,
    last_claim: U256,
}

struct Books {
    orchestrators: BTreeMap<Address, Orchestrator>,
    stakers: BTreeMap<Address, Staker>,
}

/// What the chain says of a round, for which no books are kept here.
struct Round {
    number: U256,
    bonded: U256,
    mintable: U256,
    treasury_share: U256,
}

impl Orchestrator {
    fn at(&self, round: U256) -> Factors {
        self.factors.get(&round).copied().unwrap_or_default()
    }

    /// The factors at a round, or where it has none those before.
    fn latest(&self, round: U256) -> Factors {
        let mut factors = self.at(round);
        if factors.reward.is_zero() && self.last_reward < round {
            factors.reward = self.at(self.last_reward).reward;
        }
        if factors.fee.is_zero() && self.last_fee < round {
            factors.fee = self.at(self.last_fee).fee;
        }
        factors
    }

    fn reward(&mut self, round: &Round, stake: U256) -> Option<RewardSplit> {
        let reward = reward_down(round.mintable, stake, round.bonded)?;
        self.fixed = (self.cut, self.share);
        let split = RewardSplit::of_down(reward, round.treasury_share, self.cut)?;
        self.active_rewards = self.rewards;
        let own = fraction_down(split.delegators, self.active_rewards, stake)?;
        self.rewards += own + split.commission;
        let before = self.at(self.last_reward);
        let now = self.factors.entry(round.number).or_default();
        now.reward = before.reward_after_down(split.delegators, stake)?;
        self.last_reward = round.number;
        Some(split)
    }

    fn earn_fees(&mut self, fees: U256, round: &Round, stake: U256, minted: U256) -> Option<()> {
        let mut before = self.latest(round.number - U256::from(1));
        let rewarded = self.last_reward == round.number;
        let active = if rewarded {
            self.active_rewards
        } else {
            self.rewards
        };
        if before.reward.is_zero() && rewarded {
            before.reward = self.factor_before_first_reward(round, stake, minted)?;
        }
        if !rewarded {
            self.fixed = (self.cut, self.share);
        }
        let split = FeeSplit::of_down(fees, self.fixed.1)?;
        self.fees += split.commission + fraction_down(split.delegators, active, stake)?;
        let now = self.factors.entry(round.number).or_default();
        now.fee = before.fee_after_down(now.fee, split.delegators, stake)?;
        self.last_fee = round.number;
        Some(())
    }

    /// Of the round with the first reward, the factor before it is not on record: the protocol
    /// reckons it back from what may be minted and what was.
    fn factor_before_first_reward(&self, round: &Round, stake: U256, minted: U256) -> Option<U256> {
        let all = round.mintable + minted;
        let mut rewards = fraction_down(all, stake, round.bonded)?;
        rewards -= of_down(rewards, round.treasury_share)?;
        rewards -= offered_down(rewards, self.fixed.0)?;
        fraction_down(self.at(round.number).reward, stake, rewards + stake)
    }
}

impl Books {
    /// What a staker has with all it has not claimed.
    fn pending(&self, account: Address, round: U256) -> (U256, U256) {
        let staker = &self.stakers[&account];
        let orchestrator = &self.orchestrators[&staker.to];
        let (mut stake, mut fees) = (staker.stake, staker.fees);
        if staker.last_claim < round {
            let (start, end) = (
                orchestrator.at(staker.last_claim),
                orchestrator.latest(round),
            );
            let grown = start.stake_after_down(end, staker.stake);
            let earned = start.fees_after_down(end, staker.stake);
            (stake, fees) = (
                grown.expect("no overflow"),
                fees + earned.expect("factors grow"),
            );
        }
        if staker.to == account {
            (stake, fees) = (stake + orchestrator.rewards, fees + orchestrator.fees);
        }
        (stake, fees)
    }

    /// Earnings become stake, as before everything a staker does.
    fn claim(&mut self, account: Address, round: U256) {
        let (stake, fees) = self.pending(account, round);
        let staker = self.stakers.get_mut(&account).expect("a staker");
        if staker.last_claim >= round {
            return;
        }
        let orchestrator = self
            .orchestrators
            .get_mut(&staker.to)
            .expect("an orchestrator");
        let latest = orchestrator.latest(round);
        orchestrator.factors.insert(round, latest);
        if staker.to == account {
            (orchestrator.rewards, orchestrator.fees) = (U256::ZERO, U256::ZERO);
        }
        (staker.stake, staker.fees, staker.last_claim) = (stake, fees, round);
    }
}

#[tokio::test]
async fn our_earnings_are_those_of_the_contracts_to_the_wei() {
    let (mut rewards, mut fees) = (0, 0);
    for seed in 0..NETWORKS {
        let mut dice = Dice::new(seed);
        let mut parameters = Parameters::devnet();
        let share = U256::from(dice.below(300)) * U256::from(10).pow(U256::from(24));
        parameters.treasury_reward_cut_rate = Some(share);
        let mut network = Network::start_with(3, 6, parameters).await;
        network.join();
        let mut books = begin(&network);
        for _ in 0..ROUNDS {
            network.next_round();
            let round = read_round(&network);
            for orchestrator in network.orchestrators.clone() {
                // Fees before the reward, after it, both, or neither; and rounds without reward.
                if dice.percent(40) {
                    pay(&mut network, &mut books, orchestrator, &round, &mut dice);
                    fees += 1;
                }
                if dice.percent(70) {
                    reward(&mut network, &mut books, orchestrator, &round, &mut dice);
                    rewards += 1;
                }
                if dice.percent(40) {
                    pay(&mut network, &mut books, orchestrator, &round, &mut dice);
                    fees += 1;
                }
            }
            let stakers: Vec<Address> = books.stakers.keys().copied().collect();
            for account in stakers {
                if dice.percent(35) {
                    act(&mut network, &mut books, account, round.number, &mut dice);
                }
            }
            compare(&network, &books, round.number);
        }
    }
    assert!(rewards > 60 && fees > 60, "{rewards} rewards, {fees} fees");
}

/// The books after everybody joined.
fn begin(network: &Network) -> Books {
    let orchestrators = network.orchestrators.iter().map(|transcoder| {
        let transcoder = *transcoder;
        let facts = network.read(BONDING, Bonding::getTranscoderCall { transcoder });
        let books = Orchestrator {
            cut: facts.rewardCut,
            share: facts.feeShare,
            ..Orchestrator::default()
        };
        (transcoder, books)
    });
    let stakers = network.orchestrators.iter().chain(&network.delegators);
    let stakers = stakers.map(|account| {
        let facts = Bonding::getDelegatorCall {
            delegator: *account,
        };
        let facts = network.read(BONDING, facts);
        let staker = Staker {
            to: facts.delegateAddress,
            stake: facts.bondedAmount,
            fees: U256::ZERO,
            last_claim: facts.lastClaimRound,
        };
        (*account, staker)
    });
    Books {
        stakers: stakers.collect(),
        orchestrators: orchestrators.collect(),
    }
}

fn read_round(network: &Network) -> Round {
    Round {
        number: network.current_round(),
        bonded: network.read(BONDING, Bonding::getTotalBondedCall {}),
        mintable: network.read("Minter", MinterView::currentMintableTokensCall {}),
        treasury_share: network.read(BONDING, Bonding::treasuryRewardCutRateCall {}),
    }
}

fn pool_stake(network: &Network, transcoder: Address, round: U256) -> U256 {
    let pool = Bonding::getTranscoderEarningsPoolForRoundCall { transcoder, round };
    network.read(BONDING, pool).totalStake
}

fn pay(
    network: &mut Network,
    books: &mut Books,
    orchestrator: Address,
    round: &Round,
    dice: &mut Dice,
) {
    let face = U256::from(1 + dice.below(1_000_000_000_000));
    assert_eq!(network.redeem(orchestrator, face), face);
    let stake = pool_stake(network, orchestrator, round.number);
    let minted = network.read("Minter", MinterView::currentMintedTokensCall {});
    let own = books
        .orchestrators
        .get_mut(&orchestrator)
        .expect("an orchestrator");
    own.earn_fees(face, round, stake, minted)
        .expect("no overflow");
}

fn reward(
    network: &mut Network,
    books: &mut Books,
    orchestrator: Address,
    round: &Round,
    dice: &mut Dice,
) {
    let done = network.send(orchestrator, BONDING, Bonding::rewardCall {}, U256::ZERO);
    let stake = pool_stake(network, orchestrator, round.number);
    let own = books
        .orchestrators
        .get_mut(&orchestrator)
        .expect("an orchestrator");
    let split = own.reward(round, stake).expect("no overflow");
    let (mut kept, mut treasury) = (U256::ZERO, U256::ZERO);
    for log in &done.logs {
        if let Ok(event) = Bonding::Reward::decode_log(log) {
            kept = event.amount;
        }
        if let Ok(event) = Bonding::TreasuryReward::decode_log(log) {
            treasury = event.amount;
        }
    }
    assert_eq!(kept, split.commission + split.delegators);
    assert_eq!(treasury, split.treasury);
    // A new offer counts from the next round on.
    if dice.percent(30) {
        let call = Bonding::transcoderCall {
            rewardCut: U256::from(dice.below(1_000_001)),
            feeShare: U256::from(dice.below(1_000_001)),
        };
        (own.cut, own.share) = (call.rewardCut, call.feeShare);
        network.send(orchestrator, BONDING, call, U256::ZERO);
    }
}

/// A staker claims, bonds more, or unbonds a part.
fn act(network: &mut Network, books: &mut Books, account: Address, round: U256, dice: &mut Dice) {
    books.claim(account, round);
    let staker = books.stakers.get_mut(&account).expect("a staker");
    match dice.below(3) {
        0 => {
            let call = Bonding::claimEarningsCall { endRound: round };
            network.send(account, BONDING, call, U256::ZERO);
        }
        1 => {
            let amount = lpt(1) + U256::from(dice.bits());
            let call = Bonding::bondCall {
                amount,
                to: staker.to,
            };
            network.send(account, BONDING, call, U256::ZERO);
            staker.stake += amount;
        }
        _ => {
            let amount = U256::from(1 + dice.bits());
            network.send(account, BONDING, Bonding::unbondCall { amount }, U256::ZERO);
            staker.stake -= amount;
        }
    }
}

fn compare(network: &Network, books: &Books, round: U256) {
    for (account, own) in &books.orchestrators {
        let transcoder = *account;
        let pool = Bonding::getTranscoderEarningsPoolForRoundCall { transcoder, round };
        let pool = network.read(BONDING, pool);
        let found = Factors {
            reward: pool.cumulativeRewardFactor,
            fee: pool.cumulativeFeeFactor,
        };
        assert_eq!(
            found,
            own.at(round),
            "factors of {account} in round {round}"
        );
        let facts = network.read(BONDING, Bonding::getTranscoderCall { transcoder });
        assert_eq!(facts.activeCumulativeRewards, own.active_rewards);
        assert_eq!(facts.cumulativeRewards, own.rewards);
        assert_eq!(facts.cumulativeFees, own.fees);
        assert_eq!(facts.lastRewardRound, own.last_reward);
        assert_eq!(facts.lastFeeRound, own.last_fee);
    }
    for account in books.stakers.keys() {
        let found = (
            network.pending_stake(*account),
            network.pending_fees(*account),
        );
        assert_eq!(
            found,
            books.pending(*account, round),
            "{account} in round {round}"
        );
    }
}
