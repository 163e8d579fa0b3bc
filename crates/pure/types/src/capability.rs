//! What a node can do, as numbered in the protocol.

/// A capability with its number in the protocol. Numbers without a variant (AI pipelines and a
/// retired one) can stand in a [`CapabilitySet`] but are never claimed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
#[allow(
    missing_docs,
    reason = "the names are those of the protocol; see `name`"
)]
pub enum Capability {
    H264 = 0,
    MpegTs = 1,
    Mp4 = 2,
    FractionalFramerates = 3,
    StorageDirect = 4,
    StorageS3 = 5,
    StorageGcs = 6,
    H264Baseline = 7,
    H264Main = 8,
    H264High = 9,
    H264ConstrainedHigh = 10,
    Gop = 11,
    AuthToken = 12,
    Mpeg7Signature = 14,
    HevcDecode = 15,
    HevcEncode = 16,
    Vp8Decode = 17,
    Vp9Decode = 18,
    Vp8Encode = 19,
    Vp9Encode = 20,
    H264DecodeYuv444Bit8 = 21,
    H264DecodeYuv422Bit8 = 22,
    H264DecodeYuv444Bit10 = 23,
    H264DecodeYuv422Bit10 = 24,
    H264DecodeYuv420Bit10 = 25,
    SegmentSlicing = 26,
}

/// A number no capability here has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("capability {0} is not one this node knows")]
pub struct UnknownCapability(pub u32);

impl Capability {
    /// All of them, by number.
    pub const ALL: &'static [Self] = &[
        Self::H264,
        Self::MpegTs,
        Self::Mp4,
        Self::FractionalFramerates,
        Self::StorageDirect,
        Self::StorageS3,
        Self::StorageGcs,
        Self::H264Baseline,
        Self::H264Main,
        Self::H264High,
        Self::H264ConstrainedHigh,
        Self::Gop,
        Self::AuthToken,
        Self::Mpeg7Signature,
        Self::HevcDecode,
        Self::HevcEncode,
        Self::Vp8Decode,
        Self::Vp9Decode,
        Self::Vp8Encode,
        Self::Vp9Encode,
        Self::H264DecodeYuv444Bit8,
        Self::H264DecodeYuv422Bit8,
        Self::H264DecodeYuv444Bit10,
        Self::H264DecodeYuv422Bit10,
        Self::H264DecodeYuv420Bit10,
        Self::SegmentSlicing,
    ];

    /// Its number in the protocol.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The text other nodes print for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::MpegTs => "MPEGTS",
            Self::Mp4 => "MP4",
            Self::FractionalFramerates => "Fractional framerates",
            Self::StorageDirect => "Storage direct",
            Self::StorageS3 => "Storage S3",
            Self::StorageGcs => "Storage GCS",
            Self::H264Baseline => "H264 Baseline profile",
            Self::H264Main => "H264 Main profile",
            Self::H264High => "H264 High profile",
            Self::H264ConstrainedHigh => "H264 Constrained, Contained High profile",
            Self::Gop => "GOP",
            Self::AuthToken => "Auth token",
            Self::Mpeg7Signature => "MPEG7 signature",
            Self::HevcDecode => "HEVC decode",
            Self::HevcEncode => "HEVC encode",
            Self::Vp8Decode => "VP8 decode",
            Self::Vp9Decode => "VP9 decode",
            Self::Vp8Encode => "VP8 encode",
            Self::Vp9Encode => "VP9 encode",
            Self::H264DecodeYuv444Bit8 => "H264 Decode YUV444 8-bit",
            Self::H264DecodeYuv422Bit8 => "H264 Decode YUV422 8-bit",
            Self::H264DecodeYuv444Bit10 => "H264 Decode YUV444 10-bit",
            Self::H264DecodeYuv422Bit10 => "H264 Decode YUV422 10-bit",
            Self::H264DecodeYuv420Bit10 => "H264 Decode YUV420 10-bit",
            Self::SegmentSlicing => "Segment slicing",
        }
    }
}

impl TryFrom<u32> for Capability {
    type Error = UnknownCapability;

    fn try_from(number: u32) -> Result<Self, UnknownCapability> {
        Self::ALL
            .iter()
            .copied()
            .find(|capability| capability.number() == number)
            .ok_or(UnknownCapability(number))
    }
}

/// A set of capability numbers as the protocol writes it: bit i of the set lives in word i/64,
/// bit i mod 64. The array length counts in comparisons, so foreign sets keep theirs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CapabilitySet {
    words: Vec<u64>,
}

/// Words kept of a foreign set: numbers up to 1,023, far beyond any assigned one.
const MAX_WORDS: usize = 16;

impl CapabilitySet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { words: Vec::new() }
    }

    /// From the words of a message, length kept. `None` when longer than any real set.
    pub fn from_words(words: Vec<u64>) -> Option<Self> {
        (words.len() <= MAX_WORDS).then_some(Self { words })
    }

    /// The words of the message.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Adds a number, growing the array only as far as needed. Numbers past any real set are
    /// ignored.
    pub fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= MAX_WORDS {
            return;
        }
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << (number % 64);
        }
    }

    /// Removes a number; the array keeps its length.
    pub fn remove(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: u32) -> bool {
        self.words
            .get(number as usize / 64)
            .is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Whether every bit here is also there. A longer array is never inside a shorter one, even
    /// when its extra words are zero: that is how peers compare.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.words.len() <= other.words.len()
            && self
                .words
                .iter()
                .zip(&other.words)
                .all(|(ours, theirs)| ours & theirs == *ours)
    }

    /// The numbers in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.words).flat_map(|(index, word)| {
            (0..64u32)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| index * 64 + bit)
        })
    }

    /// Whether no bit is set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(iter: I) -> Self {
        iter.into_iter().map(Capability::number).collect()
    }
}

impl FromIterator<u32> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = u32>>(iter: I) -> Self {
        let mut set = Self::new();
        iter.into_iter().for_each(|number| set.insert(number));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_live_in_words_of_64() {
        let set: CapabilitySet = [0u32, 1, 12, 70].into_iter().collect();
        assert_eq!(set.words(), &[4099, 64]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 1, 12, 70]);
        assert!(set.contains(70) && !set.contains(69));
    }

    #[test]
    fn a_longer_array_is_no_subset() {
        let long = CapabilitySet::from_words(vec![1, 0]).unwrap();
        let short = CapabilitySet::from_words(vec![1]).unwrap();
        assert!(!long.is_subset_of(&short));
        assert!(short.is_subset_of(&long));
        assert!(CapabilitySet::from_words(vec![0; 17]).is_none());
    }
}
