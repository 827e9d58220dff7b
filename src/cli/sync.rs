//! `rmdd sync`

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::records::By;
use super::target::{Access, Target};
use super::text::say;
use super::{FAILED, Global, NO, YES, source_flags, text};
use crate::api::grpc::v1::{self, SyncOutcome, SyncStage};
use crate::api::json;
use crate::domain::Sha256Digest;
use crate::domain::visible;

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub struct Sync {
    /// Where the listing is published, where no daemon runs. A daemon asks its own source. Given several times: in
    /// order of preference.
    #[arg(long, value_name = "URL|PATH")]
    source: Vec<String>,
    /// Let the held listing with this digest through, whatever is odd about it. `rmdd status` shows what is held.
    #[arg(long, value_name = "DIGEST", conflicts_with = "source")]
    approve: Option<Sha256Digest>,
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
            Some(digest) => {
                let request = v1::ApproveListingRequest { sha256: digest.0.to_vec(), by: self.by.name()? };
                target.approve_listing(request).await?.sync
            }
        };
        let sync = sync.context("the daemon's answer holds no outcome")?;
        if self.json {
            say!("{}", visible::to_json(&json::Sync::from(&sync))?);
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
    let bar = ProgressBar::no_length();
    bar.enable_steady_tick(LOOK_EVERY);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            response = &mut outcome => {
                bar.finish_and_clear();
                return response;
            }
            _ = looks.tick() => {
                if let Ok(status) = target.get_status(v1::GetStatusRequest {}).await
                    && let Some(progress) = status.sync_in_progress
                {
                    show(&bar, &progress);
                }
            }
        }
    }
}

fn show(bar: &ProgressBar, progress: &v1::SyncProgress) {
    let (template, doing) = match (progress.stage(), progress.bytes_expected) {
        (SyncStage::Fetch, 0) => ("{spinner} {msg} {bytes} ({bytes_per_sec})", "fetching"),
        (SyncStage::Fetch, _) => ("{spinner} {msg} [{bar:30}] {bytes} of {total_bytes}, {eta} left", "fetching"),
        (SyncStage::Vet, _) => ("{spinner} {msg}", "reading and vetting the listing"),
        (SyncStage::Corroborate, _) => ("{spinner} {msg}", "this listing is unusual: waiting for a second copy"),
        _ => ("{spinner} {msg}", "committing"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if progress.bytes_expected > 0 {
        bar.set_length(progress.bytes_expected);
    }
    bar.set_position(progress.bytes);
    bar.set_message(doing);
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
            say!("  Nothing was changed.");
        }
    }
    text::fact("source", text::one_line(&sync.source));
    for fault in &sync.passed_over {
        text::fact("passed over", format!("{}: {}", fault.kind, text::one_line(&fault.error)));
    }
}
