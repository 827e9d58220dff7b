//! The journal's file: appended to and synced, cut back, or written anew and put in its place.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::directory;
use super::line::{Content, encode};
use crate::domain::Sha256Digest;

/// Who may read it: its owner.
const MODE: u32 = 0o600;

/// An open journal, and what is known to stand in it.
#[derive(Debug)]
pub struct Open {
    file: File,
    path: PathBuf,
    inode: (u64, u64),
    length: u64,
    /// The digest of the last line.
    digest: Sha256Digest,
}

/// How the name of a journal ends that is being written.
const MAKING: &str = "new-";

/// Removes what a process that was killed has left of a journal that it was writing.
pub fn sweep(path: &Path) {
    let (Some(directory), Some(stem)) = (path.parent(), path.file_stem()) else { return };
    let left = format!("{}.{MAKING}", stem.to_string_lossy());
    for file in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(&left) {
            // It only takes room.
            let _ = std::fs::remove_file(file.path());
        }
    }
}

/// So much room a change may want: a tenth of what a long list takes.
const ROOM: usize = 64 << 10;

/// Tries whether the disk takes what a change would add.
pub fn try_room(path: &Path) -> io::Result<()> {
    let beside = path.with_extension(format!("{MAKING}{:08x}", rand::random::<u32>()));
    let tried = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside).and_then(|mut file| {
        file.write_all(&[b'\n'; ROOM])?;
        file.sync_data()
    });
    // What is left of it is swept at the next start.
    let _ = std::fs::remove_file(&beside);
    tried
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error.to_string())
}

/// Lines for these, behind a line of this digest; and the digest of each.
pub fn lines(contents: &[Content], mut before: Sha256Digest) -> io::Result<(Vec<u8>, Vec<Sha256Digest>)> {
    let (mut bytes, mut digests) = (Vec::new(), Vec::with_capacity(contents.len()));
    for content in contents {
        let (line, digest) = encode(content, before).map_err(invalid)?;
        bytes.extend_from_slice(&line);
        digests.push(digest);
        before = digest;
    }
    Ok((bytes, digests))
}

impl Open {
    /// Opens a journal that is whole up to this length, and cuts off what is behind.
    pub fn at(path: &Path, length: u64, digest: Sha256Digest) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        let metadata = file.metadata()?;
        if metadata.len() < length {
            return Err(invalid("it has become shorter while it was read"));
        }
        let mut open = Self { file, path: path.to_owned(), inode: (metadata.dev(), metadata.ino()), length, digest };
        if metadata.len() > length {
            open.cut()?;
        }
        Ok(open)
    }

    /// Writes a journal of these lines beside its place, and puts it there whole. One that stood there gets this other name
    /// before it goes. Returns the digest of each line.
    pub fn anew(path: &Path, contents: &[Content], kept: Option<&Path>) -> io::Result<(Self, Vec<Sha256Digest>)> {
        let (bytes, digests) = lines(contents, super::line::NOTHING_BEFORE)?;
        let beside = path.with_extension(format!("{MAKING}{:08x}", rand::random::<u32>()));
        let written = || -> io::Result<File> {
            let mut file = OpenOptions::new().read(true).append(true).create_new(true).mode(MODE).open(&beside)?;
            // Whatever the umask takes away or leaves.
            file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            if let Some(kept) = kept {
                std::fs::hard_link(path, kept).or_else(|_| std::fs::rename(path, kept))?;
            }
            std::fs::rename(&beside, path)?;
            directory::sync(directory::of(path))?;
            Ok(file)
        };
        let file = written().inspect_err(|_| _ = std::fs::remove_file(&beside))?;
        let metadata = file.metadata()?;
        let digest = digests.last().copied().unwrap_or(super::line::NOTHING_BEFORE);
        let inode = (metadata.dev(), metadata.ino());
        Ok((Self { file, path: path.to_owned(), inode, length: bytes.len() as u64, digest }, digests))
    }

    /// Whether its name still leads to this file, and the file ends where it was left.
    pub fn stands(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| {
            (found.dev(), found.ino()) == self.inode && found.len() == self.length && found.is_file()
        })
    }

    /// Appends lines and waits until the disk has them. Where that fails some may stand there, until the file is brought
    /// [`back`](Self::back_to). Returns the digest of the last.
    pub fn append(&mut self, contents: &[Content]) -> io::Result<Sha256Digest> {
        let (bytes, digests) = lines(contents, self.digest)?;
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data())?;
        self.length += bytes.len() as u64;
        self.digest = digests.last().copied().unwrap_or(self.digest);
        Ok(self.digest)
    }

    /// Where it stands.
    pub fn mark(&self) -> Mark {
        Mark { length: self.length, digest: self.digest }
    }

    /// Goes back to where it stood.
    pub fn back_to(&mut self, mark: Mark) -> io::Result<()> {
        (self.length, self.digest) = (mark.length, mark.digest);
        self.cut()
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()
    }
}

/// A place in a journal.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    length: u64,
    digest: Sha256Digest,
}
