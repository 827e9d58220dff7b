//! The raw bytes of every listing that was applied or held, by digest: what the source really published, to look at, to
//! let through, and to start again from if the store is lost.
//!
//! One zstd file each in `archive/` of the state directory, named by time, digest and what became of it
//! (`20260824T120003Z-<sha256>.applied.csv.zst`); `zstdcat` reads them. A file is written beside its place, synced and
//! moved there, so there is never half of one. Where a listing was not applied as soon as it was fetched, a file beside it
//! says when and why (`applied`).

mod applied;
mod told;

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::{Sha256Digest, is_ahead};
use crate::store::directory;
use crate::store::packing::in_turn;

pub use applied::{Application, BadNote, Notes};
pub use told::Untold;

/// The directory's name in the state directory.
pub const DIRECTORY: &str = "archive";
const ENDING: &str = ".csv.zst";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// Listings are public, and other programs of the machine need not be asked to read them; its owner and group may.
const MODE: u32 = 0o640;
/// zstd's own default. A listing of 5 MB comes to about 1 MB.
const LEVEL: i32 = 3;

/// How long raw listings are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ArchiveConfig {
    /// How long the raw bytes of a listing are kept. The standing one and held ones always are.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub keep: Duration,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        // About a hundred working days: 100 MB, and a quarter to look back into.
        Self { keep: Duration::from_secs(120 * 24 * 3600) }
    }
}

/// What became of an archived listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It became a snapshot.
    Applied,
    /// It was not applied, or not yet.
    Held,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Held => "held",
        }
    }
}

/// One archived listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When its bytes were first fetched, to the second.
    pub fetched_at: Timestamp,
    /// Their digest.
    pub sha256: Sha256Digest,
    /// What became of it.
    pub fate: Fate,
    path: PathBuf,
}

/// Why the archive did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The disk failed, or is full.
    #[error("the archive {} failed: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No listing of this digest is there.
    #[error("the archive holds no listing with the digest {sha256}")]
    Missing {
        /// The digest.
        sha256: Sha256Digest,
    },
    /// The bytes are not those that were put there.
    #[error("the archived listing {} is damaged: its digest is another. Put a good copy in its place, or move it away; the next sync puts it there again if it is still published", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// The archive of a state directory. It is made with the first listing.
#[derive(Debug, Clone)]
pub struct Archive {
    directory: PathBuf,
}

impl Archive {
    /// The archive of this state directory.
    pub fn new(state_dir: &Path) -> Self {
        Self { directory: state_dir.join(DIRECTORY) }
    }

    /// What to say where the task that worked on it broke off.
    pub(crate) fn interrupted(&self) -> ArchiveError {
        let source = io::Error::other("the task that worked on it came to an unexpected end");
        ArchiveError::Io { path: self.directory.clone(), source }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All listings in it, oldest first. Files of other names are none of them.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, ArchiveError> {
        let failed = |source| ArchiveError::Io { path: self.directory.clone(), source };
        let files = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(failed)?,
        };
        let mut entries = Vec::new();
        for file in files {
            entries.extend(entry(file.map_err(failed)?.path()));
        }
        // Of two that were fetched within a second the one that was written first came first.
        let written = |entry: &Entry| fs::metadata(&entry.path).and_then(|file| file.modified()).ok();
        entries.sort_by_cached_key(|entry| (entry.fetched_at, written(entry), entry.sha256.0));
        Ok(entries)
    }

    /// How many bytes its listings take.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn size(&self) -> Result<u64, ArchiveError> {
        // One that expires meanwhile takes none.
        let size = |entry: &Entry| fs::metadata(&entry.path).map_or(0, |metadata| metadata.len());
        Ok(self.entries()?.iter().map(size).sum())
    }

    /// Keeps a listing's bytes. If they are there already, only what became of it is written down.
    ///
    /// # Errors
    ///
    /// If the disk fails; then the archive is as it was.
    pub fn keep(
        &self,
        bytes: &[u8],
        sha256: Sha256Digest,
        fetched_at: Timestamp,
        fate: Fate,
    ) -> Result<(), ArchiveError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ArchiveError::Io { path, source }
        };
        let there = self.entries()?.into_iter().find(|entry| entry.sha256 == sha256);
        // One that is damaged is put there anew: its bytes are at hand.
        let damaged = there.as_ref().filter(|entry| matches!(self.check(entry), Err(ArchiveError::Damaged { .. })));
        if let Some(damaged) = damaged {
            let path = damaged.path.display();
            tracing::warn!(%path, "the archived listing {path} was damaged: it is written anew");
            fs::remove_file(&damaged.path).map_err(failed(&damaged.path))?;
        } else if let Some(there) = there {
            // A listing that was applied once stays one that was.
            if fate == Fate::Applied && there.fate == Fate::Held {
                self.set_applied(&there)?;
            }
            return Ok(());
        }
        directory::make(&self.directory).map_err(failed(&self.directory))?;
        let mut beside = tempfile::Builder::new()
            .prefix("incoming-")
            .tempfile_in(&self.directory)
            .map_err(failed(&self.directory))?;
        in_turn(|| zstd::stream::copy_encode(bytes, &mut beside, LEVEL))
            .and_then(|()| beside.flush())
            .and_then(|()| beside.as_file().set_permissions(Permissions::from_mode(MODE)))
            .and_then(|()| beside.as_file().sync_all())
            .map_err(failed(beside.path()))?;
        let place = self.place(sha256, fetched_at, fate);
        beside.persist(&place).map_err(|error| ArchiveError::Io { path: place, source: error.error })?;
        directory::sync(&self.directory).map_err(failed(&self.directory))
    }

    /// The bytes of this digest, checked against it. More than `limit` of them are none of a listing.
    ///
    /// # Errors
    ///
    /// If they are not there, or are not those that were put there.
    pub fn read(&self, sha256: Sha256Digest, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let entry = self.entries()?.into_iter().find(|entry| entry.sha256 == sha256);
        self.read_entry(&entry.ok_or(ArchiveError::Missing { sha256 })?, limit)
    }

    /// The bytes of an entry, checked against its digest.
    ///
    /// # Errors
    ///
    /// As [`Archive::read`].
    pub fn read_entry(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let path = &entry.path;
        let mut bytes = Vec::new();
        in_turn(|| {
            let decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(File::open(path)?))?;
            decoder.take(limit.saturating_add(1)).read_to_end(&mut bytes)
        })
        .map_err(|source| failure(entry, source))?;
        if Sha256Digest::of(&bytes) != entry.sha256 {
            return Err(ArchiveError::Damaged { path: path.clone() });
        }
        Ok(bytes)
    }

    /// Whether an entry's bytes are those of its digest. They are not kept in memory.
    ///
    /// # Errors
    ///
    /// As [`Archive::read`].
    pub fn check(&self, entry: &Entry) -> Result<(), ArchiveError> {
        let path = &entry.path;
        let mut hasher = Hashing(Sha256::new());
        in_turn(|| zstd::stream::copy_decode(BufReader::new(File::open(path)?), &mut hasher))
            .map_err(|source| failure(entry, source))?;
        if Sha256Digest(hasher.0.finalize().into()) == entry.sha256 {
            return Ok(());
        }
        Err(ArchiveError::Damaged { path: path.clone() })
    }

    /// Whether the listing of this digest is there whole.
    pub fn holds(&self, sha256: Sha256Digest) -> bool {
        let entries = self.entries().unwrap_or_default();
        entries.iter().any(|entry| entry.sha256 == sha256 && self.check(entry).is_ok())
    }

    /// Drops what is older than the configured time, except what is `needed` still, and what a killed process left
    /// half written. Returns how many listings were dropped.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read or a file not removed; the others may be gone.
    pub(crate) fn expire(
        &self,
        config: &ArchiveConfig,
        needed: &[Sha256Digest],
        now: Timestamp,
    ) -> Result<usize, ArchiveError> {
        let remove =
            |path: &Path| fs::remove_file(path).map_err(|source| ArchiveError::Io { path: path.to_owned(), source });
        let Ok(oldest) = now.checked_sub(config.keep) else { return Ok(0) };
        let mut dropped = 0;
        let notes = self.notes();
        // One that was applied again, or long after it was fetched, is as young as that.
        let last = |entry: &Entry| {
            let applied = notes.read.iter().filter(|note| note.sha256 == entry.sha256).map(|note| note.applied_at);
            applied.fold(entry.fetched_at, Timestamp::max)
        };
        for entry in self.entries()? {
            if last(&entry) < oldest && !needed.contains(&entry.sha256) {
                remove(&entry.path)?;
                dropped += 1;
            }
        }
        if dropped > 0 {
            self.expire_notes()?;
        }
        Ok(dropped)
    }

    /// Gives listings whose time lies ahead of `now`, because the clock did when they were put there, the seconds before `to`,
    /// in their order: by their times they are put into a store that is begun again.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read or a file not renamed; the others may have been.
    pub fn mend(&self, to: Timestamp, now: Timestamp) -> Result<(), ArchiveError> {
        let ahead: Vec<Entry> = self.entries()?.into_iter().filter(|entry| is_ahead(entry.fetched_at, now)).collect();
        for (entry, before) in ahead.iter().rev().zip(1..) {
            let Ok(at) = to.checked_sub(SignedDuration::from_secs(before)) else { return Ok(()) };
            let place = self.place(entry.sha256, at, entry.fate);
            fs::rename(&entry.path, &place).map_err(|source| ArchiveError::Io { path: entry.path.clone(), source })?;
            self.mend_notes(entry.sha256, at, now)?;
        }
        Ok(())
    }

    /// Removes what a killed process left half written. Only while nobody else writes: at a start.
    pub fn sweep(&self) {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        for file in files.filter(|file| file.file_name().to_string_lossy().starts_with("incoming-")) {
            // It only takes room.
            let _ = fs::remove_file(file.path());
        }
    }

    /// Writes down that a listing was applied that was held.
    fn set_applied(&self, held: &Entry) -> Result<(), ArchiveError> {
        let place = self.place(held.sha256, held.fetched_at, Fate::Applied);
        fs::rename(&held.path, place).map_err(|source| ArchiveError::Io { path: held.path.clone(), source })
    }

    fn place(&self, sha256: Sha256Digest, fetched_at: Timestamp, fate: Fate) -> PathBuf {
        let time = fetched_at.strftime(TIME);
        self.directory.join(format!("{time}-{sha256}.{}{ENDING}", fate.as_str()))
    }
}

/// What a failure to read an entry says of it.
fn failure(entry: &Entry, source: io::Error) -> ArchiveError {
    let path = entry.path.clone();
    match source.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing { sha256: entry.sha256 },
        // What zstd says of bytes that are no frame of its own.
        io::ErrorKind::Other | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            ArchiveError::Damaged { path }
        }
        _ => ArchiveError::Io { path, source },
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn entry(path: PathBuf) -> Option<Entry> {
    let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
    let (name, fate) = name.rsplit_once('.')?;
    let fate = [Fate::Applied, Fate::Held].into_iter().find(|known| known.as_str() == fate)?;
    let (time, digest) = name.split_once('-')?;
    let time = jiff::civil::DateTime::strptime(TIME, time).ok()?;
    let fetched_at = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    Some(Entry { fetched_at, sha256: digest.parse().ok()?, fate, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> Sha256Digest {
        Sha256Digest::of(bytes)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn archive() -> (tempfile::TempDir, Archive) {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(directory.path());
        (directory, archive)
    }

    #[test]
    fn bytes_come_back_by_their_digest_and_stand_there_once() {
        let (_directory, archive) = archive();
        let (bytes, time) = (b"number,frn\n".repeat(1000), at("2026-01-05T10:17:03Z"));
        archive.keep(&bytes, digest(&bytes), time, Fate::Held).expect("kept");
        archive.keep(&bytes, digest(&bytes), at("2026-01-06T10:17:03Z"), Fate::Applied).expect("kept");
        let entries = archive.entries().expect("read");
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].fetched_at, entries[0].fate), (time, Fate::Applied), "first fetched, later applied");
        archive.keep(&bytes, digest(&bytes), time, Fate::Held).expect("kept");
        assert_eq!(archive.entries().expect("read")[0].fate, Fate::Applied, "what was applied stays so");
        assert_eq!(archive.read(digest(&bytes), 1 << 20).expect("read"), bytes);
    }

    #[test]
    fn damaged_bytes_are_never_given_out() {
        let (_directory, archive) = archive();
        let bytes = b"number,frn\n".repeat(1000);
        archive.keep(&bytes, digest(&bytes), at("2026-01-05T10:17:03Z"), Fate::Held).expect("kept");
        let path = archive.entries().expect("read")[0].path.clone();
        let whole = fs::read(&path).expect("read");
        for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).expect("written");
            assert!(matches!(archive.read(digest(&bytes), 1 << 20), Err(ArchiveError::Damaged { .. })), "{cut}");
        }
        fs::write(&path, &whole).expect("written");
        assert!(archive.read(digest(&bytes), 10).is_err(), "more than the limit");
        assert!(matches!(archive.read(digest(b"other"), 10), Err(ArchiveError::Missing { .. })));
    }

    #[test]
    fn what_is_old_goes_unless_it_is_needed() {
        let (_directory, archive) = archive();
        for (bytes, time) in
            [("a", "2026-01-01T00:00:00Z"), ("b", "2026-01-02T00:00:00Z"), ("c", "2026-03-01T00:00:00Z")]
        {
            archive.keep(bytes.as_bytes(), digest(bytes.as_bytes()), at(time), Fate::Applied).expect("kept");
        }
        let config = ArchiveConfig { keep: Duration::from_secs(30 * 24 * 3600) };
        assert_eq!(archive.expire(&config, &[digest(b"a")], at("2026-03-02T00:00:00Z")).expect("done"), 1);
        let left: Vec<_> = archive.entries().expect("read").into_iter().map(|entry| entry.sha256).collect();
        assert_eq!(left, [digest(b"a"), digest(b"c")]);
    }

    #[test]
    fn what_was_put_there_while_the_clock_was_ahead_keeps_its_order_under_a_time_that_has_come() {
        let (_directory, archive) = archive();
        let times = ["2026-11-20T00:00:00Z", "2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z"];
        for (bytes, time) in ["a", "b", "c"].into_iter().zip(times) {
            archive.keep(bytes.as_bytes(), digest(bytes.as_bytes()), at(time), Fate::Applied).expect("kept");
        }
        let now = at("2026-11-26T12:00:00Z");
        archive.mend(now, now).expect("renamed");
        archive.mend(now, now).expect("nothing to do");
        let entries = archive.entries().expect("read");
        let found: Vec<_> = entries.iter().map(|entry| (entry.sha256, entry.fetched_at.to_string())).collect();
        let expected = [("a", times[0]), ("b", "2026-11-26T11:59:58Z"), ("c", "2026-11-26T11:59:59Z")];
        assert_eq!(found, expected.map(|(bytes, time)| (digest(bytes.as_bytes()), time.to_owned())));
        assert_eq!(archive.read(digest(b"c"), 10).expect("read"), b"c");
    }

    #[test]
    fn what_a_killed_process_left_is_swept_away_and_nothing_else() {
        let (_directory, archive) = archive();
        archive.keep(b"a", digest(b"a"), at("2026-01-01T00:00:00Z"), Fate::Applied).expect("kept");
        fs::write(archive.directory().join("incoming-x"), b"half").expect("written");
        fs::write(archive.directory().join("notes.txt"), b"mine").expect("written");
        archive.sweep();
        assert_eq!(fs::read_dir(archive.directory()).expect("read").count(), 2);
    }
}
