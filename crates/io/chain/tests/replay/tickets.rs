//! Tickets: block hashes differ from chain to chain, so what hangs on them is made anew.

use alloy_primitives::{U256, hex, keccak256};
use serde_json::{Value, json};

use crate::world::World;

impl World {
    /// The arguments of a redemption, with block hash and signature of this chain.
    pub(crate) async fn renewed(&mut self, step: &Value) -> Value {
        let mut arguments = step["args"].clone();
        match step["fn"].as_str() {
            Some("redeemWinningTicket") => {
                let kind = step["ticket"]
                    .as_str()
                    .expect("redemptions say what is wrong");
                let (ticket, signature) = self.ticket(&arguments[0], kind).await;
                arguments[0] = ticket;
                arguments[1] = signature;
            }
            Some("batchRedeemWinningTickets") => {
                let tickets = arguments[0].as_array().expect("a list").clone();
                for (place, ticket) in tickets.iter().enumerate() {
                    let (ticket, signature) = self.ticket(ticket, "valid").await;
                    arguments[0][place] = ticket;
                    arguments[1][place] = signature;
                }
            }
            _ => {}
        }
        arguments
    }

    async fn ticket(&mut self, recorded: &Value, kind: &str) -> (Value, Value) {
        let mut ticket = recorded.clone();
        let recorded = recorded[6].as_str().expect("auxData is bytes").to_owned();
        let mut aux = hex::decode(&recorded).expect("hex");
        if aux.len() == 64 && kind != "wrong block hash in auxData" {
            let round = U256::from_be_slice(&aux[..32]);
            aux[32..].copy_from_slice(self.block_hash_for_round(round).await.as_slice());
            let renewed = hex::encode_prefixed(&aux);
            ticket[6] = json!(renewed);
            self.renewed_aux.insert(renewed, recorded);
        }
        let signer = match kind.strip_prefix("signed by account ") {
            Some(account) => format!("@{account}"),
            None if kind == "sender zero" => "@7".to_owned(),
            None => ticket[1].as_str().expect("a name").to_owned(),
        };
        let signature = self.sign(&signer, &self.packed(&ticket, &aux)).await;
        (ticket, signature)
    }

    /// The hash that senders sign.
    fn packed(&self, ticket: &Value, aux: &[u8]) -> [u8; 32] {
        let number = |place: usize| -> [u8; 32] {
            let text = ticket[place].as_str().expect("numbers are text");
            text.parse::<U256>().expect("a number").to_be_bytes()
        };
        let address = |place: usize| {
            let name = ticket[place].as_str().expect("a name");
            self.names.address(name)
        };
        let mut packed = Vec::new();
        packed.extend_from_slice(address(0).as_slice());
        packed.extend_from_slice(address(1).as_slice());
        for place in 2..5 {
            packed.extend_from_slice(&number(place));
        }
        let rand = ticket[5].as_str().expect("a hash");
        packed.extend_from_slice(&hex::decode(rand).expect("hex"));
        packed.extend_from_slice(aux);
        keccak256(packed).0
    }
}
