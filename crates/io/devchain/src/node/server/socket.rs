//! One WebSocket connection: calls, and subscriptions that push.

use std::collections::BTreeMap;

use axum::extract::ws::{Message, WebSocket};
use serde_json::{Value, json};
use streamflow_runtime::Shutdown;

use crate::node::Node;
use crate::rpc::filter::{LogFilter, Topic};
use crate::rpc::{self, RpcError};

/// Subscriptions of one connection at most.
const SUBSCRIPTIONS: usize = 100;

struct Session {
    node: Node,
    subscriptions: BTreeMap<u64, Subscription>,
    last: u64,
}

struct Subscription {
    topic: Topic,
    /// The number of the first event it has not sent.
    next: u64,
}

/// Serves a connection until it closes or `shutdown` begins to drain.
pub(super) async fn run(mut socket: WebSocket, node: Node, shutdown: Shutdown) {
    let mut events = node.0.events.subscribe();
    let mut session = Session {
        node,
        subscriptions: BTreeMap::new(),
        last: 0,
    };
    loop {
        let out = tokio::select! {
            () = shutdown.draining() => break,
            changed = events.changed() => {
                if changed.is_err() {
                    break;
                }
                session.news()
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => session.answer(text.as_bytes()),
                Some(Ok(Message::Binary(bytes))) => session.answer(&bytes),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        };
        for value in out {
            if socket.send(Message::text(value.to_string())).await.is_err() {
                return;
            }
        }
    }
}

impl Session {
    fn answer(&mut self, body: &[u8]) -> Vec<Value> {
        if let Ok(call) = serde_json::from_slice::<Value>(body) {
            let id = call.get("id").cloned().unwrap_or(Value::Null);
            let result = match rpc::method(&call) {
                Some("eth_subscribe") => Some(self.subscribe(&call)),
                Some("eth_unsubscribe") => Some(Ok(json!(self.unsubscribe(&call)))),
                _ => None,
            };
            if let Some(result) = result {
                return vec![match result {
                    Ok(result) => rpc::succeeded(&id, result),
                    Err(error) => rpc::failed(id, error),
                }];
            }
        }
        self.node.answer(body).into_iter().collect()
    }

    fn subscribe(&mut self, call: &Value) -> Result<Value, RpcError> {
        let kind = call["params"][0].as_str().unwrap_or_default();
        let topic = match kind {
            "newHeads" => Topic::Heads,
            "logs" => {
                let filter = match &call["params"][1] {
                    Value::Null => json!({}),
                    filter => filter.clone(),
                };
                Topic::Logs(LogFilter::read(&filter, 1)?.0)
            }
            "newPendingTransactions" => Topic::Waiting,
            _ => {
                let reason = "none of newHeads, logs, newPendingTransactions";
                return Err(RpcError::parameter(0, "subscription", reason));
            }
        };
        if self.subscriptions.len() >= SUBSCRIPTIONS {
            let text = format!("{SUBSCRIPTIONS} subscriptions at most on one connection");
            return Err(RpcError::limit(text));
        }
        let next = self.node.with(|chain| chain.events().next());
        self.last += 1;
        let subscription = Subscription { topic, next };
        self.subscriptions.insert(self.last, subscription);
        Ok(json!(name(self.last)))
    }

    fn unsubscribe(&mut self, call: &Value) -> bool {
        let wanted = call["params"][0].as_str().unwrap_or_default();
        let known = self.subscriptions.len();
        self.subscriptions.retain(|id, _| name(*id) != wanted);
        self.subscriptions.len() < known
    }

    /// What subscriptions have to say. One that fell behind ends, so that nobody relies on it.
    fn news(&mut self) -> Vec<Value> {
        let mut out = Vec::new();
        let node = &self.node;
        self.subscriptions.retain(|id, subscription| {
            let since = node.with(|chain| subscription.topic.since(chain, subscription.next));
            let Some((found, next)) = since else {
                tracing::warn!("a subscription is too slow and ends");
                return false;
            };
            subscription.next = next;
            out.extend(found.into_iter().map(|result| {
                json!({
                    "jsonrpc": "2.0",
                    "method": "eth_subscription",
                    "params": {"subscription": name(*id), "result": result},
                })
            }));
            true
        });
        out
    }
}

fn name(id: u64) -> String {
    format!("{id:#x}")
}
