//! HTTP/2 frames by hand, for what a well-behaved library hides or would never send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RESET: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;

    pub(crate) fn settings(pairs: &[(u16, u32)]) -> Self {
        let payload = pairs
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        Self {
            kind: Self::SETTINGS,
            flags: 0,
            stream: 0,
            payload,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [
            &length[1..],
            &[self.kind, self.flags],
            &self.stream.to_be_bytes(),
        ]
        .concat();
        [head, self.payload.clone()].concat()
    }

    pub(crate) fn as_settings(&self) -> Vec<(u16, u32)> {
        self.payload
            .chunks(6)
            .map(|pair| {
                let (id, value) = pair.split_at(2);
                (
                    u16::from_be_bytes(id.try_into().unwrap()),
                    u32::from_be_bytes(value.try_into().unwrap()),
                )
            })
            .collect()
    }

    pub(crate) fn as_number(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }
}

pub(crate) async fn read_preface(stream: &mut TcpStream) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    assert_eq!(preface, PREFACE);
}

pub(crate) async fn read_frame(stream: &mut TcpStream) -> Frame {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.unwrap();
    let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
    Frame {
        kind: head[3],
        flags: head[4],
        stream,
        payload,
    }
}

pub(crate) async fn write_frames(stream: &mut TcpStream, frames: &[Frame]) {
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    stream.write_all(&bytes).await.unwrap();
}
