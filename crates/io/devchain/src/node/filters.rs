//! Filters that clients poll.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use alloy_primitives::U64;
use serde_json::{Value, json};

use super::Node;
use crate::rpc::RpcError;
use crate::rpc::filter::{Span, Topic};

/// Filters at a time, of all clients.
const FILTERS: usize = 1_000;

/// A filter that nobody asked for this long is forgotten.
const IDLE: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Filters {
    known: HashMap<u64, Filter>,
    last: u64,
}

struct Filter {
    topic: Topic,
    span: Option<Span>,
    /// The number of the first event it has not seen.
    next: u64,
    asked: Instant,
}

impl Node {
    pub(crate) fn add_filter(&self, topic: Topic, span: Option<Span>) -> Result<Value, RpcError> {
        let next = self.with(|chain| chain.events().next());
        let now = self.0.clock.now();
        self.filters(|filters| {
            let fresh = |filter: &Filter| now.saturating_duration_since(filter.asked) < IDLE;
            filters.known.retain(|_, filter| fresh(filter));
            if filters.known.len() >= FILTERS {
                let text = format!("{FILTERS} filters exist: uninstall one first");
                return Err(RpcError::limit(text));
            }
            filters.last += 1;
            let filter = Filter {
                topic,
                span,
                next,
                asked: now,
            };
            filters.known.insert(filters.last, filter);
            Ok(json!(U64::from(filters.last)))
        })
    }

    /// What happened since the filter was asked last.
    pub(crate) fn filter_changes(&self, id: u64) -> Result<Value, RpcError> {
        let now = self.0.clock.now();
        self.filters(|filters| {
            let filter = filters.known.get_mut(&id).ok_or_else(unknown)?;
            filter.asked = now;
            let since = self.with(|chain| filter.topic.since(chain, filter.next));
            let (found, next) = since.ok_or_else(unknown)?;
            filter.next = next;
            Ok(json!(found))
        })
    }

    /// All logs of a filter's blocks, seen or not.
    pub(crate) fn filter_logs(&self, id: u64) -> Result<Value, RpcError> {
        self.filters(|filters| match filters.known.get(&id) {
            Some(Filter {
                topic: Topic::Logs(logs),
                span: Some(span),
                ..
            }) => {
                let found = self.with(|chain| logs.search(chain, *span))?;
                Ok(json!(found))
            }
            _ => Err(unknown()),
        })
    }

    pub(crate) fn remove_filter(&self, id: u64) -> bool {
        self.filters(|filters| filters.known.remove(&id).is_some())
    }

    fn filters<T>(&self, work: impl FnOnce(&mut Filters) -> T) -> T {
        let filters = self.0.filters.lock();
        work(&mut filters.unwrap_or_else(PoisonError::into_inner))
    }
}

fn unknown() -> RpcError {
    RpcError::server("filter not found")
}
