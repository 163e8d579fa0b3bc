//! Inflation of `streamflow_payments` against the Minter's, with parameters and stakes by chance.

use alloy_primitives::U256;
use streamflow_chain::deploy::Parameters;
use streamflow_payments::inflation::{Course, mintable_down, next, reward_down};

use crate::dice::Dice;
use crate::network::{Network, lpt};
use crate::{Bonding, MinterView, Token};

const MINTERS: u64 = 12;
const ROUNDS: usize = 5;

#[tokio::test]
async fn our_inflation_is_the_minters() {
    let mut moved = [0, 0, 0];
    for seed in 0..MINTERS {
        let mut dice = Dice::new(seed);
        let mut parameters = Parameters::devnet();
        let faucet = parameters.faucet.as_mut().expect("a devnet has a faucet");
        faucet.supply = lpt(1) + U256::from(dice.bits());
        parameters.inflation = U256::from(dice.below(2_000));
        parameters.inflation_change = U256::from(dice.below(1_500));
        // Two thousand of half a million LPT are bonded at first: near that, or far from it.
        parameters.target_bonding_rate = match seed % 3 {
            0 => U256::from(dice.below(1_000_000_000)),
            1 => U256::from(2_000_000 + dice.below(500_000)),
            _ => U256::ZERO,
        };
        let mut network = Network::start_with(2, 3, parameters).await;
        network.join();
        for _ in 0..ROUNDS {
            network.bond_more(
                0,
                U256::from(1 + dice.below(u64::MAX)) * U256::from(1 + dice.below(50)),
            );
            let course = Course {
                step: network.read("Minter", MinterView::inflationChangeCall {}),
                target: network.read("Minter", MinterView::targetBondingRateCall {}),
            };
            let before = network.read("Minter", MinterView::inflationCall {});
            let supply = network.read("LivepeerToken", Token::totalSupplyCall {});
            network.next_round();
            let bonded = network.read("BondingManager", Bonding::getTotalBondedCall {});
            let after = network.read("Minter", MinterView::inflationCall {});
            assert_eq!(
                next(before, course, bonded, supply),
                Some(after),
                "seed {seed}"
            );
            let mintable = network.read("Minter", MinterView::currentMintableTokensCall {});
            assert_eq!(mintable_down(after, supply), Some(mintable), "seed {seed}");
            let direction = after.cmp(&before) as i8 + 1;
            moved[usize::try_from(direction).expect("0, 1 or 2")] += 1;

            // Each orchestrator's part, as minted.
            for place in 0..2 {
                let transcoder = network.orchestrators[place];
                let round = network.current_round();
                let so_far = network.read("Minter", MinterView::currentMintedTokensCall {});
                let call = Bonding::rewardCall {};
                network.send(transcoder, "BondingManager", call, U256::ZERO);
                let minted = network.read("Minter", MinterView::currentMintedTokensCall {});
                let pool = Bonding::getTranscoderEarningsPoolForRoundCall { transcoder, round };
                let stake = network.read("BondingManager", pool).totalStake;
                assert_eq!(reward_down(mintable, stake, bonded), Some(minted - so_far));
            }
        }
    }
    assert!(moved[0] > 5 && moved[2] > 5, "down, level, up: {moved:?}");
}
