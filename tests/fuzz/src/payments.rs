//! Money under any schedule: bytes decide what is sent, delivered twice or never, which node dies
//! between which two steps, what the chain mines, forgets and reverts, and when the sender leaves.
//! After every step the invariants of money hold.
//!
//! The real code of both sides runs here with real signatures. The disk is a copy that a crash goes
//! back to; the chain is a list of states that a reorganisation cuts.

mod chain;
mod oracle;
mod recipient;
mod sender;

use streamflow_payments::Payment;

use chain::Chain;
use oracle::Oracle;
use recipient::{Crash, RecipientNode};
use sender::SenderNode;

/// Payments on their way at once.
const MAX_IN_FLIGHT: usize = 16;

/// Steps of a schedule.
const MAX_STEPS: usize = 96;

/// Deepest reorganisation: what tickets' rounds are safe from.
const MAX_DEPTH: usize = 10;

/// Runs one schedule: two bytes are one step.
pub fn schedule(bytes: &[u8]) {
    let mut world = World::new();
    for step in bytes.chunks_exact(2).take(MAX_STEPS) {
        world.step(step[0] % 16, step[1]);
        world.check();
    }
    world.quiesce();
}

struct World {
    chain: Chain,
    sender: SenderNode,
    recipient: RecipientNode,
    in_flight: Vec<Payment>,
    oracle: Oracle,
}

impl World {
    fn new() -> Self {
        let chain = Chain::new();
        let recipient = RecipientNode::new();
        let sender = SenderNode::new(recipient.offer(&chain, 0));
        Self {
            chain,
            sender,
            recipient,
            in_flight: Vec::new(),
            oracle: Oracle::default(),
        }
    }

    fn step(&mut self, action: u8, argument: u8) {
        let pick = usize::from(argument) % self.in_flight.len().max(1);
        match action {
            0 | 1 => {
                if let Some(payment) = self.sender.pay(&self.chain, argument)
                    && self.in_flight.len() < MAX_IN_FLIGHT
                {
                    self.in_flight.push(payment);
                }
            }
            2 | 3 if !self.in_flight.is_empty() => {
                let payment = self.in_flight.remove(pick);
                self.deliver(&payment, argument);
            }
            4 if !self.in_flight.is_empty() => {
                let payment = self.in_flight[pick].clone();
                self.deliver(&payment, argument);
            }
            5 if !self.in_flight.is_empty() => drop(self.in_flight.remove(pick)),
            6 => self.sender.crash(),
            7 => self.recipient.crash(),
            8 => self
                .sender
                .renew(self.recipient.try_offer(&self.chain, argument)),
            9 => self.chain.mine(usize::from(argument) % 48 + 1),
            10 => self
                .chain
                .reorganise(usize::from(argument) % MAX_DEPTH + 1, argument >= 128),
            11 => {
                let crash = Crash::of(argument);
                self.recipient
                    .redeem(&mut self.chain, &mut self.oracle, crash);
            }
            12 => self.chain.forget_transactions(argument),
            13 => self.recipient.observe(&mut self.chain, Crash::of(argument)),
            14 => self.chain.sender_acts(argument),
            _ => self.recipient.work(argument, &mut self.oracle),
        }
    }

    fn deliver(&mut self, payment: &Payment, argument: u8) {
        let crash = Crash::of(argument >> 4);
        self.recipient
            .receive(&self.chain, payment, crash, &mut self.oracle);
    }

    fn check(&self) {
        self.oracle.check(&self.chain, &self.recipient);
    }

    /// Everybody is back, the chain goes on: nothing stays open for ever.
    fn quiesce(&mut self) {
        self.recipient.crash();
        for _ in 0..12 {
            self.recipient.observe(&mut self.chain, Crash::Never);
            self.recipient
                .redeem(&mut self.chain, &mut self.oracle, Crash::Never);
            self.chain.mine(48);
            self.check();
        }
        self.recipient.observe(&mut self.chain, Crash::Never);
        self.check();
        self.oracle.check_settled(&self.recipient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schedule in which all goes well pays, wins, redeems and settles.
    #[test]
    fn an_ordinary_schedule_redeems_winners() {
        let mut world = World::new();
        for _ in 0..12 {
            world.step(0, 3);
            world.step(2, 0);
        }
        for _ in 0..3 {
            world.step(9, 47);
            world.step(13, 0);
            world.step(11, 0);
            world.check();
        }
        world.quiesce();
        assert!(world.oracle.winners() > 0);
        assert_eq!(world.chain.redeemed(), world.oracle.winners());
    }
}
