//! The beginning of a damaged store, mended for reading: what stands behind it is of use only if redb opens the file.
//!
//! A redb file begins with what never changes (a mark, the sizes of pages and regions), with how long it is, and with two
//! slots, each of which leads to the state behind one commit; a flag says which is in force. Each slot has a checksum, the
//! rest has none. So what never changes is put there as it must be, how long the file is is counted, and each slot is tried,
//! as it stands and with each of its bytes altered until its checksum agrees. The file itself is not touched: what is read of it is
//! overlaid.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{DatabaseError, ReadOnlyDatabase, StorageBackend};

use super::contained::contained;
use super::open::{builder, check_format};

const MARK: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
const FLAGS: usize = 9;
/// The flag for the second slot, and that what a slot leads to was on the disk before the slot was.
const SECOND: u8 = 1;
const TWO_PHASES: u8 = 4;
const PAGE_SIZE: u64 = 4096;
/// Where the page's size stands, the pages that a region begins with, those for data in it, how many regions are full, and the pages
/// of the last one; four bytes each.
const SIZES: usize = 12;
/// The first three as all stores of rmdd have them.
const USUAL: [u32; 3] = [PAGE_SIZE as u32, 0, 1 << 20];
const SLOTS: [usize; 2] = [64, 192];
const SLOT: usize = 128;
/// Which layout a slot has, in its first byte.
const LAYOUT: u8 = 3;
/// The number of its commit within a slot.
const COMMIT: usize = 104;
const HEADER: usize = SLOTS[1] + SLOT;
/// More than so many times the file's length is not believed to be its length.
const MOST_GROWN: u64 = 64;

type Header = [u8; HEADER];

/// A database that was opened by a mended beginning.
pub(super) struct Mended {
    pub database: ReadOnlyDatabase,
    /// That it may lack what was written last.
    pub older: Option<String>,
}

/// Opens a file whose beginning or length is damaged, in the newest state that can be reached.
///
/// # Errors
///
/// Says why there is none.
pub(super) fn open(path: &Path) -> Result<Mended, String> {
    let file = Arc::new(File::open(path).map_err(|error| error.to_string())?);
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut header = [0; HEADER];
    if length < 2 * PAGE_SIZE || file.read_exact_at(&mut header, 0).is_err() {
        return Err("it is too short".to_owned());
    }
    let mut tried = Vec::new();
    for sizes in [sizes_in(&header), USUAL] {
        if sizes[0] != USUAL[0] || sizes[2] == 0 || tried.contains(&sizes) {
            continue;
        }
        tried.push(sizes);
        if let Some(mended) = in_newest_state(path, &file, &laid_out(&header, sizes, length)) {
            return Ok(mended);
        }
    }
    Err("its beginning is damaged: neither of the two places that lead to its newest states can be used".to_owned())
}

/// What the beginning says of its commit and how long the file is then.
struct LaidOut {
    header: Header,
    length: u64,
}

/// The beginning with all in it that can be known without it.
fn laid_out(damaged: &Header, sizes: [u32; 3], length: u64) -> LaidOut {
    let mut header = *damaged;
    header[..FLAGS].copy_from_slice(MARK);
    header[FLAGS + 1..SIZES].fill(0);
    let [_, first, data] = sizes.map(u64::from);
    let (full, last) = (u64::from(number_at(damaged, SIZES + 12)), u64::from(number_at(damaged, SIZES + 16)));
    let told = full * (first + data) + if last > 0 { first + last } else { 0 };
    // What lies behind the end reads as nothing, and what was put there is led to by nothing.
    let there = length.div_ceil(PAGE_SIZE) - 1;
    let pages = if told <= there.saturating_mul(MOST_GROWN) { told.max(there) } else { there };
    let (full, rest) = (pages / (first + data), pages % (first + data));
    let last = rest.saturating_sub(first);
    let length = (1 + full * (first + data) + if last > 0 { rest } else { 0 }) * PAGE_SIZE;
    let numbers = sizes.into_iter().chain([full, last].map(|pages| u32::try_from(pages).unwrap_or(u32::MAX)));
    for (place, number) in header[SIZES..].chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    // A layout that is not known is told of before any checksum is looked at.
    for slot in SLOTS {
        header[slot] = LAYOUT;
    }
    LaidOut { header, length }
}

fn in_newest_state(path: &Path, file: &Arc<File>, laid_out: &LaidOut) -> Option<Mended> {
    let mut states: Vec<_> = (0..SLOTS.len()).filter_map(|slot| with_slot(file, laid_out, slot)).collect();
    let both = states.len() == SLOTS.len();
    states.sort_by_key(|(slot, header)| std::cmp::Reverse(commit(header, *slot)));
    for (place, (_, header)) in states.into_iter().enumerate() {
        let backend = Overlaid::new(file, header, laid_out.length);
        let opened = contained(|| builder().open_read_only_with_backend(backend));
        let Ok(Ok(database)) = opened else { continue };
        if check_format(path, &database).is_ok() {
            let older = (!both || place > 0).then(|| {
                "the beginning of the store is damaged where it leads to its newest state: what is read is the state before, \
                 and what was written last, if anything, is lost"
                    .to_owned()
            });
            return Some(Mended { database, older });
        }
    }
    None
}

/// The beginning by which one slot is in force, if its checksum agrees or does with one byte of it altered.
fn with_slot(file: &Arc<File>, laid_out: &LaidOut, slot: usize) -> Option<(usize, Header)> {
    let mut header = laid_out.header;
    header[FLAGS] = TWO_PHASES | if slot == 1 { SECOND } else { 0 };
    let agrees = |header: &Header| agrees(file, header, laid_out.length);
    if agrees(&header) {
        return Some((slot, header));
    }
    let start = SLOTS[slot];
    // Nothing stands there, by the layout.
    let mut empty = header;
    empty[start + 3..start + 8].fill(0);
    if agrees(&empty) {
        return Some((slot, empty));
    }
    for place in start..start + SLOT {
        for altered in 1..=u8::MAX {
            let mut header = header;
            header[place] ^= altered;
            if agrees(&header) {
                return Some((slot, header));
            }
        }
    }
    None
}

/// Whether redb takes a beginning: it looks at nothing behind it until it does.
fn agrees(file: &Arc<File>, header: &Header, length: u64) -> bool {
    let backend = Overlaid::new(file, *header, length);
    let passed = Arc::clone(&backend.passed);
    match contained(|| builder().open_read_only_with_backend(backend)) {
        Ok(Err(DatabaseError::Storage(_))) => passed.load(Ordering::Relaxed),
        Ok(Err(_)) => false,
        Ok(Ok(_)) | Err(_) => true,
    }
}

fn number_at(header: &Header, at: usize) -> u32 {
    header[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn sizes_in(header: &Header) -> [u32; 3] {
    [0, 4, 8].map(|at| number_at(header, SIZES + at))
}

fn commit(header: &Header, slot: usize) -> u64 {
    let at = SLOTS[slot] + COMMIT;
    u64::from(number_at(header, at + 4)) << 32 | u64::from(number_at(header, at))
}

/// A file with another beginning and another length, to be read alone.
#[derive(Debug)]
struct Overlaid {
    file: Arc<File>,
    header: Header,
    length: u64,
    /// Whether anything behind the beginning was asked for.
    passed: Arc<AtomicBool>,
}

impl Overlaid {
    fn new(file: &Arc<File>, header: Header, length: u64) -> Self {
        Self { file: Arc::clone(file), header, length, passed: Arc::default() }
    }
}

fn only_read() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl StorageBackend for Overlaid {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if end > PAGE_SIZE {
            self.passed.store(true, Ordering::Relaxed);
        }
        let mut read = 0;
        while read < out.len() {
            match self.file.read_at(&mut out[read..], offset + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        out[read..].fill(0);
        if let Some(overlaid) = usize::try_from(offset).ok().and_then(|offset| self.header.get(offset..)) {
            let common = overlaid.len().min(out.len());
            out[..common].copy_from_slice(&overlaid[..common]);
        }
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(only_read())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(only_read())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(only_read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{FILE_NAME, Store};

    #[test]
    fn a_store_has_the_sizes_that_are_put_into_a_damaged_one() {
        let directory = tempfile::tempdir().expect("a directory");
        drop(Store::open(directory.path()).expect("made"));
        let bytes = std::fs::read(directory.path().join(FILE_NAME)).expect("read");
        let header: Header = bytes[..HEADER].try_into().expect("a header");
        assert_eq!((sizes_in(&header), &header[..FLAGS]), (USUAL, &MARK[..]));
        assert_eq!(SLOTS.map(|slot| header[slot]), [LAYOUT; 2]);
        assert_eq!(header[FLAGS] & !SECOND, TWO_PHASES);
        let laid_out = laid_out(&header, USUAL, bytes.len() as u64);
        assert_eq!(
            (&laid_out.header[..], laid_out.length),
            (&header[..], bytes.len() as u64),
            "nothing is to be mended"
        );
    }
}
