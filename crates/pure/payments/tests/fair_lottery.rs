//! A million tickets at three chances: as many win as should, and the books hold to the fraction of
//! a wei what they are worth.

use std::time::Duration;

use alloy_primitives::{B256, U256, Uint, keccak256};
use streamflow_payments::{Amount, Books, CreationRound, QuoteSettings, Ticket, WinProb};
use streamflow_types::{Address, PricePerPixel};
use streamflow_wire::signature::SIGNATURE_BYTES;

/// Tickets of one payment.
const BATCH: u32 = 20;

/// Face value over expected value, and tickets at that chance.
const CHANCES: [(u64, u32); 3] = [(2, 100_000), (1_000, 400_000), (10_000, 500_000)];

#[test]
fn as_many_win_as_should_and_all_are_credited() {
    assert_eq!(
        CHANCES.iter().map(|(_, tickets)| tickets).sum::<u32>(),
        1_000_000
    );
    let key = (Address::new([1; 20]), String::from("f1405ced"));
    let price = PricePerPixel::new(1, 1.try_into().expect("not zero"));
    let mut books = Books::default();
    // The same sum in plain integers: face value × chance, over 2²⁵⁶ − 1.
    let mut numerator = Uint::<512, 8>::ZERO;
    for (factor, count) in CHANCES {
        let settings = QuoteSettings::default();
        // Not a multiple of what is required, so that the worth is no whole number.
        let face = settings.required_ev * U256::from(factor) + U256::from(7);
        let chance = settings.win_prob(face);
        let wins = play(factor, count, face, chance, |worth| {
            books
                .credit(Duration::ZERO, key.clone(), worth, price)
                .expect("an account");
        });
        numerator += face.widening_mul::<256, 4, 512, 8>(chance.0) * Uint::<512, 8>::from(count);
        let p = 1.0 / factor as f64;
        let expected = f64::from(count) * p;
        let sigma = (expected * (1.0 - p)).sqrt();
        assert!(expected >= 30.0);
        println!("1 in {factor}: {wins} of {count} won, {expected} expected, sigma {sigma:.1}");
        assert!(
            (f64::from(wins) - expected).abs() <= 4.0 * sigma,
            "{wins} of {count}"
        );
    }
    let exact: Amount = format!("{numerator}/{}", U256::MAX)
        .parse()
        .expect("a fraction");
    assert_eq!(books.account(&key).expect("credited").balance(), &exact);
}

/// Draws tickets; what stands for their signatures is as evenly spread as signatures are.
fn play(
    salt: u64,
    count: u32,
    face_value: U256,
    win_prob: WinProb,
    mut credit: impl FnMut(&Amount),
) -> u32 {
    let mut wins = 0;
    let rand = U256::from_be_bytes(keccak256(salt.to_be_bytes()).0);
    let mut signature = [27u8; SIGNATURE_BYTES];
    for sender_nonce in 1..=count {
        let ticket = Ticket {
            recipient: Address::new([2; 20]),
            sender: Address::new([1; 20]),
            face_value,
            win_prob,
            sender_nonce,
            recipient_rand_hash: B256::ZERO,
            creation: CreationRound {
                round: salt,
                block_hash: B256::repeat_byte(3),
            },
        };
        signature[..32].copy_from_slice(ticket.hash().as_slice());
        wins += u32::from(ticket.wins(&signature, rand));
        if sender_nonce % BATCH == 0 {
            credit(&ticket.value().times(u64::from(BATCH)));
        }
    }
    wins
}
