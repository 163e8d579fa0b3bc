//! What can be asked of a running role and done to it.

use async_trait::async_trait;
use url::Url;

use crate::view::{OrchestratorView, RoleStatus, StreamDetail, StreamView, WorkerView};

/// Something done to a running role. Each may be repeated without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Ends a stream; its publisher is disconnected.
    StopStream(String),
    /// Moves a stream to another orchestrator with its next segment.
    SwapStream(String),
    /// Uses this orchestrator no more.
    BlockOrchestrator(Url),
    /// Uses this orchestrator again.
    UnblockOrchestrator(Url),
    /// Gives a worker no new session.
    DrainWorker(String),
    /// Lets a worker go; what it has in hand is done elsewhere.
    RemoveWorker(String),
    /// Takes nothing new, finishes what runs, stays up.
    Drain,
    /// Takes new work again after a drain.
    Resume,
}

/// What a role offers to its operator. What a role does not have it leaves out: the default
/// answers say so.
#[async_trait]
pub trait ControlApi: Send + Sync + 'static {
    /// How it is doing.
    async fn status(&self) -> RoleStatus;

    /// The streams that run, oldest first.
    async fn streams(&self) -> Result<Vec<StreamView>, ControlError> {
        Err(ControlError::NotOffered("streams"))
    }

    /// One stream with its recent segments.
    async fn stream(&self, _id: &str) -> Result<StreamDetail, ControlError> {
        Err(ControlError::NotOffered("streams"))
    }

    /// The orchestrators it knows.
    async fn orchestrators(&self) -> Result<Vec<OrchestratorView>, ControlError> {
        Err(ControlError::NotOffered("orchestrators"))
    }

    /// Asks an orchestrator for its offer right now, known or not.
    async fn probe_orchestrator(&self, _url: &Url) -> Result<OrchestratorView, ControlError> {
        Err(ControlError::NotOffered("orchestrators"))
    }

    /// The transcoders attached to it.
    async fn workers(&self) -> Result<Vec<WorkerView>, ControlError> {
        Err(ControlError::NotOffered("workers"))
    }

    /// Does something. Returns once it is decided, not once it is over.
    async fn act(&self, action: Action) -> Result<(), ControlError> {
        Err(ControlError::NotOffered(action.name()))
    }
}

impl Action {
    /// Its stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StopStream(_) => "stop-stream",
            Self::SwapStream(_) => "swap-stream",
            Self::BlockOrchestrator(_) => "block-orchestrator",
            Self::UnblockOrchestrator(_) => "unblock-orchestrator",
            Self::DrainWorker(_) => "drain-worker",
            Self::RemoveWorker(_) => "remove-worker",
            Self::Drain => "drain",
            Self::Resume => "resume",
        }
    }
}

/// Why a question has no answer or an action was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// This role has no such thing: ask another node.
    #[error("this node offers no {0}")]
    NotOffered(&'static str),
    /// Nothing here has this name: list what there is.
    #[error("there is no {kind} {id:?} here")]
    Unknown {
        /// `stream`, `orchestrator` or `worker`.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The request itself is wrong: correct the field.
    #[error("{field}: {problem}")]
    Invalid {
        /// The member at fault.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Against a rule of this node, such as its blocklist or the last orchestrator left.
    #[error("refused: {0}")]
    Refused(String),
    /// A peer could not be reached: try again later.
    #[error("could not reach {0}")]
    Unreachable(String),
    /// Something failed on this side: see the log.
    #[error("{0}")]
    Failed(String),
}

impl ControlError {
    /// Stable kebab-case code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOffered(_) => "not-offered",
            Self::Unknown { .. } => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Failed(_) => "failed",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotOffered(_) => "point --node at a node of the right role",
            Self::Unknown { .. } => "list what there is first",
            Self::Invalid { .. } => "correct the value and repeat",
            Self::Refused(_) => "a rule of this node stands against it",
            Self::Unreachable(_) => "check the address and that the peer runs, then repeat",
            Self::Failed(_) => "the node's log has the details",
        }
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
