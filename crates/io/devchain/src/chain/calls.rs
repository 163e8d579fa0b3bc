//! Calls and estimates: what would happen, without anything happening.

use alloy_primitives::{B256, Bytes};
use revm::context::result::{ExecutionResult, HaltReason, Output};
use revm::context_interface::cfg::gas_params::GasParams;

use super::{BlockId, CallError, Chain, Frame, Revert, trace};
use crate::block::Signed;
use crate::execute::{self, Call, Environment};
use crate::settings::Settings;
use crate::state::State;

/// Gas of the simplest transaction.
const TRANSFER_GAS: u64 = 21_000;

/// What a transaction would use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// The lowest limit with which it succeeds.
    pub gas: u64,
}

impl Chain {
    /// Runs a call by the state after a block and gives what it returns.
    pub fn call(&self, call: &Call, at: BlockId, now: u64) -> Result<Bytes, CallError> {
        let (state, environment) = self.place(at, now)?;
        let result = self.run_call(call, state, &environment)?;
        outcome(result)
    }

    /// The lowest gas limit with which a call succeeds, by the state after a block.
    pub fn estimate(&self, call: &Call, at: BlockId, now: u64) -> Result<Estimate, CallError> {
        let (state, environment) = self.place(at, now)?;
        let limit = call.gas.unwrap_or(self.settings.gas_limit);
        let mut highest = limit.min(self.settings.gas_limit);
        let with = |gas| Call {
            gas: Some(gas),
            ..call.clone()
        };
        let first = self.run_call(&with(highest), state, &environment)?;
        let used = first.gas().total_gas_spent();
        if let ExecutionResult::Halt {
            reason: HaltReason::OutOfGas(_),
            ..
        } = first
        {
            return Err(CallError::Allowance(highest));
        }
        let floor = first.tx_gas_used();
        outcome(first)?;
        let mut lowest = floor.max(TRANSFER_GAS).saturating_sub(1);
        // A 64th of the gas stays behind at each call, and refunds come only at the end; one try
        // with both in mind leaves little to search.
        let guess = used.saturating_add(used / 63).saturating_add(2_300);
        if guess < highest && self.succeeds(&with(guess), state, &environment)? {
            highest = guess;
        }
        while lowest + 1 < highest {
            let middle = lowest + (highest - lowest) / 2;
            if self.succeeds(&with(middle), state, &environment)? {
                highest = middle;
            } else {
                lowest = middle;
            }
        }
        Ok(Estimate { gas: highest })
    }

    /// Runs a call and tells who called whom.
    pub fn trace(&self, call: &Call, at: BlockId, now: u64) -> Result<Frame, CallError> {
        let (state, environment) = self.place(at, now)?;
        let hash_of = |number| self.canon.hash_of(number);
        let view = self.view(state, &hash_of);
        trace::run(&self.settings, &environment, view, call)
    }

    fn place(&self, at: BlockId, now: u64) -> Result<(&State, Environment), CallError> {
        Ok((self.state_at(at)?, self.environment_at(at, now)?))
    }

    fn succeeds(
        &self,
        call: &Call,
        state: &State,
        environment: &Environment,
    ) -> Result<bool, CallError> {
        match self.run_call(call, state, environment) {
            Ok(result) => Ok(result.is_success()),
            // Less gas than the call's own bytes cost.
            Err(CallError::Invalid(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn run_call(
        &self,
        call: &Call,
        state: &State,
        environment: &Environment,
    ) -> Result<ExecutionResult, CallError> {
        let hash_of = |number| -> B256 { self.canon.hash_of(number) };
        let view = self.view(state, &hash_of);
        execute::call(&self.settings, environment, view, call)
            .map_err(|error| CallError::Invalid(error.to_string()))
    }
}

/// The gas that a transaction costs before its first instruction, with the floor for its bytes.
pub(super) fn minimum_gas(settings: &Settings, signed: &Signed) -> u64 {
    let transaction = execute::environment_of(signed);
    let gas = GasParams::new_spec(settings.fork.spec()).initial_tx_gas_for_tx(transaction, None);
    gas.initial_total_gas().max(gas.floor_gas())
}

fn outcome(result: ExecutionResult) -> Result<Bytes, CallError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(match output {
            Output::Call(data) | Output::Create(data, _) => data,
        }),
        ExecutionResult::Revert { output, .. } => Err(Revert { data: output }.into()),
        ExecutionResult::Halt { reason, .. } => Err(CallError::Halt(trace::halted(&reason))),
    }
}
