//! Files that a user named for what a command writes.
//!
//! A new file, and one that is there, comes whole or not at all: it is written beside its place under a name that nobody
//! else has, and moved there. One that is there keeps its owner and its mode, and a link to it stays a link. What is no
//! plain file is written to as it is: a device, a pipe. Where moving would lose something (further names of the file, an
//! owner that cannot be given away, a directory that nobody may write into), the file itself is overwritten.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::own_files::OwnFiles;
use crate::store::directory;

/// So many links are followed to a file that is not there yet, as the system does.
const MOST_LINKS: usize = 40;

/// What a new file is like, and whether there may be one already.
#[derive(Debug, Clone, Copy)]
pub struct New {
    /// Its mode. The umask takes of it what it takes.
    pub mode: u32,
    /// Whether a file that is there is replaced.
    pub over: bool,
}

/// A file that is being written.
#[derive(Debug)]
pub struct Output(Kind);

#[derive(Debug)]
enum Kind {
    /// Beside its place.
    Beside { file: NamedTempFile, place: PathBuf, over: bool },
    /// In its place. What cannot be synced, a pipe or a terminal, is not.
    Through { file: File, synced: bool },
}

impl Output {
    /// Opens what this path leads to.
    ///
    /// # Errors
    ///
    /// If it cannot be written, is nothing to write to, or is one of rmdd's own files.
    pub fn open(path: &Path, new: New, own: &OwnFiles) -> io::Result<Self> {
        own.spare(path)?;
        if !new.over && path.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if let Some(file) = own_stream(path)? {
            return Ok(Self(Kind::Through { file, synced: false }));
        }
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Self::over(&path.canonicalize()?, &found),
            Ok(found) => Self::through(path, &found),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::new(&behind_links(path)?, new),
            Err(error) => Err(error),
        }
    }

    fn new(place: &Path, New { mode, over }: New) -> io::Result<Self> {
        let file = beside(place, mode)?;
        Ok(Self(Kind::Beside { file, place: place.to_owned(), over }))
    }

    /// A plain file that is there.
    fn over(place: &Path, found: &Metadata) -> io::Result<Self> {
        let overwritten = || {
            let file = OpenOptions::new().write(true).truncate(true).open(place)?;
            Ok(Self(Kind::Through { file, synced: true }))
        };
        // Whoever may not write into the file may not do it by way of its directory either.
        OpenOptions::new().write(true).open(place)?;
        if found.nlink() > 1 {
            return overwritten();
        }
        let Ok(file) = beside(place, 0o600) else { return overwritten() };
        let made = file.as_file().metadata()?;
        if (made.uid(), made.gid()) != (found.uid(), found.gid())
            && fchown(file.as_file(), Some(found.uid()), Some(found.gid())).is_err()
        {
            return overwritten();
        }
        // Behind the owner: giving a file away takes bits of its mode.
        file.as_file().set_permissions(Permissions::from_mode(found.mode() & 0o7777))?;
        Ok(Self(Kind::Beside { file, place: place.to_owned(), over: true }))
    }

    /// What is there and no plain file.
    fn through(path: &Path, found: &Metadata) -> io::Result<Self> {
        let kind = found.file_type();
        let refuse = |what| Err(io::Error::new(ErrorKind::Unsupported, format!("it is {what}: name a file")));
        if kind.is_dir() {
            return refuse("a directory");
        }
        if kind.is_block_device() {
            return refuse("a disk, and its contents would be lost");
        }
        if kind.is_socket() {
            return refuse("a socket");
        }
        Ok(Self(Kind::Through { file: OpenOptions::new().write(true).open(path)?, synced: false }))
    }

    /// Makes sure that all of it is on the disk, and gives it its name.
    ///
    /// # Errors
    ///
    /// If the disk fails; then what stood there still does, where it was not overwritten.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Kind::Through { mut file, synced } => {
                file.flush()?;
                if synced { file.sync_all() } else { Ok(()) }
            }
            Kind::Beside { file, place, over } => {
                file.as_file().sync_all()?;
                let kept = if over { file.persist(&place) } else { file.persist_noclobber(&place) };
                kept.map_err(|error| error.error)?;
                directory::sync(directory::of(&place))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Beside { file, .. } => file.as_file_mut().write(bytes),
            Kind::Through { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An empty file of a name that is drawn, in the directory of this one. It is gone if it is not moved into place.
fn beside(place: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let mut name = std::ffi::OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&name).suffix(".part").permissions(Permissions::from_mode(mode)).tempfile_in(directory::of(place))
}

/// Where a path leads, spelled in the one way that has no links in it, whether something is there or not.
///
/// # Errors
///
/// If its directory is not there.
pub fn place_of(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let place = behind_links(path)?;
            let name = place.file_name().ok_or(ErrorKind::NotFound)?;
            Ok(directory::of(&place).canonicalize()?.join(name))
        }
        found => found,
    }
}

/// Where a path leads that ends in links to what is not there.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = directory::of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("it is a link to a link, and so on"))
}

/// The command's own output, if the path is one of its names: what was written there before, and by others, stays.
fn own_stream(path: &Path) -> io::Result<Option<File>> {
    let own = match path.to_str() {
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => io::stdout().as_fd().try_clone_to_owned()?,
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => io::stderr().as_fd().try_clone_to_owned()?,
        _ => return Ok(None),
    };
    Ok(Some(File::from(own)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut output = Output::open(path, New { mode: 0o644, over: true }, &OwnFiles::default())?;
        output.write_all(text.as_bytes())?;
        output.finish()
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).expect("readable")
    }

    #[test]
    fn a_file_that_is_there_keeps_its_mode_its_names_and_the_links_to_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, link, hard) =
            (directory.path().join("file"), directory.path().join("link"), directory.path().join("hard"));
        std::fs::write(&file, "old").expect("written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o604)).expect("set");
        symlink("file", &link).expect("linked");
        write(&link, "new").expect("written");
        assert!(link.symlink_metadata().expect("there").is_symlink());
        assert_eq!(read(&file), "new");
        assert_eq!(std::fs::metadata(&file).expect("there").mode() & 0o7777, 0o604);
        std::fs::hard_link(&file, &hard).expect("linked");
        write(&file, "newer").expect("written");
        assert_eq!((read(&hard), std::fs::metadata(&file).expect("there").nlink()), ("newer".to_owned(), 2));
        assert_eq!(std::fs::read_dir(directory.path()).expect("read").count(), 3, "nothing is left beside");
    }

    #[test]
    fn a_link_to_nothing_gets_what_it_leads_to_and_a_name_beside_is_never_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (link, part, victim) =
            (directory.path().join("link"), directory.path().join("target.part"), directory.path().join("victim"));
        symlink("target", &link).expect("linked");
        std::fs::write(&victim, "mine").expect("written");
        symlink("victim", &part).expect("linked");
        write(&link, "new").expect("written");
        assert_eq!((read(&directory.path().join("target")), read(&victim)), ("new".to_owned(), "mine".to_owned()));
        symlink("b", directory.path().join("a")).expect("linked");
        symlink("a", directory.path().join("b")).expect("linked");
        assert!(write(&directory.path().join("a"), "nowhere").is_err());
    }

    #[test]
    fn devices_are_written_to_and_what_is_nothing_to_write_to_is_refused() {
        let null = Path::new("/dev/null");
        write(null, "gone").expect("written");
        assert!(null.symlink_metadata().expect("there").file_type().is_char_device());
        let directory = tempfile::tempdir().expect("a directory");
        assert!(write(directory.path(), "no").expect_err("refused").to_string().contains("a directory"));
        let socket = directory.path().join("socket");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
        assert!(write(&socket, "no").expect_err("refused").to_string().contains("a socket"));
        let full = write(Path::new("/dev/full"), "no").expect_err("full");
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_what_was_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file");
        std::fs::write(&file, "old").expect("written");
        let mut output = Output::open(&file, New { mode: 0o644, over: true }, &OwnFiles::default()).expect("opened");
        output.write_all(b"half").expect("written");
        drop(output);
        assert_eq!(read(&file), "old");
        assert_eq!(std::fs::read_dir(directory.path()).expect("read").count(), 1);
        let there = Output::open(&file, New { mode: 0o644, over: false }, &OwnFiles::default()).expect_err("refused");
        assert_eq!(there.kind(), ErrorKind::AlreadyExists);
    }
}
