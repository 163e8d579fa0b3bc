//! How a command ends when it does not end well: a message with what to do, and an exit code that
//! means the same in every command.

use std::fmt;

use alloy_primitives::B256;

/// Exit codes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A bug; please report.
    Unexpected = 1,
    /// Usage or configuration is wrong; nothing happened.
    Usage = 2,
    /// A precondition is not met; nothing happened.
    Precondition = 3,
    /// A node or peer could not be reached.
    Unreachable = 4,
    /// Refused by a rule.
    Refused = 5,
    /// A transaction reverted, was dropped, or was not confirmed in time.
    Transaction = 6,
    /// A check failed.
    Check = 7,
    /// Interrupted before the drain ended.
    Interrupted = 130,
    /// Terminated before the drain ended.
    Terminated = 143,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process exits with.
    pub(crate) exit: Exit,
    /// Stable kebab-case code.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it; empty when the message says it.
    pub(crate) hint: String,
    /// Whether the same command may succeed later.
    pub(crate) retryable: bool,
    /// The transaction it is about.
    pub(crate) tx: Option<Box<B256>>,
    /// What was found all the same, for `--json`.
    pub(crate) data: Option<serde_json::Value>,
}

impl Failure {
    /// Usage or configuration is wrong.
    pub(crate) fn usage(code: &str, message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// Any kind.
    pub(crate) fn new(exit: Exit, code: &str, message: impl fmt::Display) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: message.to_string(),
            hint: String::new(),
            retryable: exit == Exit::Unreachable,
            tx: None,
            data: None,
        }
    }

    /// With what to do about it.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = hint.to_string();
        self
    }

    /// What an error of a command is, known kind or not.
    pub(crate) fn from_error(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::new(Exit::Unexpected, "failed", format!("{error:#}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
