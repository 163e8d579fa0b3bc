//! The steps in their order, as the contracts need one another.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};

use super::{DeployError, Work};
use crate::contracts::{
    BondingManager, Controller, Governor, LivepeerGovernor, LivepeerToken, RoundsManager,
    TicketBroker, Treasury,
};

impl Work<'_> {
    pub(super) async fn all(&mut self) -> Result<(), DeployError> {
        let controller = self
            .create("Controller", "Controller", &[], Vec::new())
            .await?;
        self.contracts(controller).await?;
        self.staking_parameters().await?;
        self.treasury().await?;
        self.broker_parameters().await?;
        self.tokens().await?;
        self.surroundings().await?;
        self.hand_over(controller).await
    }

    async fn contracts(&mut self, controller: Address) -> Result<(), DeployError> {
        let parameters = self.parameters;
        let rates = (
            controller,
            parameters.inflation,
            parameters.inflation_change,
            parameters.target_bonding_rate,
        );
        let minter = self
            .create("Minter", "Minter", &[], rates.abi_encode_params())
            .await?;
        self.register("Minter", minter).await?;
        let token = match parameters.token {
            Some(token) => {
                self.deployment
                    .contracts
                    .insert("LivepeerToken".to_owned(), token);
                token
            }
            None => {
                self.create("LivepeerToken", "LivepeerToken", &[], Vec::new())
                    .await?
            }
        };
        self.register("LivepeerToken", token).await?;
        let broker = self.create_proxied("TicketBroker", &[]).await?;
        // The Minter knows the broker by its old name only.
        self.register("JobsManager", broker).await?;
        let list = self
            .create("SortedDoublyLL", "SortedDoublyLL", &[], Vec::new())
            .await?;
        self.create_proxied("BondingManager", &[("SortedDoublyLL", list)])
            .await?;
        self.create_proxied("BondingVotes", &[]).await?;
        self.create_proxied("RoundsManager", &[]).await?;
        self.create_proxied("ServiceRegistry", &[]).await?;
        let snapshot = controller.abi_encode();
        let snapshot = self
            .create("MerkleSnapshot", "MerkleSnapshot", &[], snapshot)
            .await?;
        self.register("MerkleSnapshot", snapshot).await?;
        self.create("Governor", "Governor", &[], Vec::new()).await?;
        let treasury = self.create("Treasury", "Treasury", &[], Vec::new()).await?;
        self.register("Treasury", treasury).await?;
        self.create_proxied("LivepeerGovernor", &[]).await?;
        Ok(())
    }

    async fn staking_parameters(&mut self) -> Result<(), DeployError> {
        let parameters = self.parameters;
        let bonding = self.address("BondingManager");
        self.ensure(
            "set unbondingPeriod",
            bonding,
            BondingManager::unbondingPeriodCall {},
            parameters.unbonding_period,
            BondingManager::setUnbondingPeriodCall {
                unbondingPeriod: parameters.unbonding_period,
            },
        )
        .await?;
        self.ensure(
            "set numActiveTranscoders",
            bonding,
            BondingManager::getTranscoderPoolMaxSizeCall {},
            parameters.num_active_transcoders,
            BondingManager::setNumActiveTranscodersCall {
                numActiveTranscoders: parameters.num_active_transcoders,
            },
        )
        .await?;
        if let Some(cut) = parameters.treasury_reward_cut_rate {
            // It counts from the next round on, so that is where it shows.
            self.ensure(
                "set treasuryRewardCutRate",
                bonding,
                BondingManager::nextRoundTreasuryRewardCutRateCall {},
                cut,
                BondingManager::setTreasuryRewardCutRateCall { cutRate: cut },
            )
            .await?;
        }
        if let Some(ceiling) = parameters.treasury_balance_ceiling {
            self.ensure(
                "set treasuryBalanceCeiling",
                bonding,
                BondingManager::treasuryBalanceCeilingCall {},
                ceiling,
                BondingManager::setTreasuryBalanceCeilingCall { ceiling },
            )
            .await?;
        }
        let rounds = self.address("RoundsManager");
        self.ensure(
            "set roundLength",
            rounds,
            RoundsManager::roundLengthCall {},
            parameters.round_length,
            RoundsManager::setRoundLengthCall {
                roundLength: parameters.round_length,
            },
        )
        .await?;
        self.ensure(
            "set roundLockAmount",
            rounds,
            RoundsManager::roundLockAmountCall {},
            parameters.round_lock_amount,
            RoundsManager::setRoundLockAmountCall {
                roundLockAmount: parameters.round_lock_amount,
            },
        )
        .await
    }

    /// Both initialisers may be called by anybody, so what is looked at afterwards is whether it
    /// was our call that counted.
    async fn treasury(&mut self) -> Result<(), DeployError> {
        let parameters = self.parameters;
        let (treasury, governor) = (self.address("Treasury"), self.address("LivepeerGovernor"));
        let deployer = self.account.address();
        let role = |name: &str| keccak256(name);
        let has = |role: B256, account: Address| Treasury::hasRoleCall { role, account };
        let granted = has(role("EXECUTOR_ROLE"), governor);
        if !self.account.read(treasury, granted).await? {
            self.ensure(
                "initialize Treasury",
                treasury,
                has(role("TIMELOCK_ADMIN_ROLE"), deployer),
                true,
                Treasury::initializeCall {
                    minDelay: parameters.treasury_delay,
                    proposers: Vec::new(),
                    executors: Vec::new(),
                    admin: deployer,
                },
            )
            .await?;
        }
        self.ensure(
            "initialize LivepeerGovernor",
            governor,
            LivepeerGovernor::quotaCall {},
            parameters.quota,
            LivepeerGovernor::initializeCall {
                initialVotingDelay: parameters.voting_delay,
                initialVotingPeriod: parameters.voting_period,
                initialProposalThreshold: parameters.proposal_threshold,
                initialQuorum: parameters.quorum,
                quota: parameters.quota,
            },
        )
        .await?;
        for name in ["PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"] {
            self.ensure(
                &format!("grant {name} to LivepeerGovernor"),
                treasury,
                has(role(name), governor),
                true,
                Treasury::grantRoleCall {
                    role: role(name),
                    account: governor,
                },
            )
            .await?;
        }
        let admin = role("TIMELOCK_ADMIN_ROLE");
        self.ensure(
            "renounce TIMELOCK_ADMIN_ROLE",
            treasury,
            has(admin, deployer),
            false,
            Treasury::renounceRoleCall {
                role: admin,
                account: deployer,
            },
        )
        .await
    }

    async fn broker_parameters(&mut self) -> Result<(), DeployError> {
        let parameters = self.parameters;
        let broker = self.address("TicketBroker");
        self.ensure(
            "set unlockPeriod",
            broker,
            TicketBroker::unlockPeriodCall {},
            parameters.unlock_period,
            TicketBroker::setUnlockPeriodCall {
                unlockPeriod: parameters.unlock_period,
            },
        )
        .await?;
        self.ensure(
            "set ticketValidityPeriod",
            broker,
            TicketBroker::ticketValidityPeriodCall {},
            parameters.ticket_validity_period,
            TicketBroker::setTicketValidityPeriodCall {
                ticketValidityPeriod: parameters.ticket_validity_period,
            },
        )
        .await
    }

    async fn tokens(&mut self) -> Result<(), DeployError> {
        let token = self.address("LivepeerToken");
        let deployer = self.account.address();
        if let Some(faucet) = &self.parameters.faucet {
            let arguments = (token, faucet.request_amount, faucet.request_wait_hours);
            let arguments = arguments.abi_encode_params();
            let name = "LivepeerTokenFaucet";
            let address = self.create(name, name, &[], arguments).await?;
            self.register(name, address).await?;
            self.mint("the faucet", address, faucet.supply).await?;
            self.mint("the deployer", deployer, faucet.deployer_supply)
                .await?;
            self.minting("the deployer", deployer, false).await?;
        }
        let minter = self.address("Minter");
        self.minting("Minter", minter, true).await
    }

    /// Gives an account its first tokens, once.
    async fn mint(&mut self, whose: &str, to: Address, amount: U256) -> Result<(), DeployError> {
        let token = self.address("LivepeerToken");
        let balance = LivepeerToken::balanceOfCall { account: to };
        let step = format!("mint LPT for {whose}");
        let held: U256 = self.account.read(token, balance.clone()).await?;
        if !held.is_zero() {
            self.done(step, None, None);
            return Ok(());
        }
        let deployer = self.account.address();
        self.minting("the deployer", deployer, true).await?;
        let call = LivepeerToken::mintCall { to, amount };
        self.ensure(&step, token, balance, amount, call).await
    }

    /// Lets an account mint, or no longer.
    async fn minting(
        &mut self,
        whose: &str,
        account: Address,
        allowed: bool,
    ) -> Result<(), DeployError> {
        let token = self.address("LivepeerToken");
        let role = keccak256("MINTER_ROLE");
        let view = LivepeerToken::hasRoleCall { role, account };
        if allowed {
            let call = LivepeerToken::grantRoleCall { role, account };
            let step = format!("grant MINTER_ROLE to {whose}");
            self.ensure(&step, token, view, true, call).await
        } else {
            let call = LivepeerToken::revokeRoleCall { role, account };
            let step = format!("revoke MINTER_ROLE of {whose}");
            self.ensure(&step, token, view, false, call).await
        }
    }

    /// What stands beside the core: polls, and the supply on the other layer.
    async fn surroundings(&mut self) -> Result<(), DeployError> {
        let bonding = self.address("BondingManager").abi_encode();
        self.create("PollCreator", "PollCreator", &[], bonding)
            .await?;
        let name = "L2LPTDataCache";
        let cache = match self.parameters.l1_supply {
            Some(cache) => {
                self.deployment.contracts.insert(name.to_owned(), cache);
                cache
            }
            None => {
                self.create(name, "DummyL2LPTDataCache", &[], Vec::new())
                    .await?
            }
        };
        self.register(name, cache).await
    }

    async fn hand_over(&mut self, controller: Address) -> Result<(), DeployError> {
        if self.parameters.unpause {
            self.ensure(
                "unpause",
                controller,
                Controller::pausedCall {},
                false,
                Controller::unpauseCall {},
            )
            .await?;
        }
        if let Some(governance) = self.parameters.governance {
            self.govern(governance).await?;
        }
        if self.parameters.hand_over {
            let governor = self.address("Governor");
            self.ensure(
                "transfer the Controller to the Governor",
                controller,
                Controller::ownerCall {},
                governor,
                Controller::transferOwnershipCall { newOwner: governor },
            )
            .await?;
        }
        Ok(())
    }

    /// Gives the Governor to others, which only the Governor itself can do.
    async fn govern(&mut self, governance: Address) -> Result<(), DeployError> {
        let governor = self.address("Governor");
        let owner = Governor::ownerCall {};
        if self.account.read(governor, owner.clone()).await? == governance {
            return Ok(());
        }
        let transfer = Governor::transferOwnershipCall {
            newOwner: governance,
        };
        let update = Governor::Update {
            target: vec![governor],
            value: vec![U256::ZERO],
            data: vec![transfer.abi_encode().into()],
            nonce: U256::ZERO,
        };
        let stage = Governor::stageCall {
            update: update.clone(),
            delay: U256::ZERO,
        };
        let staged = Governor::updatesCall {
            updateHash: keccak256(update.abi_encode()),
        };
        if self.account.read(governor, staged).await?.is_zero() {
            let step = "stage the Governor's new owner";
            let spent = self
                .send(step, Some(governor), stage.abi_encode().into())
                .await?;
            self.done(step.to_owned(), None, Some(spent));
        }
        let execute = Governor::executeCall { update };
        self.ensure(
            "give the Governor to its owner",
            governor,
            owner,
            governance,
            execute,
        )
        .await
    }
}
