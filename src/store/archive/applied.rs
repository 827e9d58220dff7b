//! How a listing came to be applied, where its file does not tell: later than it was first fetched, because a person or a
//! second copy let it through, or once more.
//!
//! A file of JSON beside those of the listings (`20260825T091500123Z-<sha256>.applied.json`), by which a store that is begun
//! again has the same past: without one a listing was applied when it was fetched, by nobody in particular. Its last field is
//! the digest of what stands before it, so that one that was altered is not believed; its name says when and of which listing
//! also where it cannot be read. A good store says the same, and such a file is written anew from there (`told`).

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Archive, ArchiveError, Entry, Fate, MODE};
use crate::domain::{Anomaly, Sha256Digest, is_ahead};
use crate::store::codec::to_millisecond;
use crate::store::directory;

const ENDING: &str = ".applied.json";
/// To the millisecond: one listing may be applied twice within a second.
const TIME: &str = "%Y%m%dT%H%M%S%3fZ";
/// How it is read.
const TIME_READ: &str = "%Y%m%dT%H%M%S%fZ";

/// The layout that this version reads and writes.
const FORMAT: u32 = 1;

/// How a listing came to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// Since when it was known.
    pub fetched_at: Timestamp,
    /// When its source had last published it.
    pub confirmed_at: Timestamp,
    /// When it was applied.
    pub applied_at: Timestamp,
    /// Whether it had been applied before, and another stood between.
    pub again: bool,
    /// Why it was applied, if not as a matter of course.
    pub why: Option<Anomaly>,
}

/// What stands between a file's text and its digest.
const DIGEST: &str = ",\"digest\":\"";

/// A file that says nothing: what it told of its listing is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadNote {
    /// Where it is.
    pub path: PathBuf,
    /// The digest of the listing and when it was applied, by the file's name, if that is one.
    pub named: Option<(Sha256Digest, Timestamp)>,
    /// What is wrong with it.
    pub why: String,
}

impl BadNote {
    /// What it told of, by its name.
    pub(super) fn key(&self) -> Option<Key> {
        self.named.map(|(sha256, applied_at)| key(sha256, applied_at))
    }
}

/// Which listing, and when it was applied in milliseconds: by that one application is told from another.
pub type Key = (Sha256Digest, i64);

/// The key of a listing that was applied then.
pub(super) fn key(sha256: Sha256Digest, applied_at: Timestamp) -> Key {
    (sha256, applied_at.as_millisecond())
}

/// All that is told beside the listings of how they came to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// What can be read, in the order in which they were applied.
    pub read: Vec<Application>,
    /// What cannot.
    pub bad: Vec<BadNote>,
    /// Those of `read` whose file has no digest of its own: a version before this wrote it.
    pub(super) unsealed: Vec<Application>,
}

/// What a file says and whether it has a digest of its own, or why it says nothing.
type Decoded = Result<(Application, bool), String>;

// A field of another name is one that was altered: a later layout has a format of its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    sha256: String,
    fetched_at: Timestamp,
    confirmed_at: Timestamp,
    applied_at: Timestamp,
    again: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    /// Of all that stands before it. Nothing in what a version before this wrote.
    #[serde(default, skip_serializing)]
    digest: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Why {
    LetThrough { by: String, doubts: String },
    Corroborated { doubts: String },
    Unusual { what: String },
}

impl Application {
    /// What the file of a listing tells by itself is not written down: applied within so many seconds, for no reason.
    pub(super) const AT_ONCE: i64 = 60;

    pub(super) fn says_more_than(&self, fetched_at: Timestamp) -> bool {
        self.again || self.why.is_some() || self.applied_at.duration_since(fetched_at).as_secs() > Self::AT_ONCE
    }

    /// What tells it from others.
    pub fn key(&self) -> Key {
        key(self.sha256, self.applied_at)
    }

    fn to_stored(&self) -> Stored {
        let why = self.why.as_ref().and_then(|why| match why.clone() {
            Anomaly::LetThrough { by, doubts } => Some(Why::LetThrough { by, doubts }),
            Anomaly::Corroborated { doubts } => Some(Why::Corroborated { doubts }),
            Anomaly::Unusual { what } => Some(Why::Unusual { what }),
            // What is seen in the listing itself is seen again.
            _ => None,
        });
        let Self { sha256, fetched_at, confirmed_at, applied_at, again, .. } = *self;
        let sha256 = sha256.to_string();
        Stored { format: FORMAT, sha256, fetched_at, confirmed_at, applied_at, again, why, digest: None }
    }

    /// A file's bytes: one line, with the digest of what stands before it as its last field.
    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_string(&self.to_stored())?;
        // The digest takes the place of the end.
        text.pop();
        let digest = Sha256Digest::of(text.as_bytes());
        Ok(format!("{text}{DIGEST}{digest}\"}}\n").into_bytes())
    }

    /// What a file says, and whether it has a digest of its own.
    fn decode(bytes: &[u8]) -> Decoded {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let digest = stored.digest.clone();
        if let Some(digest) = &digest {
            let end = format!("{DIGEST}{digest}\"}}\n");
            let text = bytes.strip_suffix(end.as_bytes()).ok_or("its end is not as it was written")?;
            if digest.parse() != Ok(Sha256Digest::of(text)) {
                return Err("its digest is another".to_owned());
            }
        }
        let format = stored.format;
        let read = Self::from_stored(stored).ok_or_else(|| format!("it has format {format}, or names no listing"))?;
        Ok((read, digest.is_some()))
    }

    fn from_stored(stored: Stored) -> Option<Self> {
        let Stored { format, sha256, fetched_at, confirmed_at, applied_at, again, why, digest: _ } = stored;
        let why = why.map(|why| match why {
            Why::LetThrough { by, doubts } => Anomaly::LetThrough { by, doubts },
            Why::Corroborated { doubts } => Anomaly::Corroborated { doubts },
            Why::Unusual { what } => Anomaly::Unusual { what },
        });
        let sha256 = sha256.parse().ok().filter(|_| format == FORMAT)?;
        Some(Self { sha256, fetched_at, confirmed_at, applied_at, again, why })
    }
}

impl Archive {
    /// Whether a listing of this digest was applied before the one that stands, which was fetched then. One that came later
    /// was put here by a daemon that was killed before it had applied it.
    pub fn was_applied(&self, sha256: Sha256Digest, standing: Option<Timestamp>) -> bool {
        let entries = self.entries().unwrap_or_default();
        let before = |entry: &Entry| standing.is_some_and(|standing| entry.fetched_at <= standing);
        entries.iter().any(|entry| entry.sha256 == sha256 && entry.fate == Fate::Applied && before(entry))
    }

    /// Writes down how a listing came to be applied, if its file does not tell.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn note(&self, application: &Application) -> Result<(), ArchiveError> {
        let fetched_at = self.entries()?.into_iter().find(|entry| entry.sha256 == application.sha256);
        match fetched_at.map(|entry| entry.fetched_at) {
            Some(fetched_at) if application.says_more_than(fetched_at) => self.write(application),
            // Without its bytes nothing can be made of it.
            _ => Ok(()),
        }
    }

    /// Where it is told of this application.
    pub(super) fn note_place(&self, application: &Application) -> PathBuf {
        let (time, sha256) = (application.applied_at.strftime(TIME), application.sha256);
        self.directory.join(format!("{time}-{sha256}{ENDING}"))
    }

    pub(super) fn write(&self, application: &Application) -> Result<(), ArchiveError> {
        let place = self.note_place(application);
        let failed = |source| ArchiveError::Io { path: place.clone(), source };
        let bytes = application.encode().map_err(failed)?;
        let mut beside = tempfile::Builder::new().prefix("incoming-").tempfile_in(&self.directory).map_err(failed)?;
        beside
            .write_all(&bytes)
            .and_then(|()| beside.as_file().set_permissions(fs::Permissions::from_mode(MODE)))
            .and_then(|()| beside.as_file().sync_all())
            .map_err(failed)?;
        beside.persist(&place).map_err(|error| failed(error.error))?;
        directory::sync(&self.directory).map_err(failed)
    }

    /// How listings came to be applied that did not do so when they were fetched.
    pub fn notes(&self) -> Notes {
        let mut notes = Notes::default();
        for (path, read) in self.note_files() {
            match read {
                Ok((application, sealed)) => {
                    if !sealed {
                        notes.unsealed.push(application.clone());
                    }
                    notes.read.push(application);
                }
                Err(why) => notes.bad.push(BadNote { named: named(&path), path, why }),
            }
        }
        notes.read.sort_by_key(|application| application.applied_at);
        notes.bad.sort_by(|one, other| one.path.cmp(&other.path));
        notes
    }

    /// Each such file, and what it says or why it does not.
    fn note_files(&self) -> Vec<(PathBuf, Decoded)> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten().map(|file| file.path());
        let read = |path: PathBuf| {
            let bytes = match fs::read(&path) {
                // It expired meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                bytes => bytes.map_err(|error| error.to_string()),
            };
            let read = bytes.and_then(|bytes| Application::decode(&bytes)).and_then(|(read, sealed)| {
                let same = named(&path) == Some((read.sha256, to_millisecond(read.applied_at)));
                if same {
                    Ok((read, sealed))
                } else {
                    Err("it tells of another listing or time than its name".to_owned())
                }
            });
            Some((path, read))
        };
        files.filter(|path| is_note(path)).filter_map(read).collect()
    }

    /// Removes what is told of listings that are not there any more.
    pub(super) fn expire_notes(&self) -> Result<(), ArchiveError> {
        let entries = self.entries()?;
        for (path, read) in self.note_files() {
            let of = read.map_or_else(|_| named(&path).map(|(sha256, _)| sha256), |(read, _)| Some(read.sha256));
            if of.is_some_and(|of| !entries.iter().any(|entry| entry.sha256 == of)) {
                fs::remove_file(&path).map_err(|source| ArchiveError::Io { path, source })?;
            }
        }
        Ok(())
    }

    /// Gives what is told of a listing in times that lie ahead of `now` this one.
    pub(super) fn mend_notes(&self, sha256: Sha256Digest, to: Timestamp, now: Timestamp) -> Result<(), ArchiveError> {
        for (path, read) in self.note_files() {
            let Ok((mut application, _)) = read else { continue };
            if application.sha256 != sha256 || !is_ahead(application.applied_at, now) {
                continue;
            }
            let Application { fetched_at, confirmed_at, applied_at, .. } = &mut application;
            for at in [fetched_at, confirmed_at, applied_at] {
                *at = if is_ahead(*at, now) { to } else { *at };
            }
            self.write(&application)?;
            fs::remove_file(&path).map_err(|source| ArchiveError::Io { path, source })?;
        }
        Ok(())
    }
}

fn is_note(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

/// The listing and the time of which a file tells, by its name.
fn named(path: &Path) -> Option<(Sha256Digest, Timestamp)> {
    let (time, digest) = path.file_name()?.to_str()?.strip_suffix(ENDING)?.split_once('-')?;
    let time = jiff::civil::DateTime::strptime(TIME_READ, time).ok()?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    Some((digest.parse().ok()?, at))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ArchiveConfig;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn files(archive: &Archive) -> Vec<String> {
        let files = fs::read_dir(archive.directory()).expect("read");
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_a_file_does_not_tell_is_kept_beside_it_for_as_long_as_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(directory.path());
        let (fetched, approved) = (at("2026-11-20T10:00:00Z"), at("2026-11-21T09:30:00Z"));
        let sha256 = Sha256Digest::of(b"a");
        archive.keep(b"a", sha256, fetched, Fate::Held).expect("kept");
        assert!(!archive.was_applied(sha256, Some(approved)));
        archive.keep(b"a", sha256, fetched, Fate::Applied).expect("kept");
        assert!(archive.was_applied(sha256, Some(approved)));
        assert!(!archive.was_applied(sha256, Some(at("2026-11-19T10:00:00Z"))) && !archive.was_applied(sha256, None));
        let at_once = Application {
            sha256,
            fetched_at: fetched,
            confirmed_at: fetched,
            applied_at: fetched,
            again: false,
            why: None,
        };
        archive.note(&at_once).expect("nothing to write");
        assert_eq!((archive.notes(), files(&archive).len()), (Notes::default(), 1));
        let why = Some(Anomaly::LetThrough { by: "alice".to_owned(), doubts: "\"many\" went".to_owned() });
        let later = Application { applied_at: approved, why, ..at_once.clone() };
        archive.note(&later).expect("written");
        assert_eq!(archive.notes().read, [later]);
        assert_eq!(archive.entries().expect("read").len(), 1, "it is no listing");
        // One of a later layout, and one of which half is there.
        fs::write(archive.directory().join(format!("x{ENDING}")), "{\"format\":2}").expect("written");
        fs::write(archive.directory().join(format!("y{ENDING}")), "{\"format\":1,").expect("written");
        let notes = archive.notes();
        assert_eq!((notes.read.len(), notes.bad.len()), (1, 2));
        let config = ArchiveConfig { keep: Duration::from_secs(3600) };
        assert_eq!(archive.expire(&config, &[sha256], at("2026-12-31T00:00:00Z")).expect("done"), 0);
        assert_eq!(archive.notes().read.len(), 1);
        assert_eq!(archive.expire(&config, &[], at("2026-12-31T00:00:00Z")).expect("done"), 1);
        assert_eq!(archive.notes().read, []);
    }

    #[test]
    fn times_that_lie_ahead_are_mended_with_the_listing() {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(directory.path());
        let (ahead, now) = (at("2031-01-01T00:00:00Z"), at("2026-11-26T12:00:00Z"));
        let sha256 = Sha256Digest::of(b"a");
        archive.keep(b"a", sha256, ahead, Fate::Applied).expect("kept");
        let told = Application {
            sha256,
            fetched_at: ahead,
            confirmed_at: ahead,
            applied_at: at("2031-01-02T00:00:00Z"),
            again: true,
            why: None,
        };
        archive.note(&told).expect("written");
        archive.mend(now, now).expect("mended");
        let to = at("2026-11-26T11:59:59Z");
        let mended = Application { fetched_at: to, confirmed_at: to, applied_at: to, ..told };
        assert_eq!((archive.notes().read, files(&archive).len()), (vec![mended], 2));
    }
}
