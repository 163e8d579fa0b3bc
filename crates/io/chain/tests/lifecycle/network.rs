//! A network of stakers on the embedded chain, and the books that must balance.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use streamflow_chain::Account;
use streamflow_chain::contracts::RoundsManager;
use streamflow_chain::deploy::{Deployment, Forgotten, Parameters, deploy};
use streamflow_devchain::{
    BlockId, Call, Chain, InProcess, Mined, Mining, Node, Settings, Unsigned,
};
use streamflow_runtime::SystemClock;

use crate::{Bonding, Broker, MinterView, Token, Votes};

/// Gas for a transaction: nothing here needs more.
const GAS: u64 = 3_000_000;

/// Blocks of a round: each transaction takes one, and the last tenth is locked.
const ROUND: u64 = 2_000;

/// A staker's answer may be off by one wei for each round it was not claimed, twice: once for the
/// factor, once for the stake.
const DUST_A_ROUND: u64 = 2;

/// Some LPT in its smallest unit.
pub(crate) fn lpt(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

pub(crate) struct Network {
    node: Node,
    deployment: Deployment,
    owner: Address,
    pub(crate) orchestrators: Vec<Address>,
    pub(crate) delegators: Vec<Address>,
    pub(crate) gateway: Address,
    rounds: u64,
    nonce: u64,
    supply_before: U256,
    tickets: U256,
    withdrawn_fees: U256,
}

impl Network {
    /// The protocol with actors that hold LPT and have approved it.
    pub(crate) async fn start(orchestrators: usize, delegators: usize) -> Self {
        Self::start_with(orchestrators, delegators, Parameters::devnet()).await
    }

    /// The same with other parameters, but for the length of rounds.
    pub(crate) async fn start_with(
        orchestrators: usize,
        delegators: usize,
        parameters: Parameters,
    ) -> Self {
        let keys: Vec<B256> = (0..orchestrators + delegators + 2)
            .map(|place| keccak256(place.to_be_bytes()))
            .collect();
        let settings = Settings::with_keys(keys.clone(), lpt(1_000)).expect("hashes are keys");
        let chain = Chain::new(settings);
        let node = Node::new(chain, Mining::Automatic, Arc::new(SystemClock));
        let actors = node.with(|chain| chain.accounts());
        let signer = PrivateKeySigner::from_bytes(&keys[0]).expect("a key");
        let client = RpcClient::new(InProcess::new(node.clone()), true);
        let parameters = Parameters {
            round_length: U256::from(ROUND),
            ..parameters
        };
        let owner = Account::new(client, signer);
        let deployment = deploy(&owner, &parameters, None, &mut Forgotten, &mut |_| {}).await;
        let (stakers, rest) = (&actors[2..], &actors[..2]);
        let mut network = Self {
            node,
            deployment: deployment.expect("the protocol can be deployed"),
            owner: rest[0],
            gateway: rest[1],
            orchestrators: stakers[..orchestrators].to_vec(),
            delegators: stakers[orchestrators..].to_vec(),
            rounds: 0,
            nonce: 0,
            supply_before: U256::ZERO,
            tickets: U256::ZERO,
            withdrawn_fees: U256::ZERO,
        };
        let spender = network.address("BondingManager");
        for staker in stakers {
            let call = Token::transferCall {
                to: *staker,
                amount: lpt(1_500),
            };
            network.owner_sends("LivepeerToken", call);
            let call = Token::approveCall {
                spender,
                amount: U256::MAX,
            };
            network.send(*staker, "LivepeerToken", call, U256::ZERO);
        }
        network.supply_before = network.read("LivepeerToken", Token::totalSupplyCall {});
        network
    }

    /// Everybody bonds odd amounts; the gateway funds what it will pay.
    pub(crate) fn join(&mut self) {
        self.next_round();
        for (place, orchestrator) in self.orchestrators.clone().into_iter().enumerate() {
            let amount = lpt(500) + U256::from(place * 1_000_000_007 + 1);
            let call = Bonding::bondCall {
                amount,
                to: orchestrator,
            };
            self.send(orchestrator, "BondingManager", call, U256::ZERO);
            let call = Bonding::transcoderCall {
                rewardCut: U256::from(100_000 + place),
                feeShare: U256::from(500_000 - place),
            };
            self.send(orchestrator, "BondingManager", call, U256::ZERO);
        }
        for (place, delegator) in self.delegators.clone().into_iter().enumerate() {
            let to = self.orchestrators[place * 7 % self.orchestrators.len()];
            let amount = lpt(100) + U256::from(place * 999_999_937);
            let call = Bonding::bondCall { amount, to };
            self.send(delegator, "BondingManager", call, U256::ZERO);
        }
        let (deposit, reserve) = (lpt(10), lpt(10));
        let call = Broker::fundDepositAndReserveCall { deposit, reserve };
        self.send(self.gateway, "TicketBroker", call, deposit + reserve);
    }

    pub(crate) fn next_round(&mut self) {
        let head = self.node.with(|chain| chain.head_block().number());
        let start = (head / ROUND + 1) * ROUND;
        self.node.with(|chain| chain.mine_many(start - head, 1, 0));
        self.owner_sends("RoundsManager", RoundsManager::initializeRoundCall {});
        self.rounds += 1;
    }

    /// An orchestrator gets this much LPT from the owner and bonds it.
    pub(crate) fn bond_more(&mut self, place: usize, amount: U256) {
        let to = self.orchestrators[place];
        self.owner_sends("LivepeerToken", Token::transferCall { to, amount });
        let call = Bonding::bondCall { amount, to };
        self.send(to, "BondingManager", call, U256::ZERO);
    }

    /// An orchestrator unbonds.
    pub(crate) fn unbond(&mut self, place: usize, amount: U256) {
        let call = Bonding::unbondCall { amount };
        self.send(
            self.orchestrators[place],
            "BondingManager",
            call,
            U256::ZERO,
        );
    }

    /// Every active orchestrator but each tenth calls its reward; gives what was minted.
    pub(crate) fn call_rewards(&mut self) -> U256 {
        let mut minted = U256::ZERO;
        for (place, orchestrator) in self.orchestrators.clone().into_iter().enumerate() {
            if place % 10 == 9 {
                continue;
            }
            let done = self.send(
                orchestrator,
                "BondingManager",
                Bonding::rewardCall {},
                U256::ZERO,
            );
            for log in &done.logs {
                if let Ok(event) = Bonding::Reward::decode_log(log) {
                    minted += event.amount;
                }
                if let Ok(event) = Bonding::TreasuryReward::decode_log(log) {
                    minted += event.amount;
                }
            }
        }
        let counted = self.read("Minter", MinterView::currentMintedTokensCall {});
        let mintable = self.read("Minter", MinterView::currentMintableTokensCall {});
        assert!(counted <= mintable, "{counted} minted of {mintable}");
        assert!(minted > U256::ZERO);
        minted
    }

    /// The gateway's tickets win, `count` of them, each worth `face` wei.
    pub(crate) fn redeem_tickets(&mut self, count: usize, face: U256) {
        for place in 0..count {
            let recipient = self.orchestrators[place * 3 % self.orchestrators.len()];
            assert_eq!(self.redeem(recipient, face), face);
        }
    }

    /// A ticket of the gateway wins; gives what is paid of it.
    pub(crate) fn redeem(&mut self, recipient: Address, face: U256) -> U256 {
        self.nonce += 1;
        let rand = U256::from(self.nonce);
        let ticket = Broker::Ticket {
            recipient,
            sender: self.gateway,
            faceValue: face,
            winProb: U256::MAX,
            senderNonce: U256::from(self.nonce),
            recipientRandHash: keccak256(rand.to_be_bytes::<32>()),
            auxData: self.creation().abi_encode().into(),
        };
        let hash = self.read(
            "TicketBroker",
            Broker::getTicketHashCall {
                ticket: ticket.clone(),
            },
        );
        let signed = self
            .node
            .with(|chain| chain.sign(self.gateway, hash.as_slice()));
        let sig = signed.expect("the chain has the key").as_bytes();
        let call = Broker::redeemWinningTicketCall {
            sig: Bytes::copy_from_slice(&sig),
            recipientRand: rand,
            ticket,
        };
        let done = self.send(self.owner, "TicketBroker", call, U256::ZERO);
        let paid = done.logs.iter().filter_map(|log| {
            let event = Broker::WinningTicketTransfer::decode_log(log).ok()?;
            Some(event.amount)
        });
        let paid: U256 = paid.sum();
        self.tickets += paid;
        paid
    }

    /// The round of now and the hash it is known by.
    pub(crate) fn creation(&self) -> (U256, B256) {
        let round = self.current_round();
        let hash = self.read(
            "RoundsManager",
            RoundsManager::blockHashForRoundCall { round },
        );
        (round, hash)
    }

    /// Some delegators claim, some take their fees.
    pub(crate) fn claim_some(&mut self, round: usize) {
        let now = self.current_round();
        for (place, delegator) in self.delegators.clone().into_iter().enumerate() {
            // Whose orchestrator has not called its reward yet cannot be made to claim; by itself
            // it can.
            if place % 5 == round % 5 {
                let call = Bonding::claimEarningsCall { endRound: now };
                self.send(delegator, "BondingManager", call, U256::ZERO);
            }
            if place % 11 == round % 11 {
                let fees = self.pending_fees(delegator);
                if !fees.is_zero() {
                    let call = Bonding::withdrawFeesCall {
                        recipient: delegator,
                        amount: fees,
                    };
                    self.send(delegator, "BondingManager", call, U256::ZERO);
                    self.withdrawn_fees += fees;
                }
            }
        }
    }

    /// Some unbond, all or a part.
    pub(crate) fn leave_some(&mut self) {
        for (place, delegator) in self.delegators.clone().into_iter().enumerate() {
            if place % 4 == 0 {
                let stake = self.pending_stake(delegator);
                let amount = if place % 8 == 0 {
                    stake
                } else {
                    stake / U256::from(3)
                };
                let call = Bonding::unbondCall { amount };
                self.send(delegator, "BondingManager", call, U256::ZERO);
            }
        }
    }

    /// The supply grew by exactly what rewards say.
    pub(crate) fn check_supply(&self, rewarded: U256) {
        let supply = self.read("LivepeerToken", Token::totalSupplyCall {});
        assert_eq!(supply, self.supply_before + rewarded);
    }

    /// What stakers can have is what their orchestrators hold, but for bounded dust that stays.
    pub(crate) fn check_stakes(&self) {
        let stakers = self.orchestrators.iter().chain(&self.delegators);
        let claimable: U256 = stakers.map(|staker| self.pending_stake(*staker)).sum();
        let held: U256 = self
            .orchestrators
            .iter()
            .map(|transcoder| {
                let transcoder = *transcoder;
                self.read(
                    "BondingManager",
                    Bonding::transcoderTotalStakeCall { transcoder },
                )
            })
            .sum();
        let dust = held
            .checked_sub(claimable)
            .expect("nobody can claim what is not there");
        assert!(dust <= self.dust_bound(), "{dust} of dust");
    }

    /// Fees of all tickets are with stakers or were withdrawn, but for dust that stays.
    pub(crate) fn check_fees(&self) {
        let stakers = self.orchestrators.iter().chain(&self.delegators);
        let claimable: U256 = stakers.map(|staker| self.pending_fees(*staker)).sum();
        let known = claimable + self.withdrawn_fees;
        let dust = self
            .tickets
            .checked_sub(known)
            .expect("nobody gets what nobody paid");
        // In a round after one without a reward call the protocol reckons the factor of that round
        // from an estimate, which pays a little less than came in and never more. It stays here.
        let bound = self.dust_bound() + self.tickets / U256::from(100);
        assert!(dust <= bound, "{dust} wei of dust in {}", self.tickets);
        let minter = self.address("Minter");
        let balance = self
            .node
            .with(|chain| chain.balance(minter, BlockId::Latest));
        let kept = balance.expect("the head is kept");
        assert_eq!(kept, lpt(20) - self.withdrawn_fees);
    }

    /// The pool is sorted, complete, and its sum is what the next round counts.
    pub(crate) fn check_pool(&self) {
        let bonding = "BondingManager";
        let size = self.read(bonding, Bonding::getTranscoderPoolSizeCall {});
        assert_eq!(size, U256::from(self.orchestrators.len()));
        let mut next = self.read(bonding, Bonding::getFirstTranscoderInPoolCall {});
        let (mut seen, mut sum, mut last) = (U256::ZERO, U256::ZERO, U256::MAX);
        while next != Address::ZERO {
            let transcoder = next;
            let stake = self.read(bonding, Bonding::transcoderTotalStakeCall { transcoder });
            assert!(stake <= last, "the pool is sorted");
            (seen, sum, last) = (seen + U256::from(1), sum + stake, stake);
            next = self.read(bonding, Bonding::getNextTranscoderInPoolCall { transcoder });
        }
        assert_eq!(seen, size);
        assert_eq!(
            sum,
            self.read(bonding, Bonding::nextRoundTotalActiveStakeCall {})
        );
    }

    /// Votes of orchestrators add up to the supply of votes, round by round.
    pub(crate) fn check_votes(&self) {
        let round = self.current_round() - U256::from(1);
        let total = self.read("BondingVotes", Votes::getPastTotalSupplyCall { round });
        let votes = self.orchestrators.iter().map(|account| {
            let account = *account;
            self.read("BondingVotes", Votes::getPastVotesCall { account, round })
        });
        let votes: U256 = votes.sum();
        // Everybody is active here, so nobody votes whose stake the supply leaves out.
        if self.rounds > 2 {
            assert_eq!(votes, total, "of round {round}");
        }
    }

    fn dust_bound(&self) -> U256 {
        let stakers = self.orchestrators.len() + self.delegators.len();
        U256::from(stakers as u64 * (self.rounds + 1) * DUST_A_ROUND) + self.tickets_bound()
    }

    /// Each ticket is cut once on its way to the delegators of its orchestrator.
    fn tickets_bound(&self) -> U256 {
        U256::from(self.nonce * 2)
    }

    pub(crate) fn pending_stake(&self, delegator: Address) -> U256 {
        let end = U256::ZERO;
        self.read(
            "BondingManager",
            Bonding::pendingStakeCall {
                delegator,
                endRound: end,
            },
        )
    }

    pub(crate) fn pending_fees(&self, delegator: Address) -> U256 {
        let end = U256::ZERO;
        self.read(
            "BondingManager",
            Bonding::pendingFeesCall {
                delegator,
                endRound: end,
            },
        )
    }

    pub(crate) fn current_round(&self) -> U256 {
        self.read("RoundsManager", RoundsManager::currentRoundCall {})
    }

    pub(crate) fn owner_sends(&mut self, contract: &str, call: impl SolCall) -> Mined {
        self.send(self.owner, contract, call, U256::ZERO)
    }

    pub(crate) fn send(
        &mut self,
        from: Address,
        contract: &str,
        call: impl SolCall,
        value: U256,
    ) -> Mined {
        let unsigned = Unsigned {
            call: Call {
                from,
                to: Some(self.address(contract)),
                gas: Some(GAS),
                input: call.abi_encode().into(),
                value,
                ..Call::default()
            },
            ..Unsigned::default()
        };
        let asked = unsigned.call.clone();
        let hash = self.node.send(|chain| chain.send_unsigned(unsigned, 0));
        let hash = hash.unwrap_or_else(|error| panic!("{contract}: {error}"));
        let mined = self
            .node
            .with(|chain| chain.receipt(hash))
            .expect("it was mined");
        if !mined.success {
            let reason = self
                .node
                .with(|chain| chain.call(&asked, BlockId::Latest, 0));
            panic!(
                "{contract}: {:?}",
                reason.err().map(|error| error.to_string())
            );
        }
        mined
    }

    pub(crate) fn read<C: SolCall>(&self, contract: &str, call: C) -> C::Return {
        let answer = self.call(contract, call);
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", C::SIGNATURE));
        C::abi_decode_returns(&answer).expect("contracts answer by their ABI")
    }

    /// What a call answers, or why it reverts.
    pub(crate) fn call(&self, contract: &str, call: impl SolCall) -> Result<Bytes, String> {
        let call = Call {
            to: Some(self.address(contract)),
            input: call.abi_encode().into(),
            ..Call::default()
        };
        let answer = self
            .node
            .with(|chain| chain.call(&call, BlockId::Latest, 0));
        answer.map_err(|error| error.to_string())
    }

    fn address(&self, name: &str) -> Address {
        self.deployment.contract(name).expect("it was deployed")
    }
}
