//! Messages in, chunks out.

use super::FIRST_CHUNK_SIZE;

/// Cuts messages into chunks, always with full first headers: a few bytes more for far less to
/// go wrong at the other end.
#[derive(Debug)]
pub struct ChunkWriter {
    chunk_size: usize,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self {
            chunk_size: FIRST_CHUNK_SIZE,
        }
    }
}

impl ChunkWriter {
    /// Uses this chunk size from now on; the peer must have been told. Zero counts as one.
    pub const fn set_chunk_size(&mut self, size: u32) {
        self.chunk_size = if size == 0 { 1 } else { size as usize };
    }

    /// Appends a message. `id` is the chunk stream, 2 to 63; the payload is at most 2²⁴ − 1 bytes
    /// long, and what is beyond is left out.
    pub fn write(
        &self,
        id: u8,
        kind: u8,
        stream: u32,
        timestamp: u32,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        const LONGEST: usize = 0xff_ffff;
        let payload = payload.get(..LONGEST).unwrap_or(payload);
        let extended = (timestamp >= 0xff_ffff).then(|| timestamp.to_be_bytes());
        let [_, time @ ..] = timestamp.min(0xff_ffff).to_be_bytes();
        let [_, length @ ..] = u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        out.push(id & 0x3f);
        out.extend(time);
        out.extend(length);
        out.push(kind);
        out.extend(stream.to_le_bytes());
        out.extend(extended.iter().flatten());
        for (index, part) in payload.chunks(self.chunk_size).enumerate() {
            if index > 0 {
                out.push(0xc0 | (id & 0x3f));
                out.extend(extended.iter().flatten());
            }
            out.extend(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ChunkReader;
    use crate::message::{Message, kind};

    #[test]
    fn what_is_written_is_read_back() {
        let writer = ChunkWriter::default();
        for (timestamp, length) in [(0, 0), (40, 128), (0xff_fffe, 129), (0xff_ffff, 500)] {
            let payload = vec![7; length];
            let mut bytes = Vec::new();
            writer.write(6, kind::VIDEO, 1, timestamp, &payload, &mut bytes);
            let message = ChunkReader::default().read(&mut &bytes[..]).unwrap();
            let expected = Message {
                kind: kind::VIDEO,
                stream: 1,
                timestamp,
                payload: payload.into(),
            };
            assert_eq!(message, Some(expected));
        }
    }
}
