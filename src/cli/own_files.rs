//! What rmdd keeps for itself: a command that writes a file for a person never writes it there.
//!
//! A path is judged by where it leads and not by how it is spelled. The files of state directories are known by their names;
//! a file that has several names may be one of them under another, and is looked for among them.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::here;
use super::output::place_of;
use crate::daemon::SOCKET_NAME;
use crate::daemon::config::Loaded;
use crate::observe::decision_log;
use crate::store::archive::DIRECTORY as ARCHIVE;
use crate::store::removed::REMOVALS_NAME;
use crate::store::{FILE_NAME, JOURNAL_NAME};

/// What rmdd keeps in a state directory, by name.
const OF_STATE: [(&str, &str); 5] = [
    (FILE_NAME, "the store"),
    (JOURNAL_NAME, "the journal of operators' records"),
    (REMOVALS_NAME, "the copy of removals"),
    (decision_log::FILE_NAME, "the decision log"),
    (SOCKET_NAME, "the daemon's socket"),
];

/// What stands behind the name of a file that is kept of one of these, or is being made.
const KEPT: [&str; 7] = ["damaged-", "before", "format-", "other-", "clock-ahead-", "new", "keeping"];

/// The directories in a state directory that are rmdd's with all that is in them.
const DIRECTORIES: [(&str, &str); 3] =
    [(ARCHIVE, "in the archive"), ("rebuild", "in the store that is being made"), ("incoming", "in what is fetched")];

/// With these a redb file begins.
const REDB: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// Where rmdd keeps what is its own, as far as the settings of a command tell.
#[derive(Debug, Default)]
pub struct OwnFiles {
    /// State directories.
    directories: Vec<PathBuf>,
    decision_log: Option<PathBuf>,
    settings: Option<PathBuf>,
}

impl OwnFiles {
    /// By these settings.
    pub fn of(loaded: &Loaded) -> Self {
        // One that is not there, or not to be looked into, holds nothing under the names that are compared.
        let directories = here::state_dirs(loaded);
        let decision_log = loaded.config.decision_log.path.clone();
        Self { directories, decision_log, settings: loaded.file.clone() }
    }

    /// Lets a path pass that leads to none of them.
    ///
    /// # Errors
    ///
    /// Says which it is.
    pub fn spare(&self, path: &Path) -> io::Result<()> {
        let Some(place) = place_of(path).ok() else { return Ok(()) };
        let found = std::fs::metadata(&place).ok();
        let Some(what) = self.by_name(&place).or_else(|| self.by_file(&place, &found?)) else { return Ok(()) };
        Err(io::Error::new(
            ErrorKind::Unsupported,
            format!("it is rmdd's own, {what} ({}), and was left as it is: name another file", place.display()),
        ))
    }

    /// What it is by its name in its directory.
    fn by_name(&self, place: &Path) -> Option<String> {
        let directory = place.parent()?;
        let name = place.file_name()?;
        if let Some(what) = of_state(name)
            && self.is_state_dir(directory)
        {
            return Some(what);
        }
        let within = directory.file_name()?;
        let (_, what) = DIRECTORIES.iter().find(|(name, _)| within == *name)?;
        self.is_state_dir(directory.parent()?).then(|| (*what).to_owned())
    }

    /// Whether it is one that the settings name, or one whose store is in use.
    fn is_state_dir(&self, directory: &Path) -> bool {
        let same = |known: &PathBuf| known.canonicalize().is_ok_and(|known| known == directory);
        self.directories.iter().any(same) || in_use(&directory.join(FILE_NAME))
    }

    /// What it is by which file it is, whatever its name.
    fn by_file(&self, place: &Path, found: &Metadata) -> Option<String> {
        if !found.is_file() {
            return None;
        }
        let is_it = |other: &Path| std::fs::metadata(other).is_ok_and(|other| is_same(&other, found));
        if self.settings.as_deref().is_some_and(is_it) {
            return Some("the settings".to_owned());
        }
        if let Some(log) = &self.decision_log
            && (is_it(log) || numbered(log, place).is_some_and(|log| is_it(&log)))
        {
            return Some("the decision log".to_owned());
        }
        if found.nlink() > 1
            && let Some(what) = self.directories.iter().find_map(|directory| among(directory, found))
        {
            return Some(what);
        }
        in_use(place).then(|| "a store that is in use".to_owned())
    }
}

/// What rmdd keeps under this name in a state directory.
fn of_state(name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    OF_STATE.iter().find_map(|(own, what)| {
        let behind = name.strip_prefix(own)?;
        match behind.strip_prefix('.') {
            None => behind.is_empty().then(|| (*what).to_owned()),
            Some(behind) => is_kept(behind).then(|| format!("kept of {what}")),
        }
    })
}

fn is_kept(behind: &str) -> bool {
    let is_number = !behind.is_empty() && behind.bytes().all(|byte| byte.is_ascii_digit());
    is_number || KEPT.iter().any(|kept| behind.starts_with(kept))
}

/// The file that was put aside of a log, if this is named like one.
fn numbered(log: &Path, place: &Path) -> Option<PathBuf> {
    let number = place.extension()?.to_str().filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{number}"));
    Some(name.into())
}

/// What a file is that has a name among the own ones of a state directory.
fn among(directory: &Path, found: &Metadata) -> Option<String> {
    let same = |directory: &Path, what: &dyn Fn(&OsStr) -> Option<String>| {
        std::fs::read_dir(directory).ok()?.flatten().find_map(|entry| {
            let same = entry.metadata().is_ok_and(|entry| is_same(&entry, found));
            same.then(|| what(&entry.file_name())).flatten()
        })
    };
    let within =
        || DIRECTORIES.iter().find_map(|(name, what)| same(&directory.join(name), &|_| Some((*what).to_owned())));
    same(directory, &of_state).or_else(within)
}

fn is_same(left: &Metadata, right: &Metadata) -> bool {
    (left.dev(), left.ino()) == (right.dev(), right.ino())
}

/// Whether it is a store that a process has open.
fn in_use(place: &Path) -> bool {
    // A pipe would be waited for.
    if !std::fs::metadata(place).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let Ok(mut file) = File::open(place) else { return false };
    let mut begin = [0; REDB.len()];
    file.read_exact(&mut begin).is_ok()
        && begin == REDB
        && matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}
