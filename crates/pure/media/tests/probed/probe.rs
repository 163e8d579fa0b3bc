//! What `ffprobe` says.

use serde_json::Value;
use streamflow_types::ChromaFormat;

use crate::made;

/// Streams and packets of a segment.
pub(crate) struct Probed(Value);

/// One stream of it.
pub(crate) struct Stream<'a> {
    stream: &'a Value,
    packets: Vec<&'a Value>,
    /// Ticks of 90 kHz in a unit of its times.
    scale: (i64, i64),
}

pub(crate) fn probe(bytes: &[u8], format: &str) -> Probed {
    // From a file: the index of MP4 may be behind what it leads to.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file.as_file(), bytes).unwrap();
    let path = file.path().display();
    let arguments = format!("-f {format} -show_streams -show_packets -of json {path}");
    let json = made::run("ffprobe", &arguments, None);
    Probed(serde_json::from_slice(&json).unwrap())
}

/// Frames a decoder gives.
pub(crate) fn decoded_frames(bytes: &[u8], format: &str) -> u64 {
    let arguments = format!(
        "-f {format} -count_frames -select_streams v:0 \
         -show_entries stream=nb_read_frames -of json -"
    );
    let json = made::run("ffprobe", &arguments, Some(bytes));
    let value: Value = serde_json::from_slice(&json).unwrap();
    value["streams"][0]["nb_read_frames"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

pub(crate) fn pixel_format(chroma: Option<ChromaFormat>, bit_depth: u8) -> String {
    let name = match chroma {
        None => "gray",
        Some(ChromaFormat::Yuv420) => "yuv420p",
        Some(ChromaFormat::Yuv422) => "yuv422p",
        Some(ChromaFormat::Yuv444) => "yuv444p",
    };
    match bit_depth {
        8 => name.to_owned(),
        depth => format!("{name}{depth}le"),
    }
}

impl Probed {
    pub(crate) fn stream(&self, kind: &str) -> Option<Stream<'_>> {
        let streams = self.0["streams"].as_array().unwrap();
        let stream = streams.iter().find(|stream| stream["codec_type"] == kind)?;
        let packets = self.0["packets"].as_array().unwrap();
        let of_stream = packets
            .iter()
            .filter(|packet| packet["stream_index"] == stream["index"]);
        Some(Stream {
            stream,
            packets: of_stream.collect(),
            scale: ratio(stream["time_base"].as_str().unwrap()),
        })
    }
}

impl Stream<'_> {
    pub(crate) fn width(&self) -> u32 {
        u32::try_from(self.number("width")).unwrap()
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.number("height")).unwrap()
    }

    pub(crate) fn number(&self, key: &str) -> i64 {
        let value = &self.stream[key];
        value
            .as_i64()
            .unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.stream[key].as_str().unwrap().to_owned()
    }

    /// The nine numbers of the display matrix.
    pub(crate) fn display_matrix(&self) -> Vec<i32> {
        let text = self.stream["side_data_list"][0]["displaymatrix"]
            .as_str()
            .unwrap();
        let rows = text
            .lines()
            .filter_map(|line| Some(line.split_once(':')?.1));
        rows.flat_map(str::split_whitespace)
            .map(|number| number.parse().unwrap())
            .collect()
    }

    pub(crate) fn rate(&self, key: &str) -> (u32, u32) {
        let (num, den) = ratio(self.stream[key].as_str().unwrap());
        (u32::try_from(num).unwrap(), u32::try_from(den).unwrap())
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets.len() as u64
    }

    pub(crate) fn packet_bytes(&self) -> u64 {
        let sizes = self.packets.iter().map(|packet| &packet["size"]);
        sizes
            .map(|size| size.as_str().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    pub(crate) fn packet_times(&self, key: &str) -> Vec<Option<i64>> {
        let (num, den) = self.scale;
        let ticks = |units: i64| (units * num * 90_000 + den / 2).div_euclid(den);
        self.packets
            .iter()
            .map(|packet| packet[key].as_i64().map(ticks))
            .collect()
    }

    pub(crate) fn packet_keys(&self) -> Vec<bool> {
        let flags = self.packets.iter().map(|packet| &packet["flags"]);
        flags
            .map(|flags| flags.as_str().unwrap().contains('K'))
            .collect()
    }
}

fn ratio(text: &str) -> (i64, i64) {
    let (num, den) = text.split_once('/').unwrap();
    (num.parse().unwrap(), den.parse().unwrap())
}
