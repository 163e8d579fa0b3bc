//! Bytes handed to another process without a file system: anonymous memory files, sealed so that
//! nobody can change or shrink them while the other side reads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};

/// What must be sealed before bytes of another process are read: without these it could shrink
/// the file under the reader, or change it after a check.
const REQUIRED: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// A memory file nobody can change any more.
#[derive(Debug)]
pub struct SealedMemory {
    file: OwnedFd,
}

/// Why a memory file could not be made or was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The system gave no memory file, or no more memory.
    #[error("memory file: {0}")]
    System(#[from] io::Error),
    /// The other side can still change it.
    #[error("the memory file is not sealed")]
    NotSealed,
    /// Larger than what may be there.
    #[error("a memory file of {size} bytes, more than {limit}")]
    TooLarge {
        /// Its size.
        size: u64,
        /// What is allowed.
        limit: usize,
    },
}

impl SealedMemory {
    /// Copies the bytes into a new sealed file.
    pub fn seal(bytes: &[u8]) -> Result<Self, MemoryError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create(c"streamflow", flags).map_err(io::Error::from)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&file, rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        fcntl_add_seals(&file, REQUIRED | SealFlags::SEAL).map_err(io::Error::from)?;
        Ok(Self { file })
    }

    /// Takes a file of the other side, once it is sealed.
    pub fn accept(file: OwnedFd) -> Result<Self, MemoryError> {
        // Anything but a memory file or a file of its kind has no seals and is refused here.
        let seals = fcntl_get_seals(&file).map_err(io::Error::from)?;
        if seals.contains(REQUIRED) {
            Ok(Self { file })
        } else {
            Err(MemoryError::NotSealed)
        }
    }

    /// All of its bytes, when there are at most `limit`.
    pub fn read(&self, limit: usize) -> Result<Bytes, MemoryError> {
        let stat = fstat(&self.file).map_err(io::Error::from)?;
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        let length = usize::try_from(size)
            .ok()
            .filter(|length| *length <= limit)
            .ok_or(MemoryError::TooLarge { size, limit })?;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = bytes.len() as u64;
            let space = rustix::buffer::spare_capacity(&mut bytes);
            match rustix::io::pread(&self.file, space, at) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        Ok(Bytes::from(bytes))
    }
}

impl AsFd for SealedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_read_back_and_cannot_change() {
        let data: Vec<u8> = (0..1_000_000u32).map(|i| i as u8).collect();
        let memory = SealedMemory::seal(&data).unwrap();
        assert_eq!(memory.read(data.len()).unwrap(), data);
        assert!(rustix::io::pwrite(&memory, b"x", 0).is_err());
        assert!(matches!(
            memory.read(999_999),
            Err(MemoryError::TooLarge {
                size: 1_000_000,
                ..
            })
        ));
        assert_eq!(
            SealedMemory::seal(b"").unwrap().read(0).unwrap(),
            Bytes::new()
        );
    }

    #[test]
    fn a_file_that_can_still_change_is_refused() {
        let open = memfd_create(c"open", MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(matches!(
            SealedMemory::accept(open),
            Err(MemoryError::NotSealed)
        ));
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        assert!(matches!(
            SealedMemory::accept(pipe),
            Err(MemoryError::System(_))
        ));
    }
}
