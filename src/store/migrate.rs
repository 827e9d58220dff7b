//! From an older format to this one.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use redb::ReadableTable;

use super::history::RewindError;
use super::open::{FILE_MODE, lay_out_alerts};
use super::tables::{
    CONFIRMATIONS, HELD, META, META_FORMAT, META_RECORDS_SUM, META_REMOVALS_SUM, RECORD_EVENTS, RECORDS, REMOVALS,
    SNAPSHOTS, SOURCES,
};
use super::{FILE_NAME, FORMAT, Loaded, Store, StoreError, codec, directory, sums};
use crate::domain::{Sha256Digest, SnapshotSerial};
use crate::listing::canonical;
use crate::listing::rewind::Rewind;

impl Store {
    /// Copies the store beside itself before it is brought to another format: an older version cannot read that one, and goes
    /// on from this. Returns where it is.
    fn keep(&self, format: u32) -> Result<PathBuf, StoreError> {
        let of_number = |number: u32| match number {
            0 => self.path.with_file_name(format!("{FILE_NAME}.format-{format}")),
            number => self.path.with_file_name(format!("{FILE_NAME}.format-{format}.{number}")),
        };
        let kept = (0..).map(of_number).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| of_number(0));
        let making = self.path.with_file_name(format!("{FILE_NAME}.keeping"));
        let written = self.copy_beside(&making).and_then(|()| {
            let renamed = std::fs::rename(&making, &kept).and_then(|()| directory::sync(directory::of(&kept)));
            renamed.map_err(|error| error.to_string())
        });
        written.map(|()| kept.clone()).map_err(|detail| {
            let _ = std::fs::remove_file(&making);
            StoreError::NotKept { path: self.path.clone(), kept, format, detail }
        })
    }

    pub(super) fn copy_beside(&self, path: &std::path::Path) -> Result<(), String> {
        let said = |error: std::io::Error| error.to_string();
        // One that was broken off is no copy.
        let _ = std::fs::remove_file(path);
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path).map_err(said)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE)).map_err(said)?;
        let written = file.try_clone().map_err(said)?;
        self.copy_to(file, directory::of(path)).map_err(|error| error.to_string())?;
        written.sync_all().map_err(said)
    }

    /// Brings an older layout to this one, in one transaction.
    pub(super) fn migrate(&self, from: u32) -> Result<(), StoreError> {
        let kept = self.keep(from)?;
        let digests = if from < 3 { self.listing_digests()? } else { Vec::new() };
        let transaction = self.begin_write()?;
        {
            // From 1 to 2: operators' records have come.
            transaction.open_table(RECORDS)?;
            transaction.open_table(RECORD_EVENTS)?;
            // From 2 to 3: held listings, states of sources, confirmations, and in each snapshot's record the digest of
            // its export.
            transaction.open_table(HELD)?;
            transaction.open_table(SOURCES)?;
            transaction.open_table(CONFIRMATIONS)?;
            let mut snapshots = transaction.open_table(SNAPSHOTS)?;
            for (serial, digest) in digests {
                let record = snapshots.get(serial.0)?.map(|bytes| codec::add_listing_digest(bytes.value(), digest));
                if let Some(record) = record.transpose()? {
                    snapshots.insert(serial.0, record.as_slice())?;
                }
            }
            // From 3 to 4: the outbox of alerts.
            lay_out_alerts(&transaction)?;
            // And the sums of what is served from other tables.
            let mut meta = transaction.open_table(META)?;
            let mut sum = 0u64;
            for entry in transaction.open_table(REMOVALS)?.iter()? {
                let (key, bytes) = entry?;
                sum = sum.wrapping_add(sums::removal(key.value(), bytes.value()));
            }
            meta.insert(META_REMOVALS_SUM, sum)?;
            sum = 0;
            for entry in transaction.open_table(RECORDS)?.iter()? {
                let (key, bytes) = entry?;
                sum = sum.wrapping_add(sums::record(key.value(), bytes.value()));
            }
            meta.insert(META_RECORDS_SUM, sum)?;
            meta.insert(META_FORMAT, u64::from(FORMAT))?;
        }
        transaction.commit()?;
        let kept = kept.display();
        tracing::info!(
            format = FORMAT,
            %kept,
            "the store was brought to format {FORMAT}; as it was before it is kept as {kept}, which you may remove once this \
             version has shown its worth"
        );
        Ok(())
    }

    /// The digest of every snapshot's export, by walking back from the last one.
    fn listing_digests(&self) -> Result<Vec<(SnapshotSerial, Sha256Digest)>, StoreError> {
        let Loaded { snapshot, removals, .. } = self.load()?;
        let mut digests = Vec::new();
        let Some(snapshot) = snapshot else { return Ok(digests) };
        let mut way = Rewind::from(&snapshot, &removals);
        for record in self.snapshot_records()?.iter().rev() {
            let led = match self.rewind(&mut way, record.serial) {
                Ok(_) => way.reach(record, record.confirmed_at).map(|_| ()),
                Err(RewindError::Broken(broken)) => Err(broken),
                Err(RewindError::Store(error)) => return Err(error),
            };
            if let Err(broken) = led {
                // What is earlier cannot be reached; what stands can, and that is what answers rest on.
                tracing::error!(%broken, "{broken}");
                break;
            }
            digests.push((record.serial, canonical::digest(&way.filings())));
        }
        Ok(digests)
    }
}
