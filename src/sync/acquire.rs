//! Several sources in order of preference -> one listing, or why there is none.
//!
//! Each source has a state of its own: what it said by which to ask for changes, how often it failed, until when it
//! asked to be left alone. The first that gives a whole listing, or says that the standing one has not changed, is
//! believed; those before it are passed over, and the cycle's record says why. A source that asked to be left alone is
//! not asked before its time, whatever the trigger.
//!
//! # Validators that lie
//!
//! A source is asked conditionally only by validators that belong to the standing listing. Every
//! [`FetchConfig::recheck_after`] an answer of "not modified" is followed by an unconditional fetch at once. If that
//! brings another listing, or if another listing comes under the validators of the standing one, the validators lie:
//! they are not asked by for [`DISTRUST`], and the status says so.
//!
//! # Clocks
//!
//! A source is left alone for no longer than [`FetchConfig::max_retry_after`] from now, whatever is on record: what lies
//! further ahead was reckoned by a clock that was wrong. What a source says its own clock shows is kept beside
//! ([`SourceState::clock_skew`]): it is a witness for this machine's.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::SyncSettings;
use crate::domain::wording::moment;
use crate::domain::{DISTRUST, Sha256Digest, SourceFault, SourceState, later_than};
use crate::observe::clock;
use crate::sync::fetch::{FetchConfig, FetchError, Fetched, Source, fetch, pause};

/// A source that asked to be left alone was not asked.
pub const LEFT_ALONE: &str = "LEFT_ALONE";

/// The longest pause between two tries of one cycle, unless the first is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the sources gave.
pub struct Acquired {
    /// A listing, or the word that the standing one has not changed; or why there is neither.
    pub fetched: Result<Fetched, NoListing>,
    /// Which source that was, without its secrets; the preferred one if there is nothing.
    pub source: String,
    /// The sources preferred to it that gave nothing, and why.
    pub passed_over: Vec<SourceFault>,
    /// All sources in order of preference, as they are now.
    pub sources: Vec<SourceState>,
}

/// No source gave a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoListing {
    faults: Vec<SourceFault>,
}

impl fmt::Display for NoListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.len() > 1 {
            write!(f, "none of {} sources gave a listing: ", self.faults.len())?;
        }
        for (place, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{}", if place == 0 { "" } else { "; " }, fault.error)?;
        }
        Ok(())
    }
}

impl std::error::Error for NoListing {}

/// Asks the sources one after the other. `known` is what is known of them, `standing` the digest of the standing
/// listing, `into` the directory for what comes.
pub async fn acquire(
    settings: &SyncSettings,
    known: &[SourceState],
    current: Option<Sha256Digest>,
    into: &Path,
    progress: impl Fn(u64, Option<u64>) + Send + Sync,
) -> Acquired {
    let state_of = |source: &Source| {
        let shown = source.to_string();
        known.iter().find(|state| state.source == shown).cloned().unwrap_or_else(|| SourceState::new(shown))
    };
    let longest = SignedDuration::try_from(settings.fetch.max_retry_after).unwrap_or(SignedDuration::MAX);
    let mut sources: Vec<SourceState> = settings.sources().map(state_of).collect();
    let preferred = sources.first().map(|state| state.source.clone()).unwrap_or_default();
    let mut passed_over = Vec::new();
    let now = clock::now();
    if later_than(now, None).is_none() {
        sources.iter_mut().for_each(|state| state.forget_what_is_ahead(now));
    }
    for (source, state) in settings.sources().zip(&mut sources) {
        let asked = match left_alone(state, longest, clock::now()) {
            Some(fault) => Err(fault),
            None => ask(source, &settings.fetch, state, current, into, &progress).await,
        };
        match asked {
            Ok(fetched) => {
                let source = state.source.clone();
                return Acquired { fetched: Ok(fetched), source, passed_over, sources };
            }
            Err(fault) => passed_over.push(fault),
        }
    }
    let faults = std::mem::take(&mut passed_over);
    Acquired { fetched: Err(NoListing { faults }), source: preferred, passed_over, sources }
}

/// Why a source is not asked now, if it is not.
fn left_alone(state: &SourceState, longest: SignedDuration, now: Timestamp) -> Option<SourceFault> {
    let until = state.left_alone_until(longest, now)?;
    let because = state.fault.as_ref().map(|fault| format!(" ({})", fault.error)).unwrap_or_default();
    Some(SourceFault {
        source: state.source.clone(),
        kind: LEFT_ALONE.to_owned(),
        error: format!("{} asked to be left alone until {}{because}: it was not asked", state.source, moment(until)),
    })
}

/// Asks one source, again if what went wrong may pass, and notes what it said.
async fn ask(
    source: &Source,
    config: &FetchConfig,
    state: &mut SourceState,
    current: Option<Sha256Digest>,
    into: &Path,
    progress: &(impl Fn(u64, Option<u64>) + Send + Sync),
) -> Result<Fetched, SourceFault> {
    let mut failed: u64 = 0;
    let error = loop {
        match ask_once(source, config, state, current, into, progress).await {
            Ok(fetched) => {
                note_success(state, &fetched, clock::now());
                return Ok(fetched);
            }
            Err(error) if error.is_transient() && failed + 1 < u64::from(config.tries) => {
                failed += 1;
                let wait = pause(failed, config.first_pause, LONGEST_PAUSE.max(config.first_pause), rand::random());
                tracing::warn!(
                    source = %state.source, kind = error.kind(),
                    "{error}; it is asked again in {} ms", wait.as_millis()
                );
                tokio::time::sleep(wait).await;
            }
            Err(error) => break error,
        }
    };
    Err(note_failure(state, &error, clock::now()))
}

fn note_success(state: &mut SourceState, fetched: &Fetched, now: Timestamp) {
    state.last_asked_at = Some(now);
    state.last_contact_at = Some(now);
    state.last_success_at = Some(now);
    state.failures = 0;
    state.fault = None;
    state.not_before = None;
    state.clock_skew = fetched.clock_skew();
    if let Fetched::Listing(listing) = fetched {
        state.last_whole_at = Some(now);
        let validators = listing.validators.clone();
        state.validators = (!validators.is_empty()).then_some((validators, listing.sha256));
    }
}

fn note_failure(state: &mut SourceState, error: &FetchError, now: Timestamp) -> SourceFault {
    let fault = SourceFault { source: state.source.clone(), kind: error.kind().to_owned(), error: error.to_string() };
    state.last_asked_at = Some(now);
    if error.is_contact() {
        state.last_contact_at = Some(now);
    }
    state.failures += 1;
    state.fault = Some(fault.clone());
    // Capped where it was read, so that it fits.
    state.not_before = error
        .retry_after()
        .and_then(|after| SignedDuration::try_from(after).ok())
        .and_then(|after| now.checked_add(after).ok());
    fault
}

/// Asks one source once, or twice where it is time to see whether its "not modified" is true.
async fn ask_once(
    source: &Source,
    config: &FetchConfig,
    state: &mut SourceState,
    current: Option<Sha256Digest>,
    into: &Path,
    progress: &(impl Fn(u64, Option<u64>) + Send + Sync),
) -> Result<Fetched, FetchError> {
    let now = clock::now();
    let known = config.conditional.then(|| state.validators_for(current, now)).flatten().cloned();
    let first = fetch(source, config, known.as_ref(), into, progress).await?;
    let (fetched, said_unchanged) = match first {
        Fetched::NotModified { .. } if recheck_due(state, config, now) => {
            (fetch(source, config, None, into, progress).await?, true)
        }
        first => (first, false),
    };
    if let (Fetched::Listing(listing), Some((before, digest))) = (&fetched, &state.validators)
        && Some(*digest) == current
        && listing.sha256 != *digest
        && (said_unchanged || listing.validators.claim_same_as(before))
    {
        state.validators_distrusted_until = now.checked_add(DISTRUST).ok();
        tracing::warn!(
            source = %state.source,
            "{} said that its listing had not changed, and it had: it is not asked conditionally for a week",
            state.source
        );
    }
    Ok(fetched)
}

fn recheck_due(state: &SourceState, config: &FetchConfig, now: Timestamp) -> bool {
    SignedDuration::try_from(config.recheck_after).is_ok_and(|after| state.recheck_due(after, now))
}
