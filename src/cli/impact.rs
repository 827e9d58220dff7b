//! `rmdd impact`

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{ArgGroup, Args};

use super::records::read_list;
use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, text};
use crate::clock;
use crate::config::Overrides;
use crate::domain::{Identity, Order, OrderKind, Record, RecordBody, RecordKind, day_in_washington};
use crate::grpc::record_to_wire;
use crate::grpc::v1::{AssessImpactRequest, PeerImpact, Verdict};
use crate::report;
use crate::visible;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("supposed").required(true).multiple(true))]
pub struct Impact {
    /// If this listing, as the FCC publishes it (CSV), were the newest.
    #[arg(long, value_name = "FILE", group = "supposed")]
    listing: Option<PathBuf>,
    /// If these orders were on record, as for `rmdd orders import`.
    #[arg(long, value_name = "FILE", group = "supposed")]
    orders: Option<PathBuf>,
    /// If the FCC removed this provider today: an FRN or an RMD number. May be repeated.
    #[arg(long, value_name = "WHO", group = "supposed")]
    removed: Vec<Identity>,
    /// If a setting of the policy were this, such as role_blank=refuse. May be repeated.
    #[arg(long, value_name = "SETTING=VALUE", value_parser = setting, group = "supposed")]
    policy: Vec<(String, String)>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write SETTING=VALUE, such as role_blank=refuse")?;
    Ok((name.trim().trim_start_matches("policy.").to_owned(), value.trim().to_owned()))
}

impl Impact {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let listing = match &self.listing {
            None => Vec::new(),
            Some(file) => std::fs::read(file).map_err(|error| anyhow!("{} cannot be read: {error}", file.display()))?,
        };
        if self.listing.is_some() && listing.is_empty() {
            anyhow::bail!("the listing is empty: nothing was assessed");
        }
        let now = clock::now();
        let mut records = match &self.orders {
            None => Vec::new(),
            Some(file) => read_list(file, RecordKind::Order, now)?,
        };
        records.extend(self.removed.iter().map(|provider| Record {
            provider: *provider,
            by: "a supposition".to_owned(),
            at: now,
            why: String::new(),
            expires_at: None,
            body: RecordBody::Order(Order {
                kind: OrderKind::Removal,
                document: "(supposed)".to_owned(),
                released: day_in_washington(now),
                notified: None,
            }),
            revision: 0,
        }));
        let target = Target::find(global, &global.load(Overrides::new())?, Access::Read).await?;
        let request = AssessImpactRequest {
            listing,
            records: records.iter().map(record_to_wire).collect(),
            policy: self.policy.into_iter().collect(),
        };
        let impact = target.assess_impact(request).await?;
        if self.json {
            say!("{}", visible::to_json(&report::Impact::from(&impact))?);
        } else {
            for doubt in &impact.listing_doubts {
                let warning = text::doubtful("DOUBTFUL LISTING");
                say!("{warning}  a sync would not apply it at once: {}", text::one_line(doubt));
            }
            for peer in &impact.peers {
                print(peer);
            }
            if impact.asked == 0 {
                say!("No peers are on record, so there is none to assess: bind them with `rmdd peers import`.");
            } else {
                say!(
                    "{} peers: {} would be refused, {} of them newly; {} newly accepted. Nothing was changed.",
                    text::count(impact.asked),
                    text::count(impact.refused),
                    text::count(impact.newly_refused),
                    text::count(impact.newly_accepted)
                );
            }
        }
        Ok(if impact.newly_refused == 0 { YES } else { NO })
    }
}

fn print(impact: &PeerImpact) {
    let (Some(now), Some(then)) = (&impact.now, &impact.then) else { return };
    let word = |verdict: Verdict| match verdict {
        Verdict::Accept => text::good("ACCEPT"),
        Verdict::Refuse => text::bad("REFUSE"),
        Verdict::Unspecified => text::doubtful("NO ANSWER"),
    };
    let newly = match (now.verdict(), then.verdict()) {
        (now, then) if now == then => format!("{}, as now", word(then)),
        (now, then) => format!("{}, {} now", word(then), word(now)),
    };
    say!("{}  {newly}", text::strong(&text::one_line(&then.peer)));
    say!("    {}", text::one_line(&then.message));
}
