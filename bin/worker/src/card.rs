//! The graphics card of a worker that was started for one: opened before the sandbox closes, tried
//! again behind it, and described to the node.

use streamflow_engine::protocol::{DeviceFacts, DeviceRefusal, DeviceReport};
use streamflow_ffmpeg::{Card, CardError, CardReport, EncoderSessions};

/// Longest reason told; all of them fit into the first frame.
const MAX_REASON: usize = 400;

/// The one card this process is shown.
const ONLY: u32 = 0;

/// A card with what was found out about it, or why it cannot be used.
pub(crate) struct Tried {
    pub(crate) card: Option<Card>,
    pub(crate) report: DeviceReport,
}

/// Opens the card and has it transcode a clip, so that all its libraries are loaded.
pub(crate) fn open() -> Result<(Card, CardReport), CardError> {
    let card = Card::open(ONLY)?;
    let report = card.report()?;
    Ok((card, report))
}

/// Has the card transcode a clip once more, now that the sandbox is closed: what it refuses the
/// driver shows here and not at the first segment.
pub(crate) fn try_sealed(opened: Result<(Card, CardReport), CardError>) -> Tried {
    let (card, report) = match opened {
        Ok(opened) => opened,
        Err(error) => return Tried::unusable(error.code(), &error.to_string()),
    };
    if let Err(error) = card.try_clip() {
        let reason = format!("the card works outside the sandbox and not inside: {error}");
        return Tried::unusable("sandbox", &reason);
    }
    Tried {
        card: Some(card),
        report: DeviceReport::Usable(facts(report)),
    }
}

impl Tried {
    fn unusable(code: &str, reason: &str) -> Self {
        Self {
            card: None,
            report: DeviceReport::Unusable(refusal(code, reason)),
        }
    }
}

fn refusal(code: &str, reason: &str) -> DeviceRefusal {
    DeviceRefusal {
        code: code.to_owned(),
        reason: reason.chars().take(MAX_REASON).collect(),
    }
}

fn facts(report: CardReport) -> DeviceFacts {
    let version = |(major, minor): (u32, u32)| format!("{major}.{minor}");
    let tried = [
        ("h264_nvenc", &report.h264_encoder),
        ("hevc_nvenc", &report.hevc_encoder),
    ];
    let opens = tried.iter().filter(|(_, opened)| opened.is_ok());
    DeviceFacts {
        cuda: version(report.cuda),
        capability: version(report.capability),
        memory_bytes: report.memory_bytes,
        free_bytes: report.free_bytes,
        encoders: opens.map(|(name, _)| (*name).to_owned()).collect(),
        no_encoder: report
            .h264_encoder
            .as_ref()
            .err()
            .map(|error| refusal(error.code(), &error.to_string())),
        encoder_limit: match report.sessions {
            Some(EncoderSessions::Limited(limit)) => Some(limit),
            Some(EncoderSessions::AtLeast(_)) | None => None,
        },
        name: report.name,
        uuid: report.uuid,
    }
}
