//! Where a log ends, and where a site that is far behind begins. Sites compare heads by their bytes.

use prost::Message;

use super::blob::BlobName;
use super::wire::{decode, digest, log_from_wire, log_to_wire, v1};
use super::{FORMAT, Fault, format};
use crate::domain::Sha256Digest;
use crate::store::{FleetId, Log, Position};

/// No log comes so far: a million entries a second for ten thousand years.
const FARTHEST: u64 = 1 << 58;

/// The head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose it is.
    pub log: Log,
    /// Its format, and that of entries which are appended behind it.
    pub format: u32,
    /// The index of the newest entry; 0 before the first.
    pub index: u64,
    /// The digest of that entry.
    pub sha256: Sha256Digest,
    /// The newest base.
    pub base: Option<BaseName>,
}

/// A base, by its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseName {
    /// The index of the last entry that is in it.
    pub index: u64,
    /// The blob of its manifest.
    pub manifest: BlobName,
}

impl Head {
    /// The head of a log without entries.
    pub fn origin(fleet: FleetId, log: Log) -> Self {
        let Position { index, sha256, .. } = Position::origin(fleet, log);
        Self { log, format: FORMAT, index, sha256, base: None }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let base = self.base.map(|base| v1::BaseRef { index: base.index, manifest: Some(base.manifest.to_wire()) });
        let mut head = v1::Head {
            format: self.format,
            log: log_to_wire(self.log),
            index: self.index,
            entry_sha256: self.sha256.0.to_vec(),
            base,
            sha256: Vec::new(),
        };
        head.sha256 = Sha256Digest::of(&head.encode_to_vec()).0.to_vec();
        head.encode_to_vec()
    }

    /// What bytes say that stand in the place of a log's head.
    ///
    /// # Errors
    ///
    /// If they are not a head of that log, whole.
    pub fn from_bytes(log: Log, bytes: &[u8]) -> Result<Self, Fault> {
        let what = format!("the head of the fleet's log `{}`", log.as_str());
        let of = |bad| Fault::of(&what, bad);
        let wire: v1::Head = decode(bytes).map_err(of)?;
        format::check(&what, wire.format)?;
        let rest = v1::Head { sha256: Vec::new(), ..wire.clone() }.encode_to_vec();
        if wire.sha256[..] != Sha256Digest::of(&rest).0 || wire.encode_to_vec() != bytes {
            return Err(Fault::damaged(&what, "its digest is another"));
        }
        if log_from_wire(wire.log).map_err(of)? != log {
            return Err(Fault::damaged(&what, "it is that of the other log"));
        }
        // Nobody appends so much: whatever counts on from it would come to an end.
        if wire.index > FARTHEST {
            return Err(Fault::damaged(&what, format!("it stands at entry {}", wire.index)));
        }
        let base = match wire.base {
            None => None,
            Some(v1::BaseRef { index, manifest: Some(manifest) }) if index <= wire.index => {
                Some(BaseName { index, manifest: BlobName::from_wire(&manifest).map_err(of)? })
            }
            Some(_) => return Err(Fault::damaged(&what, "its base is none")),
        };
        let sha256 = digest(&wire.entry_sha256).map_err(of)?;
        Ok(Self { log, format: wire.format, index: wire.index, sha256, base })
    }
}
