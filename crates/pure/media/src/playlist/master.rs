//! The list of a stream's variants.

use std::fmt::Write;
use std::time::Duration;

use super::VERSION;

/// One variant of a stream. Build it with [`Variant::new`] and fill in what was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Where its media playlist is, relative to the master.
    pub uri: String,
    /// Peak bits a second of any of its segments.
    pub bandwidth: u64,
    /// Mean bits a second of its segments.
    pub average_bandwidth: Option<u64>,
    /// Width and height.
    pub resolution: Option<(u32, u32)>,
    /// Frames a second, as a ratio.
    pub frame_rate: Option<(u32, u32)>,
    /// Codec of every track (RFC 6381). Empty where one is not known.
    pub codecs: Vec<String>,
}

/// The list of a stream's variants, in the order players see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MasterPlaylist {
    /// The variants.
    pub variants: Vec<Variant>,
    /// Every segment of every variant starts with a key frame.
    pub independent_segments: bool,
}

/// Measures the bandwidth of a variant from its segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VariantMeter {
    peak: u64,
    bytes: u64,
    nanos: u128,
}

impl Variant {
    /// A variant of which only its bandwidth is known.
    pub fn new(uri: &str, bandwidth: u64) -> Self {
        Self {
            uri: uri.to_owned(),
            bandwidth,
            average_bandwidth: None,
            resolution: None,
            frame_rate: None,
            codecs: Vec::new(),
        }
    }

    fn write(&self, text: &mut String) {
        // A peak of 0 is no bandwidth; players divide by it.
        let bandwidth = self.bandwidth.max(1);
        push(
            text,
            format_args!("#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}"),
        );
        if let Some(average) = self.average_bandwidth {
            let average = average.clamp(1, bandwidth);
            push(text, format_args!(",AVERAGE-BANDWIDTH={average}"));
        }
        if let Some((width, height)) = self.resolution {
            push(text, format_args!(",RESOLUTION={width}x{height}"));
        }
        if let Some((num, den)) = self.frame_rate.filter(|(num, den)| *num > 0 && *den > 0) {
            let milli = (u64::from(num) * 1000 + u64::from(den) / 2) / u64::from(den);
            let (whole, rest) = (milli / 1000, milli % 1000);
            push(text, format_args!(",FRAME-RATE={whole}.{rest:03}"));
        }
        if !self.codecs.is_empty() && self.codecs.iter().all(|codec| super::is_safe(codec)) {
            push(text, format_args!(",CODECS=\"{}\"", self.codecs.join(",")));
        }
        push(text, format_args!("\n{}\n", self.uri));
    }
}

impl MasterPlaylist {
    /// The text. Variants whose URI cannot stand on a line are left out.
    pub fn write(&self) -> String {
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
        if self.independent_segments {
            text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        for variant in self.listed() {
            variant.write(&mut text);
        }
        text
    }

    /// The text as older nodes of the network write it: bandwidth and size alone.
    pub fn write_compatible(&self) -> String {
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
        for variant in self.listed() {
            let bandwidth = variant.bandwidth;
            push(
                &mut text,
                format_args!("#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH={bandwidth}"),
            );
            if let Some((width, height)) = variant.resolution {
                push(&mut text, format_args!(",RESOLUTION={width}x{height}"));
            }
            push(&mut text, format_args!("\n{}\n", variant.uri));
        }
        text
    }

    fn listed(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|v| super::is_safe(&v.uri))
    }
}

impl VariantMeter {
    /// Of nothing yet.
    pub const fn new() -> Self {
        Self {
            peak: 0,
            bytes: 0,
            nanos: 0,
        }
    }

    /// Adds a segment. One without duration says nothing and is ignored.
    pub fn add(&mut self, bytes: u64, duration: Duration) {
        let nanos = duration.as_nanos();
        if nanos == 0 {
            return;
        }
        self.peak = self.peak.max(bits_a_second(bytes, nanos));
        self.bytes = self.bytes.saturating_add(bytes);
        self.nanos = self.nanos.saturating_add(nanos);
    }

    /// The highest bitrate of a segment, rounded up; `None` before the first.
    pub fn peak(&self) -> Option<u64> {
        (self.nanos > 0).then_some(self.peak)
    }

    /// The bitrate of all segments together, rounded up; `None` before the first.
    pub fn average(&self) -> Option<u64> {
        (self.nanos > 0).then(|| bits_a_second(self.bytes, self.nanos))
    }
}

fn bits_a_second(bytes: u64, nanos: u128) -> u64 {
    let bits = u128::from(bytes) * 8 * 1_000_000_000;
    u64::try_from(bits.div_ceil(nanos)).unwrap_or(u64::MAX)
}

/// Appends to a text. Writing to a `String` cannot fail.
pub(super) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master() -> MasterPlaylist {
        let mut low = Variant::new("olive/360p0.m3u8", 900_000);
        low.average_bandwidth = Some(812_345);
        low.resolution = Some((640, 360));
        low.frame_rate = Some((30_000, 1001));
        low.codecs = vec!["avc1.64001e".into(), "mp4a.40.2".into()];
        let mut source = Variant::new("olive/source.m3u8", 4_000_000);
        source.resolution = Some((1280, 720));
        MasterPlaylist {
            variants: vec![source, low],
            independent_segments: true,
        }
    }

    #[test]
    fn attributes_are_written_where_known() {
        assert_eq!(
            master().write(),
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=1280x720\nolive/source.m3u8\n\
             #EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=812345,RESOLUTION=640x360,\
             FRAME-RATE=29.970,CODECS=\"avc1.64001e,mp4a.40.2\"\nolive/360p0.m3u8\n"
        );
    }

    #[test]
    fn the_compatible_text_is_that_of_older_nodes() {
        assert_eq!(
            master().write_compatible(),
            "#EXTM3U\n#EXT-X-VERSION:3\n\
             #EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=4000000,RESOLUTION=1280x720\n\
             olive/source.m3u8\n\
             #EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=900000,RESOLUTION=640x360\n\
             olive/360p0.m3u8\n"
        );
    }

    #[test]
    fn a_uri_that_would_break_the_list_is_left_out() {
        let mut master = master();
        master.variants[0].uri = "a\n#EXT-X-ENDLIST".into();
        assert!(!master.write().contains("ENDLIST"));
    }

    #[test]
    fn another_parser_reads_the_same_variants() {
        let parsed = m3u8_rs::parse_master_playlist_res(master().write().as_bytes()).unwrap();
        assert_eq!(parsed.variants.len(), 2);
        assert_eq!(parsed.variants[1].frame_rate, Some(29.97));
        assert_eq!(parsed.variants[1].average_bandwidth, Some(812_345));
        assert!(parsed.independent_segments);
    }

    #[test]
    fn bandwidth_is_measured_from_segments() {
        let mut meter = VariantMeter::new();
        assert_eq!(meter.peak(), None);
        meter.add(250_000, Duration::from_secs(2));
        meter.add(125_000, Duration::from_millis(500));
        meter.add(99, Duration::ZERO);
        assert_eq!(meter.peak(), Some(2_000_000));
        assert_eq!(meter.average(), Some(1_200_000));
    }
}
