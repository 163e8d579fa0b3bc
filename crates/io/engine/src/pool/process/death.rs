//! Why a worker is no more, and whether the segment it had is to blame.

use std::time::Duration;

use super::wall_limit;
use crate::pool::output::OutputError;
use crate::protocol::{ChannelError, MessageError};
use crate::transcoder::Job;

/// Why a worker is no more, or must not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in crate::pool) enum Death {
    #[error("{0}")]
    Channel(#[from] ChannelError),
    #[error("{0}")]
    Output(#[from] OutputError),
    #[error("an unexpected {0}")]
    Unexpected(&'static str),
    #[error("silent for {0:?}")]
    Silent(Duration),
    #[error("silent for {0:?}, since before it had the job")]
    NeverHeard(Duration),
    #[error("no end after {0:?}")]
    WallLimit(Duration),
    #[error("{0:?} of processor time")]
    CpuLimit(Duration),
    #[error("did not stop when told to, after {0:?}")]
    Unstoppable(Duration),
}

impl From<MessageError> for Death {
    fn from(error: MessageError) -> Self {
        Self::Channel(error.into())
    }
}

impl Death {
    /// Whether the segment may be to blame: not when the worker was silent from the start, nor
    /// when it was told to stop early on.
    pub(in crate::pool) fn blames_input(&self, job: &Job) -> bool {
        match self {
            Self::Unstoppable(ran) => *ran >= wall_limit(job.duration) / 2,
            Self::NeverHeard(_) => false,
            Self::Channel(_)
            | Self::Output(_)
            | Self::Unexpected(_)
            | Self::Silent(_)
            | Self::WallLimit(_)
            | Self::CpuLimit(_) => true,
        }
    }
}
