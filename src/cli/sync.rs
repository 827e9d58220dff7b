//! `rmdd sync`

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::SignedDuration;

use super::from_wire::time;
use super::records::By;
use super::screen::progress::Progress;
use super::target::{Access, Target};
use super::text::say;
use super::{FAILED, Global, NO, YES, source_flags, text};
use crate::api::grpc::v1::{self, SyncOutcome, SyncStage};
use crate::api::json;
use crate::domain::Sha256Digest;
use crate::domain::visible;
use crate::observe::clock;

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub struct Sync {
    /// Where the listing is published, where no daemon runs. A daemon asks its own source. Given several times: in
    /// order of preference.
    #[arg(long, value_name = "URL|PATH")]
    source: Vec<String>,
    /// Let the held listing with this digest through, whatever is odd about it: eight or more of its first digits. `rmdd
    /// status` shows what is held.
    #[arg(long, value_name = "DIGEST", conflicts_with = "source", value_parser = digits)]
    approve: Option<String>,
    #[command(flatten)]
    by: By,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Sync {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let named_source = !self.source.is_empty();
        let flags = source_flags(&self.source);
        let target = Target::find(global, &global.settings(flags)?, Access::Sync).await?;
        if named_source && let Target::Daemon { at, .. } = &target {
            anyhow::bail!(
                "a daemon runs here ({at}) and asks its own source: leave --source away, or change the daemon's \
                 configuration"
            );
        }
        let sync = match self.approve {
            None => with_progress(&target).await?.sync,
            Some(digits) => {
                let (by, digest) = (self.by.name()?, held(&target, &digits).await?);
                let _progress = Progress::of("applying the listing");
                let request = v1::ApproveListingRequest { sha256: digest.0.to_vec(), by };
                target.approve_listing(request).await?.sync
            }
        };
        let sync = sync.context("the daemon's answer holds no outcome")?;
        if self.json {
            text::whole!("{}", visible::to_json(&json::Sync::from(&sync))?);
        } else {
            print(&sync);
        }
        Ok(match sync.outcome() {
            SyncOutcome::Applied | SyncOutcome::Unchanged => YES,
            SyncOutcome::Refused | SyncOutcome::Held => NO,
            SyncOutcome::Failed | SyncOutcome::Unspecified => FAILED,
        })
    }
}

/// Waits for the outcome; on a terminal, shows how far the cycle has come meanwhile.
async fn with_progress(target: &Target) -> anyhow::Result<v1::TriggerSyncResponse> {
    let outcome = target.trigger_sync(v1::TriggerSyncRequest {});
    tokio::pin!(outcome);
    if !std::io::stderr().is_terminal() {
        return outcome.await;
    }
    let progress = Progress::of("waiting for the sync that runs");
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            response = &mut outcome => return response,
            _ = looks.tick() => {
                if let Ok(status) = target.get_status(v1::GetStatusRequest {}).await
                    && let Some(running) = status.sync_in_progress
                {
                    show(&progress, &running);
                }
            }
        }
    }
}

fn show(progress: &Progress, running: &v1::SyncProgress) {
    match (running.stage(), time(running.waits_until.as_ref())) {
        (SyncStage::Fetch, _) => {
            progress.bytes("fetching", running.bytes, (running.bytes_expected > 0).then_some(running.bytes_expected));
        }
        (SyncStage::Vet, _) => progress.say("reading and vetting the listing"),
        (SyncStage::Corroborate, Some(until)) => {
            let left = until.duration_since(clock::now()).max(SignedDuration::ZERO);
            let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
            progress.say(format!("this listing is unusual: a second copy is fetched in {seconds} s"));
        }
        (SyncStage::Corroborate, None) => progress.say("this listing is unusual: a second copy is fetched"),
        _ => progress.say("committing"),
    }
}

/// So many digits of a digest tell the listings that are held apart.
const LEAST_DIGITS: usize = 8;

/// Reads a digest, or so many of its first digits.
fn digits(text: &str) -> Result<String, String> {
    let digits = text.trim().to_ascii_lowercase();
    let is_digest =
        (LEAST_DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let problem = || {
        format!(
            "give the digest of a listing that is held, as `rmdd status` shows it: {LEAST_DIGITS} or more of its 64 \
             hexadecimal digits"
        )
    };
    is_digest.then_some(digits).ok_or_else(problem)
}

/// The digest of the held listing that begins so.
async fn held(target: &Target, digits: &str) -> anyhow::Result<Sha256Digest> {
    if let Ok(whole) = digits.parse() {
        // Whether it is held is for the daemon to say.
        return Ok(whole);
    }
    let held = target.get_status(v1::GetStatusRequest {}).await?.held;
    let mut digests = held.iter().map(|held| hex::encode(&held.sha256)).filter(|digest| digest.starts_with(digits));
    match (digests.next(), digests.next()) {
        (Some(one), None) => one.parse().map_err(anyhow::Error::msg),
        (Some(_), Some(_)) => {
            anyhow::bail!("several listings that are held have digests that begin {digits}: give more of it")
        }
        (None, _) if held.is_empty() => anyhow::bail!("no listing is held: there is nothing to approve"),
        (None, _) => anyhow::bail!("no listing that is held has a digest that begins {digits}: see `rmdd status`"),
    }
}

fn print(sync: &v1::SyncReport) {
    match sync.outcome() {
        SyncOutcome::Applied => {
            let filings = text::count_of(sync.filings, "filing");
            say!("{}  snapshot {}: {filings}", text::good("APPLIED"), sync.snapshot_serial);
            text::fact("listed", text::count(sync.listed));
            text::fact("amended", text::count(sync.amended));
            text::fact("removed", text::count(sync.removed));
            text::fact("reinstated", text::count(sync.reinstated));
        }
        SyncOutcome::Unchanged => say!(
            "{}  the source confirmed snapshot {}: {}",
            text::good("UNCHANGED"),
            sync.snapshot_serial,
            text::count_of(sync.filings, "filing")
        ),
        SyncOutcome::Held => {
            say!("{}  {}", text::bad("HELD"), text::one_line(&sync.error));
            say!("  Nothing was changed.");
        }
        SyncOutcome::Refused => {
            say!("{}  {}", text::bad("REFUSED"), text::one_line(&sync.error));
            say!("  Nothing was changed.");
        }
        SyncOutcome::Failed | SyncOutcome::Unspecified => {
            say!("{}  {}", text::bad("FAILED"), text::one_line(&sync.error));
            say!("  The listing is as it was.");
        }
    }
    text::fact("source", text::one_line(&sync.source));
    for fault in &sync.passed_over {
        text::fact("passed over", format!("{}: {}", fault.kind, text::one_line(&fault.error)));
    }
}
