//! Where a store stands in the logs of its fleet.
//!
//! The position of a log is written in the transaction that does what the entry says, or not at all. A store that has one is
//! of format 5, which versions that know no fleet refuse: they would change it without anybody else being told.
//!
//! The digests of the entries that led there are kept as well, the newest of them: so whether a log that is found elsewhere is
//! an earlier state of what the store followed, or another one, can be told without the entries.

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::records::missing_in_older;
use super::tables::{FLEET, META, META_FORMAT, META_SCHEDULE_MINUTE};
use super::{FLEET_FORMAT, FORMAT, Store, StoreError, codec};
use crate::domain::Sha256Digest;
pub use crate::domain::{FleetId, FleetPosition, Log, Position};

/// One entry further in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// Which log.
    pub log: Log,
    /// The digest of the entry before.
    pub from: Sha256Digest,
    /// Where the store stands then.
    pub to: Position,
}

/// The key of the fleet's ID; positions stand under the words of their logs.
const ID: &str = "id";

/// The key of what tells the store from that of another site of the same name.
const SITE: &str = "site";

/// The key of the newest event that the log of records has brought, where the journal has brought more: eight bytes.
const LOGGED: &str = "logged";

/// So many entries back it is known which they were: what a listing's log has in six weeks.
const TRAIL: u64 = 1024;

/// The key under which the digest of an entry stands that was followed.
fn step(log: Log, index: u64) -> String {
    format!("trail/{}/{index:020}", log.as_str())
}

/// The key of the format that the fleet's logs had when they were last looked at: four bytes.
const FLEETS_FORMAT: &str = "format";

impl Store {
    /// Where the store stands in its fleet; nothing where it is in none.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn fleet_position(&self) -> Result<Option<FleetPosition>, StoreError> {
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            read(&transaction)
        })
    }

    /// The digest of an entry of a log as the store has followed it; nothing where that is not known any more, or not yet.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn followed(&self, log: Log, index: u64) -> Result<Option<Sha256Digest>, StoreError> {
        if index == 0 {
            let fleet = self.fleet_position()?.map(|position| position.fleet);
            return Ok(fleet.map(|fleet| Position::origin(fleet, log).sha256));
        }
        self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(table) = missing_in_older(transaction.open_table(FLEET))? else { return Ok(None) };
            let digest = table.get(step(log, index).as_str())?.and_then(|digest| digest.value().try_into().ok());
            Ok(digest.map(Sha256Digest))
        })
    }

    /// The first and the last event of operators' records that the journal has brought and the log has not, so far: where a store
    /// was put back from a backup, or a crash came between the two. The log brings the same once more, unless it has lost them.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn unlogged(&self) -> Result<Option<(u64, u64)>, StoreError> {
        let logged = self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(table) = missing_in_older(transaction.open_table(FLEET))? else { return Ok(None) };
            Ok(table.get(LOGGED)?.and_then(|serial| serial.value().try_into().ok()).map(u64::from_be_bytes))
        })?;
        let Some(logged) = logged else { return Ok(None) };
        let last = self.last_event()?;
        Ok((logged < last).then_some((logged + 1, last)))
    }

    /// Goes on to a base of the log of records that holds nothing but what stands here, up to this event, and not all of that.
    ///
    /// # Errors
    ///
    /// If the store is not in this fleet, or cannot be written; then nothing has changed.
    pub fn pass_base(&self, fleet: FleetId, to: Position, logged: u64) -> Result<(), StoreError> {
        let last = self.last_event()?;
        self.written(|| {
            let transaction = self.begin_write()?;
            let before = in_write(&transaction)?.ok_or_else(|| StoreError::NoFleet { path: self.path.clone() })?;
            if before.fleet != fleet {
                return Err(StoreError::InFleet { path: self.path.clone(), found: before.fleet });
            }
            write(&transaction, &FleetPosition { records: to, ..before })?;
            note_logged(&transaction, logged, last)?;
            transaction.commit()
        })
    }

    /// Whether the store holds nothing at all.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.newest_snapshot()?.is_none() && self.last_event()? == 0)
    }

    /// What tells this store from that of another site of the same name; nothing before it is in a fleet. Drawn once.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn site_token(&self) -> Result<Option<[u8; 16]>, StoreError> {
        let stored = self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(table) = missing_in_older(transaction.open_table(FLEET))? else { return Ok(None) };
            Ok(table.get(SITE)?.map(|token| token.value().to_vec()))
        })?;
        if let Some(token) = stored.and_then(|token| token.try_into().ok()) {
            return Ok(Some(token));
        }
        if self.fleet_position()?.is_none() {
            return Ok(None);
        }
        let token: [u8; 16] = rand::random();
        self.written(|| {
            let transaction = self.begin_write()?;
            transaction.open_table(FLEET)?.insert(SITE, token.as_slice())?;
            transaction.commit()
        })?;
        Ok(Some(token))
    }

    /// The minute of the hour at which the source is asked by default: that of the fleet.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn set_schedule_minute(&self, minute: u8) -> Result<(), StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            transaction.open_table(META)?.insert(META_SCHEDULE_MINUTE, u64::from(minute % 60))?;
            transaction.commit()
        })
    }

    /// The format that the fleet's logs had when they were last looked at; nothing where they were not.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn fleet_format(&self) -> Result<Option<u32>, StoreError> {
        let stored = self.contained_read(|| {
            let transaction = self.begin_read()?;
            let Some(table) = missing_in_older(transaction.open_table(FLEET))? else { return Ok(None) };
            Ok(table.get(FLEETS_FORMAT)?.map(|format| format.value().to_vec()))
        })?;
        Ok(stored.and_then(|format| format.try_into().ok()).map(u32::from_be_bytes))
    }

    /// Keeps in mind which format the fleet's logs have.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn set_fleet_format(&self, format: u32) -> Result<(), StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            transaction.open_table(FLEET)?.insert(FLEETS_FORMAT, format.to_be_bytes().as_slice())?;
            transaction.commit()
        })
    }

    /// Makes what the store holds the beginning of a fleet: the state before the first entry of both logs.
    ///
    /// # Errors
    ///
    /// If it is in a fleet already, or cannot be written; then nothing has changed.
    pub fn found_fleet(&self, fleet: FleetId) -> Result<(), StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            if let Some(found) = in_write(&transaction)? {
                return Err(StoreError::InFleet { path: self.path.clone(), found: found.fleet });
            }
            write(&transaction, &FleetPosition::origin(fleet))?;
            transaction.commit()
        })
    }

    /// Takes the store out of its fleet: what it holds stays, as a past of its own, and it is of the format of stores without a
    /// fleet again. Returns where it stood.
    ///
    /// # Errors
    ///
    /// If it is in none, or cannot be written; then nothing has changed.
    pub fn leave_fleet(&self) -> Result<FleetPosition, StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            let left = in_write(&transaction)?.ok_or_else(|| StoreError::NoFleet { path: self.path.clone() })?;
            transaction.delete_table(FLEET)?;
            let mut meta = transaction.open_table(META)?;
            meta.insert(META_FORMAT, u64::from(FORMAT))?;
            // The fleet's minute: several sites that leave would all ask the source at once.
            meta.insert(META_SCHEDULE_MINUTE, rand::random_range(0..60))?;
            drop(meta);
            transaction.commit()?;
            Ok(left)
        })
    }

    /// Goes on by one entry without doing what it says, as nobody should: a test must find that out.
    ///
    /// # Errors
    ///
    /// If the entry is not the next, or the position cannot be written.
    #[cfg(debug_assertions)]
    pub fn go_on_alone(&self, advance: &Advance) -> Result<(), StoreError> {
        self.written(|| {
            let transaction = self.begin_write()?;
            self.advance(&transaction, advance)?;
            transaction.commit()
        })
    }

    /// Goes on by one entry, in the transaction that does what it says.
    pub(super) fn advance(&self, transaction: &WriteTransaction, advance: &Advance) -> Result<(), StoreError> {
        let Advance { log, from, to } = *advance;
        let Some(mut position) = in_write(transaction)? else {
            return Err(StoreError::NotNext { log, entry: to.index, found: None });
        };
        let found = position.of(log);
        if found.index + 1 != to.index || found.sha256 != from || to.at < found.at {
            return Err(StoreError::NotNext { log, entry: to.index, found: Some(found.index) });
        }
        match log {
            Log::Listing => position.listing = to,
            Log::Records => position.records = to,
        }
        write(transaction, &position)
    }
}

/// The position, as a transaction sees it.
pub(super) fn read(transaction: &ReadTransaction) -> Result<Option<FleetPosition>, StoreError> {
    match missing_in_older(transaction.open_table(FLEET))? {
        Some(table) => decode(&table),
        None => Ok(None),
    }
}

/// The position, as a transaction that writes sees it.
pub(super) fn in_write(transaction: &WriteTransaction) -> Result<Option<FleetPosition>, StoreError> {
    let format = transaction.open_table(META)?.get(META_FORMAT)?.map(|format| format.value());
    // To open a table makes it, and a store without a fleet has none.
    if format != Some(u64::from(FLEET_FORMAT)) {
        return Ok(None);
    }
    decode(&transaction.open_table(FLEET)?)
}

fn decode(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Option<FleetPosition>, StoreError> {
    let Some(fleet) = table.get(ID)?.map(|id| codec::decode_fleet_id(id.value())).transpose()? else { return Ok(None) };
    let position = |log: Log| -> Result<Position, StoreError> {
        let stored = table.get(log.as_str())?;
        let bytes = stored.as_ref().map_or(&[][..], |bytes| bytes.value());
        Ok(codec::decode_position(bytes)?)
    };
    Ok(Some(FleetPosition { fleet, listing: position(Log::Listing)?, records: position(Log::Records)? }))
}

/// Notes that the log has brought all events up to this one, of those up to `last`, which stand here.
pub(super) fn note_logged(transaction: &WriteTransaction, logged: u64, last: u64) -> Result<(), StoreError> {
    let mut table = transaction.open_table(FLEET)?;
    match logged < last {
        true => _ = table.insert(LOGGED, logged.to_be_bytes().as_slice())?,
        false => _ = table.remove(LOGGED)?,
    }
    Ok(())
}

/// Notes that the journal brings events behind this one, which the log has yet to bring. Nothing where the store is in no fleet.
pub(super) fn note_beyond(transaction: &WriteTransaction, last: u64) -> Result<(), StoreError> {
    if in_write(transaction)?.is_none() {
        return Ok(());
    }
    let known = transaction.open_table(FLEET)?.get(LOGGED)?.is_some();
    if known { Ok(()) } else { note_logged(transaction, last, u64::MAX) }
}

/// Writes the position, and that the store is of a format that only versions with fleets read.
pub(super) fn write(transaction: &WriteTransaction, position: &FleetPosition) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(META_FORMAT, u64::from(FLEET_FORMAT))?;
    let mut table = transaction.open_table(FLEET)?;
    table.insert(ID, position.fleet.0.as_slice())?;
    for log in Log::ALL {
        let at = position.of(log);
        table.insert(log.as_str(), codec::encode_position(&at)?.as_slice())?;
        if at.index > 0 {
            table.insert(step(log, at.index).as_str(), at.sha256.0.as_slice())?;
        }
        if let Some(old) = at.index.checked_sub(TRAIL) {
            table.retain_in(step(log, 0).as_str()..=step(log, old).as_str(), |_, _| false)?;
        }
    }
    Ok(())
}
