//! The chain on disk: one line a block, enough to mine it again.
//!
//! A line holds what a block was made of, and its hash. Opening the file mines every block again
//! and compares the hashes, so a chain that comes back is the chain that was there. A last line
//! that was cut off by a kill is dropped.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes};

use crate::block::Block;
use crate::chain::FollowError;
use crate::state::Edit;

/// The name of the file in its folder.
const FILE: &str = "blocks.jsonl";

/// Where a chain is written down.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Where the line of block n ends, for n = 0 on; the genesis block has the first line.
    ends: Vec<u64>,
    length: u64,
}

/// A line of the file.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    Genesis(B256),
    Block(WrittenBlock),
    Edit(Edit),
}

/// What was written down, in order.
pub(crate) enum Written {
    Block(WrittenBlock),
    Edit(Edit),
}

/// What a block was made of.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenBlock {
    pub(crate) hash: B256,
    pub(crate) timestamp: u64,
    pub(crate) base_fee: u64,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(crate) extra_data: Bytes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) transactions: Vec<Bytes>,
}

fn is_empty(bytes: &Bytes) -> bool {
    bytes.as_ref().is_empty()
}

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be read or written. The reason is inside.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another program has the chain open. Stop it, or take another folder.
    #[error("{path} is in use by another program: stop it, or take another folder")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The folder holds a chain of other settings. Use those, or another folder.
    #[error(
        "{path} holds another chain (genesis {found}, not {wanted}): start it with the settings \
         it was made with, or remove the folder"
    )]
    OtherChain {
        /// Which file.
        path: PathBuf,
        /// In the file.
        found: B256,
        /// By the settings.
        wanted: B256,
    },
    /// A line is damaged. Remove the folder to start anew.
    #[error("{path}, line {line}: {reason}; remove the folder to start a new chain")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Journal {
    /// Opens the chain in `folder` or starts one. What is found goes to `follow`, in order.
    pub(crate) fn open(
        folder: &Path,
        genesis: B256,
        mut follow: impl FnMut(Written) -> Result<(), FollowError>,
    ) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        let file = open_file(folder, &path).map_err(|source| OpenError::Io {
            path: path.clone(),
            source,
        })?;
        if file.try_lock().is_err() {
            return Err(OpenError::InUse { path });
        }
        let mut journal = Self {
            file,
            path,
            ends: Vec::new(),
            length: 0,
        };
        journal.read(genesis, &mut follow)?;
        if journal.ends.is_empty() {
            journal.add(&Line::Genesis(genesis));
            journal.ends.push(journal.length);
        }
        Ok(journal)
    }

    /// Writes a block down.
    pub(crate) fn add_block(&mut self, block: &Block) {
        let transactions = block.transactions.iter();
        self.add(&Line::Block(WrittenBlock {
            hash: block.hash,
            timestamp: block.header.timestamp,
            base_fee: block.header.base_fee_per_gas.unwrap_or_default(),
            extra_data: block.header.extra_data.clone(),
            transactions: transactions
                .map(|mined| mined.transaction.envelope.encoded_2718().into())
                .collect(),
        }));
        self.ends.push(self.length);
    }

    /// Writes a change by hand down.
    pub(crate) fn add_edit(&mut self, edit: &Edit) {
        self.add(&Line::Edit(edit.clone()));
    }

    /// Forgets all that came after the line of block `number`.
    pub(crate) fn cut_after(&mut self, number: u64) {
        let keep = usize::try_from(number)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        self.ends.truncate(keep);
        self.length = self.ends.last().copied().unwrap_or_default();
        let cut = self.file.set_len(self.length);
        self.report(cut);
    }

    fn add(&mut self, line: &Line) {
        let mut bytes = serde_json::to_vec(line).expect("lines hold nothing that JSON lacks");
        bytes.push(b'\n');
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(&bytes));
        self.length += bytes.len() as u64;
        self.report(written);
    }

    /// A chain that cannot be saved goes on, and says so with every block.
    fn report(&self, result: io::Result<()>) {
        if let Err(error) = result {
            let path = self.path.display();
            tracing::error!(%error, %path, "the chain is not saved: it will not survive a restart");
        }
    }

    fn read(
        &mut self,
        genesis: B256,
        follow: &mut impl FnMut(Written) -> Result<(), FollowError>,
    ) -> Result<(), OpenError> {
        let file = self.file.try_clone().map_err(|error| self.io(error))?;
        let mut reader = BufReader::new(file);
        let mut text = String::new();
        for line in 1.. {
            text.clear();
            let read = reader
                .read_line(&mut text)
                .map_err(|error| self.io(error))?;
            if !text.ends_with('\n') {
                // The end, or what a kill left of a line.
                self.file
                    .set_len(self.length)
                    .map_err(|error| self.io(error))?;
                break;
            }
            self.length += read as u64;
            let damaged = |reason: String| OpenError::Damaged {
                path: self.path.clone(),
                line,
                reason,
            };
            let parsed = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
            match parsed {
                Line::Genesis(found) if found != genesis => {
                    return Err(OpenError::OtherChain {
                        path: self.path.clone(),
                        found,
                        wanted: genesis,
                    });
                }
                Line::Genesis(_) => self.ends.push(self.length),
                Line::Block(block) => {
                    follow(Written::Block(block)).map_err(|error| damaged(error.to_string()))?;
                    self.ends.push(self.length);
                }
                Line::Edit(edit) => {
                    follow(Written::Edit(edit)).map_err(|error| damaged(error.to_string()))?;
                }
            }
        }
        Ok(())
    }

    fn io(&self, source: io::Error) -> OpenError {
        OpenError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Closing alone is not enough: a program that is being started holds the file too, until
        // it has become that program. What cannot be unlocked is closed next.
        let _ = self.file.unlock();
    }
}

fn open_file(folder: &Path, path: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}
