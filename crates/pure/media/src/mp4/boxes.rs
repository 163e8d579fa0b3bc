//! Boxes, and numbers inside them.

use super::Mp4Error;

/// One box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Box4<'a> {
    pub(super) kind: [u8; 4],
    /// Offset of its first byte in the file.
    pub(super) start: u64,
    pub(super) body: &'a [u8],
    /// Offset of its body in the file.
    body_start: u64,
}

/// Boxes in a row. Ends at the first that does not fit, with an error.
pub(super) struct Boxes<'a> {
    bytes: &'a [u8],
    position: u64,
}

/// Reads numbers from a box, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    kind: [u8; 4],
    bytes: &'a [u8],
}

impl<'a> Boxes<'a> {
    /// The boxes of a file.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<Box4<'a>, Mp4Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer bytes than a header are padding.
        let (&[a, b, c, d, kind @ ..], rest) = self.bytes.split_first_chunk::<8>()?;
        let (header, size, rest) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, self.bytes.len() as u64, rest),
            1 => {
                let Some((size, rest)) = rest.split_first_chunk::<8>() else {
                    return self.fail(kind);
                };
                (16, u64::from_be_bytes(*size), rest)
            }
            size => (8, u64::from(size), rest),
        };
        let body = size
            .checked_sub(header)
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| rest.split_at_checked(length));
        let Some((body, rest)) = body else {
            return self.fail(kind);
        };
        let found = Box4 {
            kind,
            start: self.position,
            body,
            body_start: self.position + header,
        };
        self.bytes = rest;
        self.position += size;
        Some(Ok(found))
    }
}

impl<'a> Boxes<'a> {
    fn fail(&mut self, kind: [u8; 4]) -> Option<Result<Box4<'a>, Mp4Error>> {
        self.bytes = &[];
        Some(Err(wrong_length(kind)))
    }
}

impl<'a> Box4<'a> {
    /// The boxes in it.
    pub(super) const fn children(&self) -> Boxes<'a> {
        Boxes {
            bytes: self.body,
            position: self.body_start,
        }
    }

    /// The first box of a kind in it.
    pub(super) fn child(&self, kind: &[u8; 4]) -> Result<Option<Self>, Mp4Error> {
        for child in self.children() {
            let child = child?;
            if child.kind == *kind {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    /// Its numbers.
    pub(super) const fn fields(&self) -> Fields<'a> {
        Fields {
            kind: self.kind,
            bytes: self.body,
        }
    }
}

impl<'a> Fields<'a> {
    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Mp4Error> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Mp4Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mp4Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Mp4Error> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Mp4Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// 64 bits in version 1, 32 before.
    pub(super) fn word(&mut self, version: u8) -> Result<u64, Mp4Error> {
        if version == 1 {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Result<(), Mp4Error> {
        self.bytes = self.bytes.get(bytes..).ok_or(wrong_length(self.kind))?;
        Ok(())
    }

    /// A table of `count` rows of `row_bytes` bytes: what is there must hold it.
    pub(super) fn rows(
        &mut self,
        count: u32,
        row_bytes: usize,
    ) -> Result<std::slice::ChunksExact<'a, u8>, Mp4Error> {
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(row_bytes))
            .and_then(|bytes| self.bytes.split_at_checked(bytes));
        let (rows, rest) = bytes.ok_or(wrong_length(self.kind))?;
        self.bytes = rest;
        Ok(rows.chunks_exact(row_bytes.max(1)))
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Mp4Error> {
        let (array, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or(wrong_length(self.kind))?;
        self.bytes = rest;
        Ok(*array)
    }
}

/// The 32 bits of a row from byte `at` on; 0 past its end, which its length rules out.
pub(super) fn row_u32(row: &[u8], at: usize) -> u32 {
    row.get(at..)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

pub(super) fn wrong_length(kind: [u8; 4]) -> Mp4Error {
    Mp4Error::Length(String::from_utf8_lossy(&kind).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_of_length_are_read() {
        let bytes = [
            &[0, 0, 0, 9][..],
            b"free",
            &[7],
            &[0, 0, 0, 1],
            b"mdat",
            &[0, 0, 0, 0, 0, 0, 0, 17, 8],
            &[0, 0, 0, 0],
            b"skip",
            &[9, 9],
        ]
        .concat();
        let found: Vec<_> = Boxes::new(&bytes)
            .map(|b| b.map(|b| (b.kind, b.start, b.body)).unwrap())
            .collect();
        assert_eq!(
            found,
            [
                (*b"free", 0, &[7][..]),
                (*b"mdat", 9, &[8][..]),
                (*b"skip", 26, &[9, 9][..])
            ]
        );
    }

    #[test]
    fn a_box_that_does_not_fit_is_an_error_once() {
        for size in [[0, 0, 0, 7], [0, 0, 0, 100], [0, 0, 0, 1]] {
            let bytes = [&size[..], b"moov"].concat();
            let found: Vec<_> = Boxes::new(&bytes).collect();
            assert_eq!(found, [Err(Mp4Error::Length("moov".into()))]);
        }
    }

    #[test]
    fn a_table_must_fit_its_box() {
        let found = Box4 {
            kind: *b"stts",
            start: 0,
            body: &[0; 16],
            body_start: 8,
        };
        assert_eq!(found.fields().rows(2, 8).unwrap().count(), 2);
        assert!(found.fields().rows(3, 8).is_err());
        assert!(found.fields().rows(u32::MAX, 8).is_err());
    }
}
