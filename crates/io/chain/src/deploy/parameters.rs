//! With what a network of contracts begins.

use alloy_primitives::{Address, FixedBytes, U256};

/// The settings of a deployment, by their names in the contracts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parameters {
    /// The commit that is registered beside each address.
    pub commit: FixedBytes<20>,
    /// An existing token; a new one is made where absent.
    pub token: Option<Address>,
    /// Who governs the Governor in the end; the deployer where absent.
    pub governance: Option<Address>,
    /// An existing cache of the supply on the other layer; a stand-in that says zero where absent.
    pub l1_supply: Option<Address>,
    /// Inflation a round, in billionths.
    pub inflation: U256,
    /// By how much inflation moves a round, in billionths.
    pub inflation_change: U256,
    /// The share of tokens that should be bonded, in billionths.
    pub target_bonding_rate: U256,
    /// Orchestrators in the active set.
    pub num_active_transcoders: U256,
    /// Rounds until unbonded stake can be withdrawn.
    pub unbonding_period: u64,
    /// The treasury's part of rewards, in 1e-27; none where absent.
    pub treasury_reward_cut_rate: Option<U256>,
    /// LPT at which the treasury takes no more, in its smallest unit; none where absent.
    pub treasury_balance_ceiling: Option<U256>,
    /// Rounds until a gateway can withdraw.
    pub unlock_period: U256,
    /// Rounds in which a ticket can be redeemed.
    pub ticket_validity_period: U256,
    /// Blocks of a round.
    pub round_length: U256,
    /// The end of a round in which rates cannot change, in millionths.
    pub round_lock_amount: U256,
    /// Rounds from proposal to vote.
    pub voting_delay: U256,
    /// Rounds of a vote.
    pub voting_period: U256,
    /// Votes needed to propose, in the smallest unit of LPT.
    pub proposal_threshold: U256,
    /// Votes needed to decide, in millionths of the stake.
    pub quorum: U256,
    /// Votes for, needed to win, in millionths.
    pub quota: U256,
    /// Seconds between queueing and executing.
    pub treasury_delay: U256,
    /// The faucet of a test network; none where absent.
    pub faucet: Option<Faucet>,
    /// Whether the system is left running. It is born paused.
    pub unpause: bool,
    /// Whether the Governor becomes the owner of the Controller at the end.
    pub hand_over: bool,
}

/// Free tokens of a test network.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Faucet {
    /// LPT for each request, in the smallest unit.
    pub request_amount: U256,
    /// Hours between two requests.
    pub request_wait_hours: U256,
    /// LPT it starts with, in the smallest unit.
    pub supply: U256,
    /// LPT the deployer gets, in the smallest unit.
    pub deployer_supply: U256,
}

/// One LPT.
fn lpt(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

impl Default for Parameters {
    /// Those of a live network.
    fn default() -> Self {
        Self {
            commit: FixedBytes::ZERO,
            token: None,
            governance: None,
            l1_supply: None,
            inflation: U256::from(218_500),
            inflation_change: U256::from(500),
            target_bonding_rate: U256::from(500_000_000),
            num_active_transcoders: U256::from(100),
            unbonding_period: 7,
            treasury_reward_cut_rate: Some(U256::from(10).pow(U256::from(26))),
            treasury_balance_ceiling: Some(lpt(750_000)),
            unlock_period: U256::from(2),
            ticket_validity_period: U256::from(2),
            round_length: U256::from(5_760),
            round_lock_amount: U256::from(100_000),
            voting_delay: U256::from(1),
            voting_period: U256::from(10),
            proposal_threshold: lpt(100),
            quorum: U256::from(333_300),
            quota: U256::from(500_000),
            treasury_delay: U256::ZERO,
            faucet: None,
            unpause: false,
            hand_over: true,
        }
    }
}

impl Parameters {
    /// Those of a network on one machine: rounds of 80 blocks, tokens for everybody, running.
    pub fn devnet() -> Self {
        Self {
            faucet: Some(Faucet {
                request_amount: lpt(10),
                request_wait_hours: U256::from(1),
                supply: lpt(6_343_700),
                deployer_supply: lpt(500_000),
            }),
            round_length: U256::from(80),
            unpause: true,
            hand_over: false,
            ..Self::default()
        }
    }

    /// What cannot work, before anything is sent.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut limit = |name: &str, value: U256, limit: u64| {
            if value > U256::from(limit) {
                problems.push(format!("{name} is {value}: it is at most {limit}"));
            }
        };
        limit("inflation", self.inflation, 1_000_000_000);
        limit("inflationChange", self.inflation_change, 1_000_000_000);
        limit("targetBondingRate", self.target_bonding_rate, 1_000_000_000);
        limit("roundLockAmount", self.round_lock_amount, 1_000_000);
        limit("quorum", self.quorum, 1_000_000);
        limit("quota", self.quota, 1_000_000);
        let mut positive = |name: &str, value: U256| {
            if value.is_zero() {
                problems.push(format!("{name} is 0: it is at least 1"));
            }
        };
        positive("roundLength", self.round_length);
        positive("ticketValidityPeriod", self.ticket_validity_period);
        positive("numActiveTranscoders", self.num_active_transcoders);
        positive("votingPeriod", self.voting_period);
        if self.round_length <= U256::from(40) {
            problems.push(format!(
                "roundLength is {}: with 40 blocks or fewer some winning tickets could never be \
                 redeemed",
                self.round_length
            ));
        }
        if self.token.is_some() && self.faucet.is_some() {
            problems.push("a faucet needs a token of its own: remove token or faucet".to_owned());
        }
        problems
    }
}
