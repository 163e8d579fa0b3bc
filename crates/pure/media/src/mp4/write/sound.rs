//! How sound is described and freed of its headers.

use crate::codec::aac::AdtsHeader;

/// The frame behind an ADTS header.
pub(super) fn without_adts(frame: &[u8]) -> &[u8] {
    // Without the protection bit two bytes of checksum follow.
    let has_checksum = frame.get(1).is_some_and(|flags| flags & 1 == 0);
    let header = if has_checksum { 9 } else { 7 };
    frame.get(header..).unwrap_or_default()
}

/// The configuration that an ADTS header repeats.
pub(super) fn aac_config(frame: &[u8]) -> Option<[u8; 2]> {
    let object = AdtsHeader::parse(frame)?.object_type;
    let [_, _, rates, channels, ..] = *frame else {
        return None;
    };
    let (rate, channels) = (rates >> 2 & 0xf, (rates & 1) << 2 | channels >> 6);
    Some([object << 3 | rate >> 1, rate << 7 | channels << 3])
}

/// The descriptors of `esds`.
pub(super) fn descriptors(aac: Option<[u8; 2]>) -> Vec<u8> {
    let described = |tag: u8, body: &[u8]| {
        let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
        [&[tag, length][..], body].concat()
    };
    let object = if aac.is_some() { 0x40 } else { 0x6b };
    let mut decoder = vec![object, 0x15, 0, 0, 0];
    decoder.extend([0; 8]);
    decoder.extend(aac.iter().flat_map(|config| described(5, config)));
    let mut stream = vec![0, 0, 0];
    stream.extend(described(4, &decoder));
    stream.extend(described(6, &[2]));
    described(3, &stream)
}
