//! The log's file: appended to, put aside when it is full.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who may read it besides its owner: the group, as the store's socket.
const MODE: u32 = 0o640;

/// Which file it is, whatever its name, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    device: u64,
    inode: u64,
    length: u64,
}

/// An open log.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    path: PathBuf,
    /// A pipe or a device has no length, and is never put aside.
    regular: bool,
    place: Place,
}

impl LogFile {
    /// Opens it for appending, and makes it if there is none. A line that was torn off, by a crash or a full disk, is
    /// ended; unless it is the file and the place that `left_at` names, where the rest of it is to come.
    pub fn open(path: &Path, left_at: Option<Place>) -> io::Result<Self> {
        let open = |options: &mut OpenOptions| options.append(true).mode(MODE).open(path);
        let mut file = match open(OpenOptions::new().create_new(true)) {
            Ok(made) => {
                // Whatever the umask takes away.
                made.set_permissions(Permissions::from_mode(MODE))?;
                made
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(OpenOptions::new().create(true))?,
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let regular = metadata.is_file();
        let length = if regular { metadata.len() } else { 0 };
        let mut place = Place { device: metadata.dev(), inode: metadata.ino(), length };
        if regular && length > 0 && left_at != Some(place) && last_byte(path)? != b'\n' {
            file.write_all(b"\n")?;
            place.length += 1;
        }
        Ok(Self { file, path: path.to_owned(), regular, place })
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Writes some of these bytes; says how many.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) if !bytes.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    if self.regular {
                        self.place.length += count as u64;
                    }
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How many more bytes fit under this limit, if there is one; 0 is none.
    pub fn room(&self, max_bytes: u64) -> Option<u64> {
        (self.regular && max_bytes > 0).then(|| max_bytes.saturating_sub(self.place.length))
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.place.length == 0
    }

    /// Puts the file aside as `NAME.1`, those put aside before one further, and begins a new one. Beyond `keep` they go.
    pub fn rotate(&mut self, keep: u32) -> io::Result<()> {
        self.file.sync_all()?;
        let aside = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            for number in (1..keep).rev() {
                match fs::rename(aside(number), aside(number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&self.path, aside(1))?;
        }
        // More were kept once.
        let _ = (keep + 1..).try_for_each(|number| fs::remove_file(aside(number)));
        *self = Self::open(&self.path, None)?;
        Ok(())
    }

    /// Has what was written on the disk.
    pub fn sync(&self) -> io::Result<()> {
        if self.regular { self.file.sync_all() } else { Ok(()) }
    }
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut file = File::open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("readable")
    }

    #[test]
    fn files_that_were_put_aside_move_on_and_the_last_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut file = LogFile::open(&path, None).expect("opened");
        for text in ["one\n", "two\n", "three\n", "four\n"] {
            assert!(file.is_empty());
            file.write(text.as_bytes()).expect("written");
            assert_eq!(file.room(6), Some(6 - text.len() as u64));
            file.rotate(2).expect("put aside");
        }
        assert_eq!((read(&path), read(&path.with_extension("1"))), (String::new(), "four\n".to_owned()));
        assert_eq!(read(&path.with_extension("2")), "three\n");
        assert!(!path.with_extension("3").try_exists().expect("looked"));
        file.write(b"five\n").expect("written");
        file.rotate(0).expect("thrown away");
        assert_eq!(read(&path), "");
        assert!(
            !path.with_extension("1").try_exists().expect("looked")
                && !path.with_extension("2").try_exists().expect("looked")
        );
    }

    #[test]
    fn a_torn_line_is_ended_unless_its_rest_is_to_come() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut file = LogFile::open(&path, None).expect("opened");
        file.write(b"whole\ntor").expect("written");
        let left_at = file.place();
        drop(file);
        let mut again = LogFile::open(&path, Some(left_at)).expect("opened");
        again.write(b"n\ntorn").expect("written");
        drop(again);
        LogFile::open(&path, Some(left_at)).expect("opened");
        assert_eq!(read(&path), "whole\ntorn\ntorn\n");
    }
}
