//! What one variant of a stream measures up to: what the master playlist says of it, and what a
//! person watching wants to know.

use std::time::Duration;

use streamflow_media::playlist::VariantMeter;
use streamflow_types::Profile;

use super::{DeliveryPath, VariantView};
use crate::Facts;

/// The source as a variant.
pub(super) const SOURCE: &str = "source";

/// A segment counts as late past three times its duration, and past this at the least.
const LATE_FLOOR: Duration = Duration::from_secs(6);

/// One line of the master playlist.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) name: String,
    /// The place of its first segment; not in the master playlist before.
    pub(super) since: Option<u64>,
    /// What was asked for; `None` for the source.
    profile: Option<Profile>,
    measured: Facts,
    meter: VariantMeter,
    /// Every segment so far is known to start with a key frame.
    is_independent: bool,
    last: Option<u64>,
    segments: u64,
    gaps: u64,
    late: u64,
    latency: Option<Duration>,
    path: Option<DeliveryPath>,
    by_path: [u64; 3],
}

impl Variant {
    pub(super) fn source() -> Self {
        Self::new(SOURCE, None)
    }

    pub(super) fn rendition(profile: &Profile) -> Self {
        Self::new(&profile.name, Some(profile.clone()))
    }

    fn new(name: &str, profile: Option<Profile>) -> Self {
        Self {
            name: name.to_owned(),
            since: None,
            profile,
            measured: Facts::default(),
            meter: VariantMeter::new(),
            is_independent: true,
            last: None,
            segments: 0,
            gaps: 0,
            late: 0,
            latency: None,
            path: None,
            by_path: [0; 3],
        }
    }

    /// Whether it was made for this very profile.
    pub(super) fn is_for(&self, profile: &Profile) -> bool {
        self.profile.as_ref() == Some(profile)
    }

    /// A segment of this many bytes joined the playlist.
    pub(super) fn count(&mut self, slot: u64, len: u64, duration: Duration, facts: Option<&Facts>) {
        self.since.get_or_insert(slot);
        self.last = Some(slot);
        self.segments += 1;
        self.meter.add(len, duration);
        self.is_independent &= facts.is_some_and(|facts| facts.starts_with_key);
        if let Some(facts) = facts {
            self.measured = Facts {
                size: facts.size.or(self.measured.size),
                frame_rate: facts.frame_rate.or(self.measured.frame_rate),
                codecs: match facts.codecs.is_empty() {
                    true => std::mem::take(&mut self.measured.codecs),
                    false => facts.codecs.clone(),
                },
                ..Facts::default()
            };
        }
    }

    /// How it came to be, and how long that took. Says whether it was late.
    pub(super) fn note_delivery(
        &mut self,
        path: DeliveryPath,
        latency: Duration,
        duration: Duration,
    ) -> bool {
        self.path = Some(path);
        let count = match path {
            DeliveryPath::Network => &mut self.by_path[0],
            DeliveryPath::Local => &mut self.by_path[1],
            DeliveryPath::Source => &mut self.by_path[2],
        };
        *count += 1;
        self.latency = Some(latency);
        let is_late = latency > (duration * 3).max(LATE_FLOOR);
        self.late += u64::from(is_late);
        is_late
    }

    /// A gap was listed.
    pub(super) fn count_gap(&mut self, slot: u64) {
        if self.since.is_some() {
            self.last = Some(slot);
            self.gaps += 1;
        }
    }

    /// Largest bit rate of a segment.
    pub(super) fn peak_bps(&self) -> u64 {
        self.meter.peak().unwrap_or(0)
    }

    /// Bit rate over all segments so far.
    pub(super) fn average_bps(&self) -> u64 {
        self.meter.average().unwrap_or(0)
    }

    /// Whether players may start with any segment.
    pub(super) fn is_independent(&self) -> bool {
        self.is_independent
    }

    /// Size of the pictures as measured, else as asked for.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let asked = self
            .profile
            .as_ref()
            .map(|profile| (profile.width, profile.height));
        self.measured.size.or(asked)
    }

    /// Pictures a second as measured, else as asked for.
    pub(super) fn frame_rate(&self) -> Option<(u32, u32)> {
        let asked = self
            .profile
            .as_ref()
            .and_then(|profile| profile.fps.ratio());
        self.measured
            .frame_rate
            .or(asked.map(|(num, den)| (num.get(), den.get())))
    }

    /// Codec strings as measured.
    pub(super) fn codecs(&self) -> &[String] {
        &self.measured.codecs
    }

    pub(super) fn view(&self) -> VariantView {
        let [network, local, source] = self.by_path;
        VariantView {
            name: self.name.clone(),
            is_source: self.profile.is_none(),
            width: self.size().map(|(width, _)| width),
            height: self.size().map(|(_, height)| height),
            frame_rate: self
                .frame_rate()
                .map(|(num, den)| f64::from(num) / f64::from(den)),
            codecs: self.codecs().to_vec(),
            bandwidth: self.peak_bps(),
            average_bandwidth: self.average_bps(),
            segments: self.segments,
            last_number: self.last,
            gaps: self.gaps,
            late: self.late,
            path: self.path,
            network,
            local,
            source,
            latency_ms: self.latency.map(|latency| latency.as_millis() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Duration = Duration::from_secs(2);

    #[test]
    fn bandwidth_is_the_peak_and_the_average_is_over_time() {
        let mut variant = Variant::source();
        variant.count(0, 1_000_000, TWO, None);
        variant.count(1, 250_000, Duration::from_millis(500), None);
        variant.count(2, 250_000, TWO, None);
        assert_eq!(variant.peak_bps(), 4_000_000);
        assert_eq!(variant.average_bps(), 2_666_667);
    }

    #[test]
    fn measured_facts_win_over_the_profile_and_stay_when_one_segment_lacks_them() {
        let profile = Profile::preset("P240p30fps16x9").unwrap();
        let mut variant = Variant::rendition(&profile);
        assert_eq!(
            (variant.size(), variant.frame_rate()),
            (Some((426, 240)), Some((30, 1)))
        );
        let facts = Facts {
            size: Some((320, 240)),
            frame_rate: Some((30_000, 1001)),
            codecs: vec!["avc1.640015".into()],
            ..Facts::default()
        };
        variant.count(0, 10, TWO, Some(&facts));
        variant.count(1, 10, TWO, Some(&Facts::default()));
        variant.count(2, 10, TWO, None);
        assert_eq!(
            (variant.size(), variant.frame_rate()),
            (Some((320, 240)), Some((30_000, 1001)))
        );
        assert_eq!(variant.codecs(), ["avc1.640015"]);
    }

    #[test]
    fn late_is_three_durations_and_six_seconds_at_least() {
        let mut variant = Variant::source();
        let ten = Duration::from_secs(10);
        assert!(!variant.note_delivery(DeliveryPath::Network, TWO * 3, TWO));
        assert!(variant.note_delivery(DeliveryPath::Local, Duration::from_millis(6_001), TWO));
        assert!(!variant.note_delivery(DeliveryPath::Network, ten * 3, ten));
        let view = variant.view();
        assert_eq!(
            (view.late, view.network, view.local, view.source),
            (1, 2, 1, 0)
        );
    }
}
