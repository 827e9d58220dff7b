//! Everything that is known of the daemon, a fact a line.

use crate::api::grpc::v1::{GetStatusResponse, SourceStatus, SyncOutcome, SyncReport};
use crate::api::json;
use crate::cli::{status_peers, text};

/// Prints it.
pub fn print(status: &GetStatusResponse) {
    if let Some(snapshot) = &status.snapshot {
        text::fact("last contact", text::time_and_distance(status.last_contact_at.as_ref()));
        text::fact("last confirmed", text::time_and_distance(snapshot.confirmed_at.as_ref()));
        text::fact("last changed", text::time_and_distance(snapshot.fetched_at.as_ref()));
        if !status.content_as_of.is_empty() {
            text::fact("content as of", &status.content_as_of);
        }
        text::fact("sha256", json::Snapshot::from(snapshot).sha256);
    }
    status.own_filings.iter().for_each(status_peers::own);
    text::fact("removed", text::count_of(status.removed_filings, "filing"));
    text::fact("last change", text::count(status.last_change_serial));
    match &status.last_sync {
        None => text::fact("last sync", "none yet"),
        Some(sync) => print_sync(sync),
    }
    for held in &status.held {
        text::fact("held", json::Held::from(held).sha256);
    }
    if status.started_at.is_some() {
        text::fact("next sync", text::time_and_distance(status.next_sync_at.as_ref()));
        text::fact("schedule", format!("{} (cron, UTC)", status.schedule));
    } else {
        text::fact("next sync", "no daemon runs");
    }
    for source in &status.sources {
        print_source(source, status.fleet.is_some());
    }
    text::fact("store", format!("{} in {}", text::bytes(status.store_bytes), status.state_dir));
    let running = match &status.started_at {
        Some(at) => format!(", running since {}", text::time(Some(at))),
        None => String::new(),
    };
    text::fact("version", format!("{}{running}", status.version));
}

/// What the last sync came to.
fn print_sync(sync: &SyncReport) {
    let outcome = json::Sync::from(sync).outcome;
    let outcome = match sync.outcome() {
        SyncOutcome::Applied | SyncOutcome::Unchanged => outcome,
        _ => text::bad(&outcome),
    };
    text::fact("last sync", format!("{outcome}, {}", text::time_and_distance(sync.at.as_ref())));
    if sync.outcome() == SyncOutcome::Applied {
        let counted = [(sync.listed, "listed"), (sync.amended, "amended"), (sync.removed, "removed")];
        let counted = counted.into_iter().chain([(sync.reinstated, "reinstated")]);
        let counted: Vec<String> = counted.map(|(count, what)| format!("{} {what}", text::count(count))).collect();
        text::fact("", counted.join(", "));
    }
}

/// A source's clock that differs by no more seconds is not worth a word.
const SKEW_SHOWN: i64 = 60;

/// By whose clock a source's is off: that of whoever asked it, in a fleet mostly another site.
fn skewed(skew: i64, in_fleet: bool) -> String {
    let by = text::span(jiff::SignedDuration::from_secs(skew.abs()));
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    match in_fleet {
        false => format!("its clock {by} {direction} ours"),
        true => format!("its clock {by} {direction} that of the site that fetched then"),
    }
}

/// One source on one line: how it is, and what is out of the ordinary.
fn print_source(source: &SourceStatus, in_fleet: bool) {
    let mut said = match &source.fault {
        Some(fault) => format!("{} ({} in a row)", text::doubtful(&fault.kind), text::count(source.failures)),
        None if source.last_success_at.is_some() => {
            format!("good {}", text::time_and_distance(source.last_success_at.as_ref()))
        }
        None => "not asked yet".to_owned(),
    };
    if source.not_before.is_some() {
        let until = text::time_and_distance(source.not_before.as_ref());
        said.push_str(&format!(", wants to be left alone until {until}"));
    }
    if source.conditional {
        said.push_str(", asked for changes only");
    }
    if let Some(skew) = source.clock_skew.as_ref().map(|skew| skew.seconds).filter(|skew| skew.abs() > SKEW_SHOWN) {
        said.push_str(&format!(", {}", skewed(skew, in_fleet)));
    }
    text::fact("source", text::one_line(&source.source));
    text::fact("", said);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_s_clock_is_off_by_that_of_whoever_asked_it() {
        assert_eq!(skewed(-300, false), "its clock 5 min behind ours");
        assert_eq!(skewed(300, true), "its clock 5 min ahead of that of the site that fetched then");
    }
}
