//! Files that hold a secret: a private key, tokens. One that everybody on the machine may read is none.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// No secret of ours is longer: whoever names another file by mistake does not fill the memory with it.
const MOST_BYTES: u64 = 1 << 20;

/// Why a file with a secret cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Everybody may read or write it.
    #[error(
        "{} holds a secret, and everybody on this machine may use the file (mode {mode:04o}): run `chmod o-rwx {}`, and \
         give it to a group that rmdd is in if need be",
        .path.display(), .path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    /// Its group may write it.
    #[error(
        "{} holds a secret, and all of the file's group may write it (mode {mode:04o}): run `chmod g-w {}`; a group that rmdd \
         is in may read it",
        .path.display(), .path.display()
    )]
    Writable { path: PathBuf, mode: u32 },
    /// It is far too large.
    #[error("{} has {bytes} bytes: that is no file of keys or tokens", .path.display())]
    TooLarge {
        path: PathBuf,
        /// How large it is.
        bytes: u64,
    },
}

/// Reads a file that must not be everybody's.
///
/// # Errors
///
/// If it cannot be read, everybody may read or write it, its group may write it, or it is far too large.
pub fn read(path: &Path) -> Result<Vec<u8>, SecretError> {
    use std::io::Read;

    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of the file that is open, not of one that took its place.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory: name the file in it")));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    if mode & 0o020 != 0 {
        return Err(SecretError::Writable { path: path.to_owned(), mode });
    }
    if metadata.len() > MOST_BYTES {
        return Err(SecretError::TooLarge { path: path.to_owned(), bytes: metadata.len() });
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
