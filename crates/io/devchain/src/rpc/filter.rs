//! Which events a client wants, and what it has not seen of them.

use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{RpcError, parameters, view};
use crate::block::Block;
use crate::chain::{BlockId, Chain};
use crate::events::Event;

/// Logs in one answer at most. Clients that ask for more are told to ask for fewer blocks.
const LOGS: usize = 10_000;

/// Addresses or topics in one position at most.
const ALTERNATIVES: usize = 1_000;

/// Which logs are meant, whatever the blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFilter {
    /// Any of these; empty means any at all.
    addresses: Vec<Address>,
    /// By position: any of these; empty means any at all.
    topics: Vec<Vec<B256>>,
}

/// Which blocks are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    from: BlockId,
    to: BlockId,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn list(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    address: Option<OneOrMany<Address>>,
    topics: Option<Vec<Option<OneOrMany<B256>>>>,
    from_block: Option<Value>,
    to_block: Option<Value>,
    block_hash: Option<B256>,
}

impl LogFilter {
    /// Reads the filter object of `eth_getLogs` and its relatives.
    pub(crate) fn read(value: &Value, place: usize) -> Result<(Self, Span), RpcError> {
        let refuse = |reason: &str| RpcError::parameter(place, "filter", reason);
        let fields = Fields::deserialize(value).map_err(|error| refuse(&error.to_string()))?;
        let topics = fields.topics.unwrap_or_default();
        if topics.len() > 4 {
            return Err(refuse("an event has 4 topics at most"));
        }
        let filter = Self {
            addresses: fields.address.map_or_else(Vec::new, OneOrMany::list),
            topics: topics
                .into_iter()
                .map(|position| position.map_or_else(Vec::new, OneOrMany::list))
                .collect(),
        };
        let positions = std::iter::once(filter.addresses.len());
        let mut positions = positions.chain(filter.topics.iter().map(Vec::len));
        if positions.any(|length| length > ALTERNATIVES) {
            let reason = format!("{ALTERNATIVES} addresses or topics at most in one position");
            return Err(refuse(&reason));
        }
        let read = |block: Option<Value>| {
            block
                .filter(|block| !block.is_null())
                .map_or(Ok(BlockId::Latest), |block: Value| {
                    parameters::block(&block, place)
                })
        };
        let span = match fields.block_hash {
            Some(_) if fields.from_block.is_some() || fields.to_block.is_some() => {
                return Err(refuse("blockHash excludes fromBlock and toBlock"));
            }
            Some(hash) => Span {
                from: BlockId::Hash(hash),
                to: BlockId::Hash(hash),
            },
            None => Span {
                from: read(fields.from_block)?,
                to: read(fields.to_block)?,
            },
        };
        Ok((filter, span))
    }

    /// The logs of some blocks.
    pub(crate) fn search(&self, chain: &Chain, span: Span) -> Result<Vec<Value>, RpcError> {
        let unknown = || RpcError::server("unknown block");
        let from = match span.from {
            BlockId::Number(number) => number,
            other => chain.number(other).ok_or_else(unknown)?,
        };
        let head = chain.head_block().number();
        let to = match span.to {
            BlockId::Number(number) => number.min(head),
            other => chain.number(other).ok_or_else(unknown)?,
        };
        let mut found = Vec::new();
        for number in from..=to {
            let Some(block) = chain.block(BlockId::Number(number)) else {
                continue;
            };
            self.collect(&block, false, &mut found);
            if found.len() > LOGS {
                let text = format!("query returned more than {LOGS} results");
                return Err(RpcError::limit(text));
            }
        }
        Ok(found)
    }

    /// Adds the logs of a block.
    pub(crate) fn collect(&self, block: &Block, removed: bool, found: &mut Vec<Value>) {
        if !self.may_be_in(&block.header.logs_bloom) {
            return;
        }
        for place in 0..block.transactions.len() {
            let logs = &block.transactions[place].logs;
            let views = view::logs_of(block, place, removed);
            let wanted = logs.iter().zip(views).filter(|(log, _)| self.matches(log));
            found.extend(wanted.map(|(_, view)| view));
        }
    }

    fn matches(&self, log: &Log) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        let topics = log.data.topics();
        address
            && self.topics.iter().enumerate().all(|(place, wanted)| {
                wanted.is_empty()
                    || topics
                        .get(place)
                        .is_some_and(|topic| wanted.contains(topic))
            })
    }

    fn may_be_in(&self, bloom: &Bloom) -> bool {
        let has = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        let address = self.addresses.is_empty()
            || self.addresses.iter().any(|address| has(address.as_slice()));
        address
            && self
                .topics
                .iter()
                .all(|wanted| wanted.is_empty() || wanted.iter().any(|topic| has(topic.as_slice())))
    }
}

/// What a filter or subscription follows.
#[derive(Debug, Clone)]
pub(crate) enum Topic {
    Heads,
    /// Hashes of blocks, as filters give them.
    Blocks,
    Logs(LogFilter),
    Waiting,
}

impl Topic {
    /// What the events since number `from` hold, and the number to go on from. `None` where the
    /// reader was too slow.
    pub(crate) fn since(&self, chain: &Chain, from: u64) -> Option<(Vec<Value>, u64)> {
        let events = chain.events();
        let mut found = Vec::new();
        for event in events.since(from)? {
            match (self, event) {
                (Self::Heads, Event::Mined(block)) => found.push(view::header(block)),
                (Self::Blocks, Event::Mined(block)) => found.push(json!(block.hash)),
                (Self::Logs(filter), Event::Mined(block)) => {
                    filter.collect(block, false, &mut found);
                }
                (Self::Logs(filter), Event::Removed(block)) => {
                    filter.collect(block, true, &mut found);
                }
                (Self::Waiting, Event::Waiting(hash)) => found.push(json!(hash)),
                _ => {}
            }
        }
        Some((found, events.next()))
    }
}
