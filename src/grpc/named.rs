//! What a name that a person wrote means, by what operators bound and what the database knows.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::Status;

use super::listing::known;
use super::{Services, error};
use crate::clock;
use crate::domain::{Identity, Readings, Who};
use crate::index::Index;
use crate::records::Records;

impl Services {
    /// Whom a name means, now or at a moment.
    ///
    /// # Errors
    ///
    /// If it means several things that are known, or is a number with a mistake in it.
    pub(crate) async fn named(&self, readings: &Readings, at: Option<&prost_types::Timestamp>) -> Result<Who, Status> {
        if let Some(only) = readings.only() {
            return Ok(only);
        }
        match at {
            Some(at) => {
                let (at, moment) = self.moment(at).await?;
                settle(readings, &moment.records, Some(&moment.index), at)
            }
            None => settle(readings, &self.records.load(), self.index.load().as_ref(), clock::now()),
        }
    }
}

fn settle(readings: &Readings, records: &Records, index: Option<&Arc<Index>>, now: Timestamp) -> Result<Who, Status> {
    let bound: Vec<Who> = readings.names().iter().filter(|name| records.resolve(name, now).is_ok()).cloned().collect();
    let is_known = |number: Identity| {
        index.is_some_and(|index| {
            let (filings, removals) = known(index, number);
            !filings.is_empty() || !removals.is_empty()
        })
    };
    let number_is_known = !bound.is_empty() && readings.number().is_some_and(is_known);
    readings.settle(&bound, number_is_known).map_err(|error| error::from_identity(&error))
}
