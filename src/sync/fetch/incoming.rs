//! The bytes on their way in: streamed to a file of their own while they are hashed, and gone again unless they came
//! whole.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::FetchError;
use crate::domain::{Sha256Digest, Validators};
use crate::store::directory;

/// What of a body may wait to be written, in chunks. Past that the source waits.
pub(super) const CHUNKS_WAITING: usize = 8;

/// How incoming files end.
const SUFFIX: &str = "part";

/// A file that is gone when dropped.
#[derive(Debug)]
struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        // If it cannot be removed, the next start removes it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A listing as published, whole, in a file that is gone when this is dropped.
#[derive(Debug)]
pub struct FetchedListing {
    body: Incoming,
    /// Digest of the published bytes.
    pub sha256: Sha256Digest,
    /// How many they are.
    pub length: u64,
    /// What the source says they are.
    pub content_type: Option<String>,
    /// When the last of them came.
    pub fetched_at: Timestamp,
    /// By what to ask whether they have changed.
    pub validators: Validators,
    /// By how much the source's clock was ahead of this machine's, if it says what time it is.
    pub clock_skew: Option<SignedDuration>,
    /// Where they came from, without its secrets.
    pub source: String,
}

impl FetchedListing {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.body.0
    }

    /// Reads the bytes into memory. Blocks.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn read(&self) -> io::Result<Bytes> {
        std::fs::read(self.path()).map(Bytes::from)
    }

    pub(super) fn new(received: Received, source: String, fetched_at: Timestamp) -> Self {
        Self {
            body: received.body,
            sha256: received.sha256,
            length: received.length,
            content_type: None,
            fetched_at,
            validators: Validators::default(),
            clock_skew: None,
            source,
        }
    }
}

/// Bytes that came whole.
pub(super) struct Received {
    body: Incoming,
    sha256: Sha256Digest,
    length: u64,
}

/// Why bytes did not come whole.
pub(super) enum Failed {
    /// They cannot be read to the end.
    Reading(io::Error),
    /// They are too many, or cannot be kept.
    Keeping(FetchError),
}

/// Reads to the end, into a new file in this directory, and hashes what it reads. Blocks.
pub(super) fn receive(mut reader: impl Read, into: &Path, limit: u64) -> Result<Received, Failed> {
    let disk = |source| Failed::Keeping(FetchError::Disk { path: into.to_owned(), source });
    let (body, mut file) = create(into).map_err(disk)?;
    let mut hasher = Sha256::new();
    let mut length: u64 = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failed::Reading(error)),
        };
        length += count as u64;
        if length > limit {
            return Err(Failed::Keeping(FetchError::TooLarge { limit }));
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(disk)?;
    }
    Ok(Received { body, sha256: Sha256Digest(hasher.finalize().into()), length })
}

fn create(into: &Path) -> io::Result<(Incoming, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    directory::make(into)?;
    let name = format!("{}-{}.{SUFFIX}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = into.join(name);
    let mut options = OpenOptions::new();
    // What a killed process of the same number has left is not written through, wherever it leads.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => options.write(true).create_new(true).mode(0o640),
    };
    let file = options.open(&path)?;
    Ok((Incoming(path), file))
}

/// Removes what a process that was killed has left in this directory. Blocks.
///
/// # Errors
///
/// If the directory exists and cannot be read, or a file cannot be removed.
pub(crate) fn clear_incoming(into: &Path) -> io::Result<usize> {
    let entries = match std::fs::read_dir(into) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == SUFFIX) {
            std::fs::remove_file(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// A piece of a body.
pub(super) enum Piece {
    Bytes(Bytes),
    /// The body is whole. Without this the sender has given up.
    End,
}

/// The pieces of a body, read one after the other. Blocks.
pub(super) struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl Pieces {
    pub(super) fn new(pieces: mpsc::Receiver<Piece>) -> Self {
        Self { pieces, current: Bytes::new(), ended: false }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::from(ErrorKind::ConnectionAborted)),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> usize {
        std::fs::read_dir(directory).map_or(0, Iterator::count)
    }

    #[test]
    fn what_came_whole_is_in_a_file_until_it_is_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let into = directory.path().join("incoming");
        let Ok(received) = receive(&b"number,frn\n"[..], &into, 11) else { panic!("it fits") };
        assert_eq!(received.length, 11);
        assert_eq!(received.sha256.0, <[u8; 32]>::from(Sha256::digest(b"number,frn\n")));
        let listing = FetchedListing::new(received, "a test".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(listing.read().expect("read"), "number,frn\n");
        assert_eq!(files(&into), 1);
        drop(listing);
        assert_eq!(files(&into), 0);
    }

    #[test]
    fn what_is_too_long_leaves_nothing_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let received = receive(io::repeat(b'0'), directory.path(), 1 << 20);
        assert!(matches!(received, Err(Failed::Keeping(FetchError::TooLarge { limit: 0x10_0000 }))));
        assert_eq!(files(directory.path()), 0);
    }

    #[test]
    fn pieces_without_an_end_are_not_whole() {
        let (sender, pieces) = mpsc::channel(4);
        sender.blocking_send(Piece::Bytes(Bytes::from_static(b"number,"))).expect("room");
        drop(sender);
        let directory = tempfile::tempdir().expect("a directory");
        let Err(Failed::Reading(error)) = receive(Pieces::new(pieces), directory.path(), 100) else { panic!("whole") };
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(files(directory.path()), 0);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["1-0.part", "2-7.part", "README"] {
            std::fs::write(directory.path().join(name), "x").expect("written");
        }
        assert_eq!(clear_incoming(directory.path()).expect("cleared"), 2);
        assert_eq!(files(directory.path()), 1);
        assert_eq!(clear_incoming(&directory.path().join("nowhere")).expect("nothing there"), 0);
    }
}
