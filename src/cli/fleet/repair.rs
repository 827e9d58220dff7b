//! `rmdd fleet repair`

use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;

use super::super::text::say;
use super::super::{Global, YES};
use super::{AtHand, open};
use crate::domain::Log;
use crate::fleet::found::{Drops, repair};

#[derive(Debug, Args)]
pub struct Repair {
    /// Also where the logs have gone on since etcd was restored: what they were told since then is lost.
    #[arg(long)]
    drop_what_came_since: bool,
    /// Drop what comes behind where this store stands in this log: it can be applied at no site.
    #[arg(long, value_name = "LOG", value_enum)]
    drop_what_is_stuck: Option<Named>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A log, by its name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Named {
    Listing,
    Records,
}

impl From<Named> for Log {
    fn from(named: Named) -> Self {
        match named {
            Named::Listing => Self::Listing,
            Named::Records => Self::Records,
        }
    }
}

impl Repair {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let at_hand = AtHand::new(global, "repaired")?;
        let client = at_hand.client()?;
        let AtHand { fleet, state_dir, .. } = at_hand;
        let store = open(state_dir).await?;
        let stuck = self.drop_what_is_stuck.map(Log::from);
        let drop = Drops { since: self.drop_what_came_since, stuck };
        let repaired = repair(Arc::new(store), &client, &fleet.site().map_err(|error| anyhow!(error))?, drop).await?;
        if self.json {
            let logs: Vec<_> = repaired
                .logs
                .iter()
                .map(|(log, from, to)| serde_json::json!({ "log": log.as_str(), "ended_at": from, "ends_at": to }))
                .collect();
            let named = repaired.named.map(|id| id.to_string());
            say!("{}", serde_json::json!({ "fleet": fleet.name, "named": named, "repaired": logs }));
            return Ok(YES);
        }
        if let Some(id) = repaired.named {
            say!("What says which fleet it is had been damaged or lost, and says again that it is {id}.");
        }
        for (log, from, to) in repaired.logs {
            match from {
                Some(from) => {
                    say!("The fleet's log `{}` ended at entry {from}, and ends at entry {to} again.", log.as_str())
                }
                None => {
                    say!("The fleet's log `{}` had lost where it ends, and ends at entry {to} again.", log.as_str())
                }
            }
        }
        say!("Start the daemon. Sites that have followed the same logs go on, and take what they lack of them.");
        if self.drop_what_came_since {
            say!(
                "A site that has followed what was dropped keeps what it holds, says that the logs have gone another way (FLEET_FORKED), \
                 and joins anew: stop its daemon, `rmdd fleet leave`, `rmdd fleet join --dry-run`, `rmdd fleet join \
                 --bring-records --by NAME`, and start it."
            );
        }
        Ok(YES)
    }
}
