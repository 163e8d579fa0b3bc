//! Who called whom, with what, and what came back.

use alloy_primitives::{Address, Bytes, U256};
use revm::context::result::{ExecutionResult, HaltReason};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult,
};

use super::{CallError, Revert};
use crate::execute::{Call, Environment, RunContext, inspect};
use crate::settings::Settings;
use crate::state::View;

/// Frames of one trace at most; deeper or later calls are counted in their parents only.
const FRAMES: usize = 20_000;

/// One call of a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// `CALL`, `STATICCALL`, `DELEGATECALL`, `CALLCODE`, `CREATE` or `CREATE2`.
    pub kind: &'static str,
    /// Who calls.
    pub from: Address,
    /// Whose code runs; for a creation the address made, where it succeeded.
    pub to: Option<Address>,
    /// Wei sent along; none with calls that cannot.
    pub value: Option<U256>,
    /// Gas given.
    pub gas: u64,
    /// Gas used.
    pub gas_used: u64,
    /// What was sent.
    pub input: Bytes,
    /// What came back.
    pub output: Bytes,
    /// Why it failed.
    pub error: Option<String>,
    /// The calls it made, in order.
    pub calls: Vec<Self>,
}

/// Runs a call and tells who called whom.
pub(super) fn run(
    settings: &Settings,
    environment: &Environment,
    view: View<'_>,
    call: &Call,
) -> Result<Frame, CallError> {
    let mut tracer = Tracer::default();
    let result = inspect(settings, environment, view, call, &mut tracer)
        .map_err(|error| CallError::Invalid(error.to_string()))?;
    let mut frame = tracer.root.unwrap_or_default();
    // The outermost frame counts what sending costs too.
    frame.gas = call.gas.unwrap_or(settings.gas_limit);
    frame.gas_used = result.tx_gas_used();
    if let ExecutionResult::Halt { reason, .. } = &result {
        frame.error = Some(halted(reason));
    }
    Ok(frame)
}

/// The name of a halt, as nodes write it.
pub(super) fn halted(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_owned(),
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode".to_owned(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".to_owned(),
        HaltReason::InvalidJump => "invalid jump destination".to_owned(),
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)".to_owned(),
        HaltReason::StackUnderflow => "stack underflow".to_owned(),
        HaltReason::CreateCollision => "contract address collision".to_owned(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".to_owned(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".to_owned(),
        HaltReason::StateChangeDuringStaticCall => "write protection".to_owned(),
        HaltReason::OutOfFunds => "insufficient balance for transfer".to_owned(),
        HaltReason::CallTooDeep => "max call depth exceeded".to_owned(),
        other => format!("execution stopped: {other:?}"),
    }
}

#[derive(Default)]
struct Tracer {
    /// Open frames, outermost first.
    open: Vec<Frame>,
    root: Option<Frame>,
    frames: usize,
}

impl Tracer {
    fn enter(&mut self, frame: Frame) {
        self.frames += 1;
        self.open.push(frame);
    }

    fn leave(&mut self, result: InstructionResult, gas_used: u64, output: Bytes) {
        let Some(mut frame) = self.open.pop() else {
            return;
        };
        frame.gas_used = gas_used;
        if !result.is_ok() {
            frame.error = Some(if result.is_revert() {
                Revert {
                    data: output.clone(),
                }
                .to_string()
            } else {
                format!("{result:?}")
            });
        }
        frame.output = output;
        match self.open.last_mut() {
            Some(parent) if self.frames <= FRAMES => parent.calls.push(frame),
            Some(_) => {}
            None => self.root = Some(frame),
        }
    }
}

impl<'a> Inspector<RunContext<'a>, EthInterpreter> for &mut Tracer {
    fn call(
        &mut self,
        context: &mut RunContext<'a>,
        inputs: &mut CallInputs,
    ) -> Option<CallOutcome> {
        let kind = match inputs.scheme {
            CallScheme::Call => "CALL",
            CallScheme::CallCode => "CALLCODE",
            CallScheme::DelegateCall => "DELEGATECALL",
            CallScheme::StaticCall => "STATICCALL",
        };
        self.enter(Frame {
            kind,
            from: inputs.caller,
            to: Some(inputs.bytecode_address),
            value: inputs.transfer_value(),
            gas: inputs.gas_limit,
            input: inputs.input.bytes(context),
            ..Frame::default()
        });
        None
    }

    fn call_end(&mut self, _: &mut RunContext<'a>, _: &CallInputs, outcome: &mut CallOutcome) {
        let gas = outcome.result.gas.total_gas_spent();
        let output = outcome.result.output.clone();
        self.leave(outcome.result.result, gas, output);
    }

    fn create(
        &mut self,
        _: &mut RunContext<'a>,
        inputs: &mut CreateInputs,
    ) -> Option<CreateOutcome> {
        self.enter(Frame {
            kind: "CREATE",
            from: inputs.caller(),
            value: Some(inputs.value()),
            gas: inputs.gas_limit(),
            input: inputs.init_code().clone(),
            ..Frame::default()
        });
        None
    }

    fn create_end(
        &mut self,
        _: &mut RunContext<'a>,
        _: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        if let Some(frame) = self.open.last_mut() {
            frame.to = outcome.address;
        }
        let gas = outcome.result.gas.total_gas_spent();
        let output = outcome.result.output.clone();
        self.leave(outcome.result.result, gas, output);
    }
}
