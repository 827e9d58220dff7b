//! What is too large for one value: packed by zstd, named by the digest of its packed bytes, in chunks.
//!
//! The name is that of the packed bytes and not of what comes out, so that two writers with different versions of zstd never
//! write chunks of one name that do not go together, and so that nothing is unpacked that is not what was written.

use std::io::{Cursor, Read};

use super::Fault;
use super::wire::{Bad, digest, v1};
use crate::domain::Sha256Digest;
use crate::store::packing::in_turn;

/// A chunk has so many bytes; the last one fewer. etcd takes 1.5 MiB in one request.
pub const CHUNK: usize = 256 << 10;

/// A packed blob has no more bytes than this.
pub const MOST_PACKED: u64 = 32 << 20;

/// No more bytes than this come out of one. Real listings are a seventh of their size when packed.
pub const MOST_BYTES: u64 = 256 << 20;

/// zstd's own default: a listing of 5 MB comes to about 1 MB, in some milliseconds.
const LEVEL: i32 = 3;

/// What is unpacked looks back no further than 2 to the power of this, in bytes: what zstd takes of memory besides. Blobs that
/// are written look back a quarter of it.
const MOST_WINDOW: u32 = 23;

/// By what a blob is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobName {
    /// The digest of its packed bytes.
    pub sha256: Sha256Digest,
    /// How many packed bytes there are.
    pub packed_bytes: u64,
    /// How many bytes come out of it.
    pub bytes: u64,
}

/// A blob, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub name: BlobName,
    /// Its packed bytes.
    pub packed: Vec<u8>,
}

impl Blob {
    /// Packs bytes. `what` names them in a refusal.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub fn pack(what: &str, bytes: &[u8]) -> Result<Self, Fault> {
        let refuse = |bytes: u64, most| {
            let advice = "the listing or list must be smaller, or the history shorter (history.keep_days)";
            Err(Fault::TooLarge { what: what.to_owned(), bytes, most, advice })
        };
        let length = bytes.len() as u64;
        if length > MOST_BYTES {
            return refuse(length, MOST_BYTES);
        }
        let packed = in_turn(|| zstd::bulk::compress(bytes, LEVEL)).map_err(|error| Fault::damaged(what, error))?;
        let packed_bytes = packed.len() as u64;
        if packed_bytes > MOST_PACKED {
            return refuse(packed_bytes, MOST_PACKED);
        }
        let sha256 = Sha256Digest::of(&packed);
        Ok(Self { name: BlobName { sha256, packed_bytes, bytes: length }, packed })
    }

    /// The chunks under which it is kept, in their order. One at least.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.packed.chunks(CHUNK)
    }
}

impl BlobName {
    /// How many chunks it has.
    pub fn chunks(&self) -> u64 {
        self.packed_bytes.div_ceil(CHUNK as u64)
    }

    /// What comes out of its chunks.
    ///
    /// # Errors
    ///
    /// If they are not those of this blob, or something else comes out of them.
    pub fn unpack<'a>(&self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Fault> {
        let what = format!("the blob {}", self.sha256.short());
        let damaged = |detail: String| Err(Fault::Damaged { what: what.clone(), detail });
        let mut packed = Vec::new();
        for chunk in chunks {
            packed.extend_from_slice(chunk);
            if packed.len() as u64 > self.packed_bytes {
                return damaged(format!("it has more than {} bytes", self.packed_bytes));
            }
        }
        if (packed.len() as u64) < self.packed_bytes {
            return damaged(format!("it has {} bytes of {}", packed.len(), self.packed_bytes));
        }
        if Sha256Digest::of(&packed) != self.sha256 {
            return damaged("its digest is another".to_owned());
        }
        // It grows with what comes, whatever was announced, and one byte more than that is enough to know.
        let mut bytes = Vec::new();
        let read = in_turn(|| {
            let mut decoder = zstd::Decoder::with_buffer(Cursor::new(&packed))?;
            decoder.window_log_max(MOST_WINDOW)?;
            decoder.take(self.bytes + 1).read_to_end(&mut bytes)
        });
        match read {
            Err(error) => damaged(error.to_string()),
            Ok(_) if bytes.len() as u64 != self.bytes => damaged(format!("not {} bytes come out of it", self.bytes)),
            Ok(_) => Ok(bytes),
        }
    }

    pub(super) fn to_wire(self) -> v1::BlobRef {
        v1::BlobRef { sha256: self.sha256.0.to_vec(), packed_bytes: self.packed_bytes, bytes: self.bytes }
    }

    pub(super) fn from_wire(wire: &v1::BlobRef) -> Result<Self, Bad> {
        let v1::BlobRef { packed_bytes, bytes, .. } = *wire;
        if packed_bytes > MOST_PACKED || bytes > MOST_BYTES {
            return Err(Bad::Damaged(format!("it names a blob of {packed_bytes} bytes, unpacked {bytes}")));
        }
        Ok(Self { sha256: digest(&wire.sha256)?, packed_bytes, bytes })
    }
}
