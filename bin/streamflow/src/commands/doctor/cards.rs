//! Whether the cards work: each is tried by a worker as a node would start it, and what is missing is
//! named.

use streamflow_engine::protocol::{DeviceFacts, DeviceRefusal};
use streamflow_engine::{DeviceState, DeviceStatus, Devices};

use super::{Check, Finding, State};
use crate::assemble;
use crate::config::EngineTable;

/// Tries the cards there are and those that are asked for.
pub(super) async fn look(table: &EngineTable) -> Vec<Finding> {
    match assemble::try_devices(table).await {
        Ok(cards) => cards
            .iter()
            .map(|card| judge(card, &table.device))
            .collect(),
        Err(failure) => vec![Finding::new(
            Check::Gpu,
            State::Note,
            "the cards were not tried",
            format!("no media worker starts: {}", failure.message),
            "see streamflow doctor --only ffmpeg",
        )],
    }
}

fn judge(card: &DeviceStatus, wanted: &Devices) -> Finding {
    match &card.state {
        DeviceState::Up(_, facts) => usable(&card.name, facts, wanted),
        DeviceState::Down(refusal) => unusable(&card.name, refusal, wanted),
        DeviceState::Starting => Finding::new(
            Check::Gpu,
            State::Warning,
            format!("{} does not answer; the processor does its work", card.name),
            "its worker has not come up within a minute",
            "look for the driver's messages with dmesg",
        ),
    }
}

fn usable(name: &str, facts: &DeviceFacts, wanted: &Devices) -> Finding {
    let sessions = match (facts.encodes(), facts.encoder_limit) {
        (false, _) => "decodes and scales".to_owned(),
        (true, Some(limit)) => format!("decodes, scales and encodes, {limit} renditions at once"),
        (true, None) => "decodes, scales and encodes".to_owned(),
    };
    let memory = facts.memory_bytes >> 20;
    let found = format!(
        "{name} {sessions}: {}, CUDA {}, {memory} MiB",
        facts.name, facts.cuda
    );
    match (&facts.no_encoder, wanted) {
        (_, Devices::Processor) => Finding::new(
            Check::Gpu,
            State::Note,
            found,
            "the setting engine.device is cpu, so it is not used",
            "use it with --device auto",
        ),
        (Some(refusal), _) => {
            let cause = format!("it has no encoder of its own: {}", told(refusal));
            let fix = match refusal.code.as_str() {
                // Some cards are made without.
                "encoder" => "",
                _ => fix(&refusal.code),
            };
            Finding::new(Check::Gpu, State::Note, found, cause, fix)
        }
        (None, _) => Finding::ok(Check::Gpu, found),
    }
}

/// A card that was asked for is missed; one that is only there is not.
fn unusable(name: &str, refusal: &DeviceRefusal, wanted: &Devices) -> Finding {
    let state = match wanted {
        Devices::Auto | Devices::Processor => State::Note,
        Devices::All | Devices::Nvidia(_) => State::Warning,
    };
    Finding::new(
        Check::Gpu,
        state,
        format!("{name} cannot be used; the processor does its work"),
        told(refusal),
        fix(&refusal.code),
    )
}

/// The stable word first.
fn told(refusal: &DeviceRefusal) -> String {
    format!("{}: {}", refusal.code, refusal.reason)
}

/// What to do about each reason a worker gives.
fn fix(code: &str) -> &'static str {
    match code {
        "driver-library" => {
            "install the libraries of the driver's version (Debian: libcuda1, libnvcuvid1, \
             libnvidia-encode1); start a container with --gpus all and \
             NVIDIA_DRIVER_CAPABILITIES=compute,video,utility"
        }
        "ffmpeg-part" => {
            "install an FFmpeg built with NVDEC, NVENC and scale_cuda, as the distribution's is"
        }
        "driver" | "context" => {
            "see what nvidia-smi and dmesg say; the card may be taken, lost or in another mode"
        }
        "device" => "name a card that is there; nvidia-smi -L lists them",
        "sandbox" => {
            "the driver needs more than the sandbox gives it: report this with \
             streamflow doctor --report FILE"
        }
        "worker" => "see streamflow doctor --only ffmpeg",
        _ => "report this with streamflow doctor --report FILE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str) -> DeviceRefusal {
        DeviceRefusal {
            code: code.to_owned(),
            reason: "because".to_owned(),
        }
    }

    fn card(state: DeviceState) -> DeviceStatus {
        DeviceStatus {
            name: "nvidia:0".to_owned(),
            state,
            sessions: 0,
        }
    }

    #[test]
    fn what_is_missing_is_named_and_weighs_more_when_it_was_asked_for() {
        let missing = card(DeviceState::Down(refusal("driver-library")));
        let finding = judge(&missing, &Devices::All);
        assert_eq!(finding.state, State::Warning);
        assert_eq!(finding.cause, "driver-library: because");
        assert!(finding.fix.contains("libnvcuvid1"), "{finding:?}");
        assert_eq!(judge(&missing, &Devices::Auto).state, State::Note);
    }

    #[test]
    fn a_card_without_an_encoder_is_good_and_says_so() {
        let facts = |no_encoder: Option<DeviceRefusal>| DeviceFacts {
            name: "NVIDIA H200".to_owned(),
            uuid: "GPU-1".to_owned(),
            cuda: "12.4".to_owned(),
            capability: "9.0".to_owned(),
            memory_bytes: 1 << 30,
            free_bytes: 1 << 30,
            encoders: Vec::new(),
            encoder_limit: None,
            no_encoder,
        };
        let bare = card(DeviceState::Up(1, facts(Some(refusal("encoder")))));
        let finding = judge(&bare, &Devices::Auto);
        assert_eq!((finding.state, finding.fix.as_str()), (State::Note, ""));
        assert!(
            finding.found.contains("NVIDIA H200, CUDA 12.4, 1024 MiB"),
            "{finding:?}"
        );
        let whole = card(DeviceState::Up(1, facts(None)));
        assert_eq!(judge(&whole, &Devices::All).state, State::Ok);
        let unused = judge(&whole, &Devices::Processor);
        assert!(unused.fix.contains("--device auto"), "{unused:?}");
    }
}
