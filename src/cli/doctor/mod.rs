//! `rmdd doctor`

mod bundle;
mod daemon;
mod installed;
mod network;
mod report;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::own_files::OwnFiles;
use super::target::{Access, Target};
use super::text::{self, say};
use super::{Global, YES};
use crate::api::grpc::v1::{GetStatusRequest, GetStatusResponse};
use crate::daemon::config::{Loaded, Overrides};
use report::{Level, Report};

#[derive(Debug, Args)]
pub struct Doctor {
    /// Ask no source: what is not on this machine is left alone.
    #[arg(long)]
    offline: bool,
    /// Write all that a bug report needs into this file, too: what was found, the settings without their secrets, the unit, the
    /// last lines of the log. It is text: read it before you send it.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Overwrite a bundle that is there.
    #[arg(long, requires = "bundle")]
    force: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What is known before anything is examined.
struct Case<'a> {
    global: &'a Global,
    loaded: &'a Loaded,
    daemon: Option<Target>,
    status: Option<GetStatusResponse>,
}

impl Doctor {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        if let Some(path) = &self.bundle {
            let spared = OwnFiles::of(&loaded).spare(path);
            spared.with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let daemon = Target::find_daemon(global, &loaded, Access::Read).await?;
        let status = match &daemon {
            // Who may not be told is told of what else there is.
            Some(daemon) => daemon.get_status(GetStatusRequest {}).await.ok(),
            None => None,
        };
        let case = Case { global, loaded: &loaded, daemon, status };
        let mut report = Report::default();
        installed::examine(&case, &mut report);
        daemon::examine(&case, &mut report).await;
        network::examine(&case, self.offline, &mut report).await;
        network::listeners(&case, &mut report);
        daemon::told(&case, &mut report).await;
        if let Some(path) = &self.bundle {
            bundle::write(path, self.force, &case, &report).await?;
        }
        report.print(self.json)?;
        if let Some(path) = self.bundle.filter(|_| !self.json) {
            say!();
            say!(
                "What a bug report needs is in {}. Read it before you send it: it names your upstreams.",
                path.display()
            );
        }
        Ok(match report.worst() {
            Level::Good | Level::NotExamined => YES,
            Level::Look => super::NO,
            Level::Broken => super::FAILED,
        })
    }
}
