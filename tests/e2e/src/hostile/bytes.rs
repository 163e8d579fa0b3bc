//! Damage to bytes: cut, flipped, shuffled, or no video at all.

use super::{Expect, Workshop};

/// Bytes of a packet of a transport stream.
const PACKET: usize = 188;

/// The packet identifier of null packets.
const NULL_PID: u16 = 0x1fff;

pub(super) fn add(shop: &mut Workshop) {
    nothing(shop);
    cut(shop);
    packets(shop);
    other_files(shop);
}

fn nothing(shop: &mut Workshop) {
    shop.add("one-byte", Expect::Refused, vec![0x47]);
    shop.add(
        "almost-a-packet",
        Expect::Refused,
        shop.base[..PACKET - 1].to_vec(),
    );
    shop.add("zeros", Expect::Refused, vec![0; 1 << 20]);
    shop.add("ones", Expect::Refused, vec![0xff; 1 << 20]);
    shop.add("noise", Expect::Refused, noise(100_000, 7));
    shop.add("sync-bytes", Expect::Refused, vec![0x47; PACKET * 500]);
    let mut null = noise(PACKET * 20_000, 3);
    for packet in null.chunks_mut(PACKET) {
        packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    }
    shop.add("null-packets", Expect::Refused, null);
    shop.add(
        "tables-only",
        Expect::Refused,
        shop.base[..PACKET * 3].to_vec(),
    );
}

fn cut(shop: &mut Workshop) {
    let length = shop.base.len();
    for (name, kept) in [
        ("half", length / 2),
        ("tenth", length / 10),
        ("mid-packet", length - 77),
    ] {
        let bytes = shop.base[..kept].to_vec();
        shop.add(&format!("cut-to-{name}"), Expect::Either, bytes);
    }
    shop.add(
        "head-missing",
        Expect::Either,
        shop.base[PACKET * 40..].to_vec(),
    );
    shop.add("misaligned", Expect::Either, shop.base[13..].to_vec());
    for seed in 1..=8 {
        let mut bytes = shop.base.clone();
        // One bit in about a thousand bytes.
        for (at, dice) in noise(length, seed).chunks(4).enumerate() {
            if dice.len() == 4 && dice[0] == 0 && dice[1] < 64 {
                bytes[at * 4 + usize::from(dice[2] % 4)] ^= 1 << (dice[3] % 8);
            }
        }
        shop.add(&format!("flipped-bits-{seed}"), Expect::Either, bytes);
    }
    let mut hole = shop.base.clone();
    hole[length / 3..length / 2].fill(0);
    shop.add("hole", Expect::Either, hole);
}

fn packets(shop: &mut Workshop) {
    let packets: Vec<Vec<u8>> = shop.base.chunks_exact(PACKET).map(<[u8]>::to_vec).collect();
    let twice = packets
        .iter()
        .flat_map(|packet| [packet.clone(), packet.clone()].concat());
    shop.add("every-packet-twice", Expect::Either, twice.collect());
    let backwards = packets.iter().rev().flatten().copied().collect();
    shop.add("packets-backwards", Expect::Either, backwards);
    let shuffled = noise(packets.len(), 5);
    let mut order: Vec<usize> = (0..packets.len()).collect();
    order.sort_by_key(|place| shuffled[*place]);
    let shuffled = order
        .iter()
        .flat_map(|place| packets[*place].clone())
        .collect();
    shop.add("packets-shuffled", Expect::Either, shuffled);
    let with = |change: &dyn Fn(&mut Vec<u8>)| -> Vec<u8> {
        let mut packets = packets.clone();
        packets.iter_mut().for_each(change);
        packets.concat()
    };
    let scrambled = with(&|packet| packet[3] |= 0b1000_0000);
    shop.add("scrambled", Expect::Either, scrambled);
    let errors = with(&|packet| packet[1] |= 0b1000_0000);
    shop.add("errors-flagged", Expect::Either, errors);
    // Nothing says where a picture begins: one packet of the stream without an end.
    let endless = with(&|packet| {
        if pid(packet) == video(&shop.base) {
            packet[1] &= 0b1011_1111;
        }
    });
    shop.add("endless-pes", Expect::Either, endless);
    let counters = with(&|packet| packet[3] = (packet[3] & 0xf0) | 7);
    shop.add("counters-stand-still", Expect::Either, counters);
    let no_tables: Vec<u8> = packets
        .iter()
        .filter(|p| pid(p) >= 0x100)
        .flatten()
        .copied()
        .collect();
    shop.add("no-tables", Expect::Either, no_tables);
    let without_video = packets
        .iter()
        .filter(|packet| pid(packet) != video(&shop.base));
    let without_video = without_video.flatten().copied().collect();
    // Declared, and never sent: passed on as it is, for it may come back.
    shop.add("video-declared-and-absent", Expect::Either, without_video);
    let mut late = vec![0u8; 0];
    for _ in 0..5_000 {
        late.extend_from_slice(&null_packet());
    }
    late.extend_from_slice(&shop.base);
    shop.add("a-megabyte-of-padding-first", Expect::Either, late);
}

fn other_files(shop: &mut Workshop) {
    let texts: [(&str, &str); 7] = [
        ("html", "<!doctype html><script>fetch('/')</script>"),
        (
            "playlist",
            "#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        ),
        ("ffconcat", "ffconcat version 1.0\nfile '/etc/passwd'\n"),
        (
            "sdp",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        ),
        (
            "dash",
            "<?xml version=\"1.0\"?><MPD><Period><BaseURL>file:///etc/</BaseURL></Period></MPD>",
        ),
        ("subtitles", "1\n00:00:00,000 --> 00:00:02,000\nhello\n"),
        ("json", "{\"video\": null}"),
    ];
    for (name, text) in texts {
        let bytes = text.repeat(40).into_bytes();
        shop.add(&format!("file-{name}"), Expect::Refused, bytes);
    }
    let files: [(&str, &[u8]); 5] = [
        (
            "png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x02\0\0\0",
        ),
        ("zip", b"PK\x03\x04\x14\0\0\0\x08\0"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0"),
        ("elf", b"\x7fELF\x02\x01\x01\0"),
        ("pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj"),
    ];
    for (name, head) in files {
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(&noise(10_000, 11));
        shop.add(&format!("file-{name}"), Expect::Refused, bytes);
    }
}

fn null_packet() -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    packet
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1], packet[2]]) & NULL_PID
}

/// The identifier of most packets, which is the video's.
fn video(stream: &[u8]) -> u16 {
    let mut counts = std::collections::HashMap::new();
    for packet in stream.chunks_exact(PACKET) {
        *counts.entry(pid(packet)).or_insert(0) += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(NULL_PID, |(pid, _)| pid)
}

/// The same bytes every time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
