//! `rmdd impact`

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{ArgGroup, Args};
use jiff::Timestamp;

use super::records::{Providers, read_list, warn_of_unmatched};
use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, text};
use crate::api::grpc::record_to_wire;
use crate::api::grpc::v1::{
    AssessImpactRequest, AssessImpactResponse, GetStatusRequest, HeldListing, PeerImpact, Verdict,
};
use crate::api::json;
use crate::daemon::config::Overrides;
use crate::domain::visible;
use crate::domain::{Identity, Order, OrderKind, Record, RecordBody, RecordKind, eastern_day};
use crate::observe::clock;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("supposed").required(true).multiple(true))]
pub struct Impact {
    /// If this listing, as the FCC publishes it (CSV), were the newest.
    #[arg(long, value_name = "FILE", group = "supposed")]
    listing: Option<PathBuf>,
    /// If the listing that is held were let through: the newest, or the one whose digest begins so.
    #[arg(long, value_name = "DIGEST", num_args = 0..=1, default_missing_value = "", group = "supposed")]
    held: Option<String>,
    /// If these orders were on record, as for `rmdd orders import`.
    #[arg(long, value_name = "FILE", group = "supposed")]
    orders: Option<PathBuf>,
    /// If the FCC removed this provider today: an FRN, an RMD number, or an OCN or peer's name that is bound to one. May be
    /// repeated.
    #[arg(long, value_name = "WHO", group = "supposed")]
    removed: Vec<String>,
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
        let orders = self.orders.as_ref().map(|file| read_list(file, RecordKind::Order, now)).transpose()?;
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let held_sha256 = match &self.held {
            None => Vec::new(),
            Some(digest) => held(&target, digest).await?,
        };
        if let Some(orders) = &orders {
            orders.verify(&target).await?;
        }
        let mut records = orders.as_ref().map(|orders| orders.records.clone()).unwrap_or_default();
        let mut found = Providers::of(&target);
        for who in &self.removed {
            let provider = found.find(who).await.map_err(|error| anyhow!("--removed {who:?}: {error}"))?;
            records.push(removal_today(provider.identity, now));
        }
        let request = AssessImpactRequest {
            listing,
            records: records.iter().map(record_to_wire).collect(),
            policy: self.policy.into_iter().collect(),
            held_sha256,
        };
        let impact = target.assess_impact(request).await?;
        let place = |index: usize| orders.as_ref().and_then(|orders| orders.place(index));
        warn_of_unmatched(&records, &impact.unmatched, &place);
        if self.json {
            text::whole!("{}", visible::to_json(&json::Impact::from(&impact))?);
        } else {
            print(&impact);
        }
        Ok(if impact.newly_refused == 0 { YES } else { NO })
    }
}

/// The digest of the held listing that is meant.
async fn held(target: &Target, beginning: &str) -> anyhow::Result<Vec<u8>> {
    let status = target.get_status(GetStatusRequest {}).await?;
    let digest = |held: &HeldListing| json::Held::from(held).sha256;
    let beginning = beginning.to_ascii_lowercase();
    let mut meant: Vec<&HeldListing> = status.held.iter().filter(|held| digest(held).starts_with(&beginning)).collect();
    if beginning.is_empty() {
        // The oldest comes first.
        meant.drain(..meant.len().saturating_sub(1));
    }
    match meant[..] {
        [one] => Ok(one.sha256.clone()),
        [] if status.held.is_empty() => Err(anyhow!("no listing is held: there is nothing to assess")),
        [] => Err(anyhow!("no held listing has a digest that begins {beginning}: see `rmdd status`")),
        _ => Err(anyhow!("several held listings have digests that begin {beginning}: give more of it")),
    }
}

/// A removal order that nobody made.
fn removal_today(provider: Identity, now: Timestamp) -> Record {
    Record {
        provider,
        by: "a supposition".to_owned(),
        at: now,
        why: String::new(),
        expires_at: None,
        body: RecordBody::Order(Order {
            kind: OrderKind::Removal,
            document: "(supposed)".to_owned(),
            released: eastern_day(now),
            notified: None,
        }),
        revision: 0,
    }
}

fn print(impact: &AssessImpactResponse) {
    for doubt in &impact.listing_doubts {
        let warning = text::doubtful("DOUBTFUL LISTING");
        say!("{warning}  {}", text::one_line(doubt));
    }
    for peer in &impact.peers {
        print_peer(peer);
    }
    say!(
        "{} would be answered otherwise in some role, {} of your peers among them.",
        text::count_of(impact.providers, "provider"),
        text::count(impact.in_some_role)
    );
    if impact.asked == 0 {
        say!("No peers are on record, so there is none to assess: bind them with `rmdd peers import`.");
    } else {
        say!(
            "{}: {} would be refused, {} of them newly; {} newly accepted. Nothing was changed.",
            text::count_of(impact.asked, "peer"),
            text::count(impact.refused),
            text::count(impact.newly_refused),
            text::count(impact.newly_accepted)
        );
    }
}

fn print_peer(impact: &PeerImpact) {
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
    let name = text::strong(&text::one_line(&then.peer));
    text::record(&format!("{name}  {newly}"), &[text::one_line(&then.message)]);
}
