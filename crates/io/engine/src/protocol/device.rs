//! What a worker says of the graphics card it was started for.

use serde::{Deserialize, Serialize};

/// Whether the card can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceReport {
    /// A clip was decoded, scaled and encoded with it, and counted.
    Usable(DeviceFacts),
    /// It cannot, for this reason.
    Unusable(DeviceRefusal),
}

/// What a usable card is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Its model.
    pub name: String,
    /// Its own number, by which tools name it.
    pub uuid: String,
    /// The driver's interface, such as 12.4.
    pub cuda: String,
    /// Its generation, such as 9.0.
    pub capability: String,
    /// Its memory.
    pub memory_bytes: u64,
    /// Of which nobody used this much when it was tried.
    pub free_bytes: u64,
    /// Codecs its encoders make, by FFmpeg's names of the encoders.
    pub encoders: Vec<String>,
    /// Why it does not encode H.264 itself, where it does not: the processor encodes then.
    pub no_encoder: Option<DeviceRefusal>,
    /// How many encoders may be open at once, where that is limited.
    pub encoder_limit: Option<u32>,
}

impl DeviceFacts {
    /// Whether it encodes H.264 itself.
    pub fn encodes(&self) -> bool {
        self.no_encoder.is_none()
    }
}

/// Why a card, or a part of it, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRefusal {
    /// A stable word, such as `driver-library`.
    pub code: String,
    /// For people.
    pub reason: String,
}

/// What a job had of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceUse {
    /// Pictures its decoder gave; the others were decoded by the processor.
    pub frames: u64,
    /// Bytes of its memory nobody used at the end.
    pub free_bytes: Option<u64>,
}
