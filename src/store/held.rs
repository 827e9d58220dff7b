//! Listings that were fetched and not applied. Their bytes are in the archive; here stands what there is to know.

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::records::missing_in_older;
use super::tables::HELD;
use super::{Advance, Store, StoreError, codec};
use crate::domain::{Awaits, HeldListing, Sha256Digest};

/// So many are kept. A source that cuts its file at another place every hour would fill the store otherwise.
const KEPT: usize = 8;

/// What becomes of the held listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// They stay as they are.
    AsBefore,
    /// None is held any more: the source publishes what is believed.
    Nothing,
    /// One is held, anew or again.
    Listing(Box<HeldListing>),
}

impl Store {
    /// Puts a listing on hold between cycles, so that a crash does not forget it. Returns all that are held.
    ///
    /// # Errors
    ///
    /// If the disk fails; then nothing has changed.
    pub fn hold(&self, listing: &HeldListing) -> Result<Vec<HeldListing>, StoreError> {
        self.written(|| self.write_held(listing, None))
    }

    /// The same, where an entry of the fleet's log says so.
    ///
    /// # Errors
    ///
    /// As [`Store::hold`], and if the entry is not the next.
    pub fn follow_held(&self, listing: &HeldListing, advance: &Advance) -> Result<Vec<HeldListing>, StoreError> {
        self.written(|| self.write_held(listing, Some(advance)))
    }

    fn write_held(&self, listing: &HeldListing, advance: Option<&Advance>) -> Result<Vec<HeldListing>, StoreError> {
        let transaction = self.begin_write()?;
        let held = write(&transaction, &Holding::Listing(Box::new(listing.clone())))?;
        advance.map_or(Ok(()), |advance| self.advance(&transaction, advance))?;
        transaction.commit()?;
        Ok(held)
    }
}

/// All of them, oldest first.
pub fn read(transaction: &ReadTransaction) -> Result<Vec<HeldListing>, StoreError> {
    match missing_in_older(transaction.open_table(HELD))? {
        Some(table) => all(&table),
        None => Ok(Vec::new()),
    }
}

fn all(table: &impl ReadableTable<&'static [u8; 32], &'static [u8]>) -> Result<Vec<HeldListing>, StoreError> {
    let mut found = Vec::new();
    for entry in table.iter()? {
        let (digest, bytes) = entry?;
        found.push(codec::decode_held(Sha256Digest(*digest.value()), bytes.value())?);
    }
    found.sort_by_key(|held| held.last_fetched_at);
    Ok(found)
}

/// Does it, and returns what is held then.
pub fn write(transaction: &WriteTransaction, holding: &Holding) -> Result<Vec<HeldListing>, StoreError> {
    let mut table = transaction.open_table(HELD)?;
    let held = all(&table)?;
    let drop = match holding {
        Holding::AsBefore => return Ok(held),
        Holding::Nothing => held,
        Holding::Listing(listing) => {
            table.insert(&listing.sha256.0, codec::encode_held(listing)?.as_slice())?;
            // One candidate at a time waits for its second copy: the newest.
            let outdated = |held: &HeldListing| held.awaits == Awaits::SecondCopy && listing.awaits == held.awaits;
            let others = held.into_iter().filter(|held| held.sha256 != listing.sha256);
            let (outdated, mut kept): (Vec<_>, Vec<_>) = others.partition(outdated);
            let surplus = (kept.len() + 1).saturating_sub(KEPT);
            kept.drain(..surplus).chain(outdated).collect()
        }
    };
    for held in drop {
        table.remove(&held.sha256.0)?;
    }
    all(&table)
}
