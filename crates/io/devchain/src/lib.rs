//! A development chain in the process: a real EVM, blocks with real hashes and roots, receipts,
//! reverts with their data, reorganisations on command, and all of it kept on disk.
//!
//! Three doors lead to one [`Chain`]: its methods, [`Node::answer`] for JSON-RPC without a socket,
//! and [`serve`] for HTTP and WebSocket. It is one node without consensus or peers, and its keys
//! are public: never send it anything of worth.

mod block;
mod chain;
mod events;
mod execute;
mod journal;
mod keys;
mod node;
mod pool;
mod rpc;
mod settings;
mod state;
mod transport;

pub use block::{Block, Mined, Signed};
pub use chain::{
    BlockId, CallError, Chain, Estimate, FollowError, Frame, Rejected, Removed, Revert,
    RewindError, SendError, Unsigned,
};
pub use events::{Event, Events};
pub use execute::Call;
pub use journal::OpenError;
pub use node::{Access, Mining, Node, serve};
pub use pool::PoolError;
pub use settings::{Fees, Fork, KeyError, Settings};
pub use state::Edit;
pub use transport::InProcess;
