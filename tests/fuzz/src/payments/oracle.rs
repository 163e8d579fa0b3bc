//! What has to be true of money, kept apart from the code that moves it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, U256};
use streamflow_payments::outbox::{FINAL_BLOCKS, Proof, State};
use streamflow_payments::{Account, Amount, Payment, Receipt, SenderFunds, Winner};
use streamflow_types::Pixels;

use super::chain::Chain;
use super::recipient::{PRICE, RecipientNode, account_key};

#[derive(Default)]
pub(super) struct Oracle {
    /// Numbers that were handed to anybody, by hash.
    revealed: BTreeSet<B256>,
    /// Numbers of tickets that were credited for good.
    credited: BTreeSet<(B256, u32)>,
    /// Winners whose payment was acknowledged.
    acknowledged: BTreeMap<B256, Winner>,
    balance: Amount,
}

impl Oracle {
    #[cfg(test)]
    pub(super) fn winners(&self) -> usize {
        self.acknowledged.len()
    }

    /// M7: nothing is taken for a number that is public.
    pub(super) fn judged(&self, payment: &Payment, receipt: &Receipt) {
        let Some(batch) = &payment.batch else { return };
        if receipt.good > 0 || !receipt.winners.is_empty() {
            let hash = batch.params.recipient_rand_hash;
            assert!(
                !self.revealed.contains(&hash),
                "M7: taken for a public number"
            );
            assert_eq!(payment.expected_price, PRICE, "M12: taken at another price");
        }
        assert!(
            receipt.good as usize <= receipt.taken.len(),
            "M6: credited without a number"
        );
    }

    /// M6: each number counts once, whoever dies.
    pub(super) fn stored(&mut self, payment: &Payment, receipt: &Receipt) {
        let Some(batch) = &payment.batch else { return };
        let hash = batch.params.recipient_rand_hash;
        for nonce in &receipt.taken {
            assert!(
                self.credited.insert((hash, *nonce)),
                "M6: {nonce} is taken twice"
            );
        }
        let worth = Amount::of_ticket(batch.params.face_value, batch.params.win_prob);
        self.balance += &worth.times(u64::from(receipt.good));
    }

    /// M5: what rides on the sender is covered when the last of it is taken.
    pub(super) fn acknowledged(&mut self, receipt: &Receipt, funds: &SenderFunds, pending: U256) {
        if receipt.winners.is_empty() {
            return;
        }
        for winner in &receipt.winners {
            self.acknowledged.insert(winner.ticket.hash(), *winner);
        }
        let share = U256::try_from(funds.allocation()).unwrap_or_default();
        let covered = share + funds.deposit / U256::from(3);
        assert!(pending <= covered, "M5: {pending} ride on {covered}");
    }

    pub(super) fn revealed(&mut self, winner: &Winner) {
        self.revealed.insert(winner.ticket.recipient_rand_hash);
    }

    /// M12, M5: work is charged at the recorded price, and begins only when it is paid.
    pub(super) fn worked(&mut self, work: Pixels, account: Option<&Account>) {
        let account = account.expect("work has an account");
        let fee = Amount::of_work(work, PRICE);
        assert!(self.balance >= fee, "M5: unpaid work");
        assert_eq!(account.price(), Some(PRICE), "M12");
        self.balance -= &fee;
    }

    pub(super) fn check(&self, chain: &Chain, node: &RecipientNode) {
        chain.check();
        let balance = node
            .books
            .account(&account_key())
            .map(|account| account.balance().clone());
        assert_eq!(
            balance.unwrap_or_default(),
            self.balance,
            "the books are wrong"
        );
        for hash in self.acknowledged.keys() {
            let row = node.disk.rows.get(hash);
            let state = row.map(|row| row.state);
            match state {
                None => panic!("M1: {hash} is lost"),
                Some(State::Final(block)) => {
                    assert_eq!(
                        chain.used_in(*hash),
                        Some(block),
                        "M1: {hash} is not redeemed"
                    );
                    assert!(
                        block + FINAL_BLOCKS <= chain.head() + 10,
                        "M10: final too early"
                    );
                }
                Some(State::Dead(Proof::RoundOver { round })) => {
                    assert_eq!(chain.used_in(*hash), None, "M1: {hash} is redeemed");
                    let last = row.map_or(0, streamflow_payments::outbox::Row::last_round);
                    assert!(
                        last < round && round <= chain.round(),
                        "M1: {hash} is not over"
                    );
                }
                Some(State::Dead(proof)) => panic!("M1: {hash} cannot be dead of {proof:?}"),
                Some(_) => {}
            }
        }
    }

    /// With the chain going on, every winner ends.
    pub(super) fn check_settled(&self, node: &RecipientNode) {
        for hash in self.acknowledged.keys() {
            let state = node.disk.rows.get(hash).map(|row| row.state);
            let is_settled = matches!(state, Some(State::Final(_) | State::Dead(_)));
            assert!(is_settled, "M1: {hash} never ends: {state:?}");
        }
    }
}
