//! Directories: made with a mode of their own, and synced when something in them has got another name.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Who may enter a directory that rmdd makes: its owner and group, whatever the umask takes away or leaves.
const MODE: u32 = 0o750;

/// Makes a directory where there is none, and those that lead to it. One that is there stays as it is.
///
/// # Errors
///
/// If it cannot be made. What is no directory fails where something is put into it.
pub fn make(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    DirBuilder::new().recursive(true).mode(MODE).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))
}

/// The directory that a file is in.
pub fn of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses what a path leads to if that is a pipe, a socket or a device: whoever opens a pipe may wait for ever, and what is written
/// to a device is nowhere.
///
/// # Errors
///
/// If it is such a thing.
pub fn refuse_device(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !(found.is_file() || found.is_dir()) => {
            let said = "it is no file, but a pipe, a socket or a device: move it away";
            Err(io::Error::new(ErrorKind::InvalidInput, said))
        }
        _ => Ok(()),
    }
}

/// Waits until the disk has the names in a directory.
///
/// # Errors
///
/// If the disk fails.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
