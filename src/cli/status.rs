//! `rmdd status`

pub mod alarm;
mod facts;
mod parts;
mod trouble;
mod watch;

use std::time::Duration;

use clap::Args;

use self::parts::Screen;
use super::target::{Access, Target};
use super::text::{self, say};
use super::{FAILED, Global, NO, UNKNOWN, YES, alerts, screen, status_peers};
use crate::api::grpc::v1::{AlertChannel, GetStatusRequest, GetStatusResponse, State};
use crate::api::json;
use crate::daemon::config::Overrides;
use crate::domain::visible;

#[derive(Debug, Args)]
pub struct Status {
    /// How your peers stand, instead of how the daemon is: all that are not simply accepted, and what will change by itself
    /// within 24 hours.
    #[arg(long)]
    peers: bool,
    /// Everything that is known: times, digests, sources, the store.
    #[arg(long, conflicts_with = "peers")]
    all: bool,
    /// Look again every so many seconds, and show it in place of what was there; a line each time where there is no
    /// terminal.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        conflicts_with_all = ["peers", "all", "json"]
    )]
    watch: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What a look found.
struct Look {
    status: GetStatusResponse,
    /// The channels of alerts; none where no daemon runs, or it does not say.
    channels: Vec<AlertChannel>,
}

impl Look {
    async fn at(target: &Target) -> anyhow::Result<Self> {
        let status = target.get_status(GetStatusRequest {}).await?;
        let channels = alerts::channels_of(target).await.unwrap_or_default();
        Ok(Self { status, channels })
    }

    fn exit(&self) -> u8 {
        match self.status.state() {
            State::Fresh => YES,
            State::Warning => NO,
            State::Critical => FAILED,
            State::Unspecified => UNKNOWN,
        }
    }
}

impl Status {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        if self.peers {
            return status_peers::run(&target, self.json).await;
        }
        if let Some(seconds) = self.watch {
            return watch::run(&target, Duration::from_secs(seconds)).await;
        }
        if self.json {
            let status = target.get_status(GetStatusRequest {}).await?;
            text::whole!("{}", visible::to_json(&json::Status::from(&status))?);
            return Ok(Look { status, channels: Vec::new() }.exit());
        }
        let look = Look::at(&target).await?;
        let shown = Screen::of(&look, screen::columns());
        shown.lines().iter().for_each(|line| say!("{line}"));
        if self.all {
            say!();
            facts::print(&look.status);
        }
        Ok(look.exit())
    }
}
