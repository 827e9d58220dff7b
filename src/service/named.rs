//! What a name that a person wrote means, by what operators bound and what the database knows.

use std::sync::Arc;

use jiff::Timestamp;

use super::Services;
use super::listing::known;
use crate::domain::{Identity, Readings, Rejection, Who};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::records::Records;

impl Services {
    /// Whom a name means, now or at a time.
    ///
    /// # Errors
    ///
    /// If it means several things that are known, or is a number with a mistake in it.
    pub async fn named(&self, readings: &Readings, at: Option<Timestamp>) -> Result<Who, Rejection> {
        if let Some(only) = readings.only() {
            return Ok(only);
        }
        match at {
            Some(at) => {
                let then = self.as_of(at).await?;
                settle(readings, &then.records, Some(&then.index), at)
            }
            None => settle(readings, &self.records.load(), self.index.load().as_ref(), clock::now()),
        }
    }
}

fn settle(
    readings: &Readings,
    records: &Records,
    index: Option<&Arc<Index>>,
    now: Timestamp,
) -> Result<Who, Rejection> {
    let bound: Vec<Who> = readings.names().iter().filter(|name| records.resolve(name, now).is_ok()).cloned().collect();
    let is_known = |number: Identity| {
        index.is_some_and(|index| {
            let (filings, removals) = known(index, number);
            !filings.is_empty() || !removals.is_empty()
        })
    };
    let number_is_known = !bound.is_empty() && readings.number().is_some_and(is_known);
    readings.settle(&bound, number_is_known).map_err(|error| Rejection::from(&error))
}
