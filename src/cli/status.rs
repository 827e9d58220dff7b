//! `rmdd status`

use clap::Args;

use super::target::{Access, Target};
use super::text::say;
use super::{FAILED, Global, NO, UNKNOWN, YES, status_peers, text};
use crate::api::grpc::v1::{
    GetStatusRequest, GetStatusResponse, PeersAffected, Severity, SourceStatus, State, SyncOutcome,
};
use crate::api::json;
use crate::cli::from_wire;
use crate::daemon::config::Overrides;
use crate::domain::visible;

#[derive(Debug, Args)]
pub struct Status {
    /// How your peers stand, instead of how the daemon is: all that are not simply accepted, and what will change by itself
    /// within 24 hours.
    #[arg(long)]
    peers: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        if self.peers {
            return status_peers::run(&target, self.json).await;
        }
        let status = target.get_status(GetStatusRequest {}).await?;
        if self.json {
            say!("{}", visible::to_json(&json::Status::from(&status))?);
        } else {
            print(&status);
        }
        Ok(match status.state() {
            State::Fresh => YES,
            State::Warning => NO,
            State::Critical => FAILED,
            State::Unspecified => UNKNOWN,
        })
    }
}

fn styled(state: State) -> String {
    let word = from_wire::state(state).to_uppercase();
    match state {
        State::Fresh => text::good(&word),
        State::Warning => text::doubtful(&word),
        _ => text::bad(&word),
    }
}

fn print(status: &GetStatusResponse) {
    let summary = match &status.snapshot {
        None => "no listing was ever loaded".to_owned(),
        Some(snapshot) => format!(
            "snapshot {} with {}, confirmed {}",
            snapshot.serial,
            text::count_of(status.filings, "filing"),
            text::time_and_distance(snapshot.confirmed_at.as_ref())
        ),
    };
    // Monitoring shows the first line.
    say!("{}  {summary}", styled(status.state()));
    for alarm in &status.alarms {
        let severity = match alarm.severity() {
            Severity::Critical => styled(State::Critical),
            Severity::Warning => styled(State::Warning),
            Severity::Note | Severity::Unspecified => "NOTE".to_owned(),
        };
        say!("  {severity} {}: {}", alarm.code, text::one_line(&alarm.message));
    }
    say!();
    if let Some(snapshot) = &status.snapshot {
        text::fact("last contact", text::time_and_distance(status.last_contact_at.as_ref()));
        text::fact("last confirmed", text::time_and_distance(snapshot.confirmed_at.as_ref()));
        text::fact("last changed", text::time_and_distance(snapshot.fetched_at.as_ref()));
        if !status.content_as_of.is_empty() {
            text::fact("content as of", &status.content_as_of);
        }
        text::fact("sha256", json::Snapshot::from(snapshot).sha256);
    }
    if let Some(peers) = &status.peers {
        status_peers::summary(peers);
    }
    status.own_filings.iter().for_each(status_peers::own);
    text::fact("removed", text::count_of(status.removed_filings, "filing"));
    text::fact("last change", status.last_change_serial);
    match &status.last_sync {
        None => text::fact("last sync", "none yet"),
        Some(sync) => {
            let outcome = json::Sync::from(sync).outcome;
            let outcome = match sync.outcome() {
                SyncOutcome::Applied | SyncOutcome::Unchanged => outcome,
                _ => text::bad(&outcome),
            };
            text::fact("last sync", format!("{outcome}, {}", text::time_and_distance(sync.at.as_ref())));
            if sync.outcome() == SyncOutcome::Applied {
                text::fact(
                    "",
                    format!(
                        "{} listed, {} amended, {} removed, {} reinstated",
                        text::count(sync.listed),
                        text::count(sync.amended),
                        text::count(sync.removed),
                        text::count(sync.reinstated)
                    ),
                );
            }
        }
    }
    for held in &status.held {
        let digest = json::Held::from(held).sha256;
        text::fact(
            "held",
            format!(
                "{}, without {} of those standing; fetched {}, first {}",
                text::count_of(held.filings, "filing"),
                text::count(held.gone),
                if held.times == 1 { "once".to_owned() } else { format!("{} times", held.times) },
                text::time_and_distance(held.first_fetched_at.as_ref())
            ),
        );
        text::fact("", format!("{} (waits for a {})", digest, json::Held::from(held).awaits.replace('_', " ")));
        for doubt in &held.doubts {
            text::fact("", text::one_line(doubt));
        }
        if let Some(affected) = &held.peers {
            text::fact("", peers_affected(affected));
        }
    }
    if let Some(progress) = &status.sync_in_progress {
        text::fact(
            "running now",
            format!(
                "{} ({} so far)",
                from_wire::word(progress.stage().as_str_name(), "SYNC_STAGE_").to_ascii_lowercase(),
                text::bytes(progress.bytes)
            ),
        );
    }
    if status.started_at.is_some() {
        text::fact("next sync", text::time_and_distance(status.next_sync_at.as_ref()));
        text::fact("schedule", format!("{} (cron, UTC)", status.schedule));
    } else {
        text::fact("next sync", "no daemon runs");
    }
    for source in &status.sources {
        print_source(source);
    }
    text::fact("store", format!("{} in {}", text::bytes(status.store_bytes), status.state_dir));
    let running = match &status.started_at {
        Some(at) => format!(", running since {}", text::time(Some(at))),
        None => String::new(),
    };
    text::fact("version", format!("{}{running}", status.version));
}

/// What approving a held listing would do to the operator's own peers.
fn peers_affected(affected: &PeersAffected) -> String {
    let providers = text::count_of(affected.providers, "provider");
    if affected.peers == 0 {
        return format!(
            "approving it would change the answer about {providers} in some role; no peers are on record, so \
             nobody can tell what it would do to yours"
        );
    }
    let named = match affected.refused.join(", ") {
        none if none.is_empty() => String::new(),
        named if affected.newly_refused > affected.refused.len() as u64 => format!(" ({named}, ...)"),
        named => format!(" ({named})"),
    };
    format!(
        "approving it would refuse {}{named} and accept {} of your {} that are not now, and change the answer in \
         some role about {} of them and {providers} in all: rmdd impact --held",
        text::count(affected.newly_refused),
        text::count(affected.newly_accepted),
        text::count_of(affected.peers, "peer"),
        text::count(affected.in_some_role)
    )
}
/// A source's clock that differs by no more seconds is not worth a word.
const SKEW_SHOWN: i64 = 60;

/// One source on one line: how it is, and what is out of the ordinary.
fn print_source(source: &SourceStatus) {
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
        let by = text::span(jiff::SignedDuration::from_secs(skew.abs()));
        said.push_str(&format!(", its clock {by} {}", if skew > 0 { "ahead of ours" } else { "behind ours" }));
    }
    text::fact("source", text::one_line(&source.source));
    text::fact("", said);
}
