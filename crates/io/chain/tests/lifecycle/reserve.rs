//! What a deposit and a reserve pay, against the TicketBroker: the sums of a sender and its shares
//! are kept beside the contract, ticket by ticket, and must be equal to the wei.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use streamflow_chain::deploy::Parameters;

use crate::Broker;
use crate::dice::Dice;
use crate::network::Network;

const NETWORKS: u64 = 4;
const ROUNDS: usize = 6;
const TICKETS: usize = 14;
const BROKER: &str = "TicketBroker";

/// A sender's money, as of one round.
#[derive(Default)]
struct Funds {
    deposit: U256,
    reserve: U256,
    /// Drawn from the reserve in this round, by recipient.
    claimed: BTreeMap<Address, U256>,
}

impl Funds {
    fn claimed_by_all(&self) -> U256 {
        self.claimed.values().sum()
    }

    fn claimed_by(&self, recipient: Address) -> U256 {
        self.claimed.get(&recipient).copied().unwrap_or_default()
    }

    /// What a recipient may still draw: an equal share of the reserve as it was when the round
    /// began, with what was added since, less what it has drawn.
    fn claimable_down(&self, recipient: Address, recipients: usize) -> Option<U256> {
        let all = self.reserve.checked_add(self.claimed_by_all())?;
        let share = all.checked_div(U256::from(recipients))?;
        share.checked_sub(self.claimed_by(recipient))
    }

    /// Pays a winner: the deposit first, then the recipient's share. Gives what was paid.
    fn pay(&mut self, recipient: Address, face: U256, recipients: usize) -> U256 {
        let of_deposit = face.min(self.deposit);
        let claimable = self.claimable_down(recipient, recipients);
        let of_reserve = (face - of_deposit).min(claimable.expect("shares do not shrink here"));
        self.deposit -= of_deposit;
        self.reserve -= of_reserve;
        *self.claimed.entry(recipient).or_default() += of_reserve;
        of_deposit + of_reserve
    }
}

#[tokio::test]
async fn our_payouts_are_the_brokers_to_the_wei() {
    let (mut whole, mut part, mut nothing) = (0, 0, 0);
    for seed in 0..NETWORKS {
        let mut dice = Dice::new(seed);
        let recipients = 1 + seed as usize * 2;
        let mut network = Network::start_with(recipients, 0, Parameters::devnet()).await;
        network.join();
        let facts = network.read(BROKER, sender(&network));
        let mut funds = Funds {
            deposit: facts.sender.deposit,
            reserve: facts.reserve.fundsRemaining,
            ..Funds::default()
        };
        // Small sums, so that rounding shows.
        drain(&mut network, &mut funds);
        for _ in 0..ROUNDS {
            network.next_round();
            funds.claimed.clear();
            for _ in 0..TICKETS {
                if dice.percent(30) {
                    let deposit = U256::from(dice.below(300));
                    let reserve = U256::from(dice.below(2_000));
                    let call = Broker::fundDepositAndReserveCall { deposit, reserve };
                    network.send(network.gateway, BROKER, call, deposit + reserve);
                    (funds.deposit, funds.reserve) =
                        (funds.deposit + deposit, funds.reserve + reserve);
                }
                if (funds.deposit + funds.reserve).is_zero() {
                    // The contract refuses a ticket of a sender without any money.
                    continue;
                }
                let place = dice.below(recipients as u64) as usize;
                let recipient = network.orchestrators[place];
                let face = U256::from(dice.below(500));
                let paid = network.redeem(recipient, face);
                assert_eq!(paid, funds.pay(recipient, face, recipients), "seed {seed}");
                match () {
                    () if paid == face => whole += 1,
                    () if paid.is_zero() => nothing += 1,
                    () => part += 1,
                }
                compare(&network, &funds);
            }
        }
    }
    assert!(
        whole > 50 && part > 5 && nothing > 5,
        "{whole} whole, {part} in part, {nothing} not"
    );
}

fn sender(network: &Network) -> Broker::getSenderInfoCall {
    Broker::getSenderInfoCall {
        sender: network.gateway,
    }
}

/// Tickets that take the deposit and most of the reserve.
fn drain(network: &mut Network, funds: &mut Funds) {
    network.next_round();
    for recipient in network.orchestrators.clone() {
        let recipients = network.orchestrators.len();
        let wanted = funds.deposit + funds.reserve;
        let paid = network.redeem(recipient, wanted);
        assert_eq!(paid, funds.pay(recipient, wanted, recipients));
        compare(network, funds);
    }
}

fn compare(network: &Network, funds: &Funds) {
    let found = network.read(BROKER, sender(network));
    assert_eq!(found.sender.deposit, funds.deposit);
    assert_eq!(found.reserve.fundsRemaining, funds.reserve);
    assert_eq!(found.reserve.claimedInCurrentRound, funds.claimed_by_all());
    for recipient in &network.orchestrators {
        let (holder, claimant) = (network.gateway, *recipient);
        let call = Broker::claimableReserveCall {
            reserveHolder: holder,
            claimant,
        };
        let claimable = funds.claimable_down(claimant, network.orchestrators.len());
        assert_eq!(Some(network.read(BROKER, call)), claimable);
        let call = Broker::claimedReserveCall {
            reserveHolder: holder,
            claimant,
        };
        assert_eq!(network.read(BROKER, call), funds.claimed_by(claimant));
    }
}
