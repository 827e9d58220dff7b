//! `rmdd check`

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::check_list::{self, ListOptions};
use super::check_live;
use super::target::{Access, Target};
use super::text::say;
use super::{FAILED, Global, NO, YES, text, words};
use crate::api::grpc::v1::{self, AnswerDetail, CheckProviderRequest, CheckProviderResponse, Ternary, Verdict};
use crate::api::grpc::{role_to_wire, time_to_wire};
use crate::api::json;
use crate::api::times::moment;
use crate::daemon::config::Overrides;
use crate::decide::caller_id::{self, CallerId};
use crate::domain::visible;
use crate::domain::{ProviderRole, Who};

#[derive(Debug, Args)]
pub struct Check {
    /// The provider: an FRN in any usual writing (0020237343, 20237343, 0020-2373-43), an RMD number (RMD0001410), or an
    /// OCN or peer's name that `rmdd peers` bound to one. frn:, rmd:, ocn: or peer: in front says which is meant; without
    /// it, what may mean two things that are known is an error. Of six digits or fewer, a name on record comes first.
    #[arg(value_name = "WHO", required_unless_present = "file", conflicts_with = "file")]
    who: Option<String>,
    /// A list of upstreams, as CSV or .xlsx with a header, or JSON objects: a column frn, rmd_number, provider, ocn or peer
    /// (trunk_group, ip, spc, account), and perhaps role, or one for each role with Yes or No; - for standard input. Prints
    /// the list with the verdicts; a row that cannot be read has none (BAD_ROW) and keeps no other from being asked. Exit status: 0 all accepted, 1 some refused, 2
    /// some rows not asked, or none refused and some without an answer.
    #[arg(long, value_name = "LIST", conflicts_with_all = ["emergency", "foreign", "caller_id"])]
    file: Option<PathBuf>,
    /// Ask the FCC itself too, now, and say where it agrees with what is stored. The verdict stays that of the stored
    /// listing; if the FCC cannot be asked, it is printed all the same and the exit status is 2.
    #[arg(long, conflicts_with_all = ["file", "at"])]
    live: bool,
    /// The role in which it hands the calls over: voice_service, gateway or non_gateway_intermediate, or as people write
    /// them (VSP, "Gateway Provider") [default: that of the peer that is named, else any].
    #[arg(long, value_name = "R", value_parser = words::role(), hide_possible_values = true)]
    role: Option<ProviderRole>,
    /// Whether it is a foreign provider [default: it is if all its filings say so].
    #[arg(long, value_name = "YES|NO", value_parser = words::proposing(words::TERNARY, ternary))]
    foreign: Option<Ternary>,
    /// The calling number as a switch has it: +12125550100, 2125550100, 011442079460018, a tel or SIP URI, a From header;
    /// with its plus, without which a foreign number may pass for a US number with an extension or a prefix.
    /// From a foreign provider, a call from one that is no US number is not covered by the rule. One that cannot be read
    /// counts as not known.
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,
    /// What the answer would have been at a moment, by the listing and the records of then and the policy of today: a
    /// time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: its end, Eastern time) or an age (7d, 36h).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// The call goes to 911 or a public safety answering point.
    #[arg(long)]
    emergency: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        if let Some(file) = &self.file {
            let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
            return check_list::run(&target, file, &ListOptions { role: self.role, at: self.at, json: self.json })
                .await;
        }
        let loaded = global.settings(Overrides::new())?;
        let target = Target::find(global, &loaded, Access::Read).await?;
        if let Some(number) = self.caller_id.as_deref().filter(|number| caller_id::read(number) == CallerId::Unreadable)
        {
            text::aside(format_args!(
                "{} {:?} cannot be read as a calling number: it counts as not known.",
                text::doubtful("WARNING:"),
                text::one_line(number)
            ));
        }
        let mut request = CheckProviderRequest {
            emergency: self.emergency,
            caller_id: self.caller_id.unwrap_or_default(),
            at: self.at.map(time_to_wire),
            detail: AnswerDetail::Full.into(),
            ..CheckProviderRequest::default()
        };
        request.set_role(self.role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
        request.set_foreign(self.foreign.unwrap_or_default());
        let ask = async |who: Who| {
            target.check_provider(CheckProviderRequest { identity: Some(who.into()), ..request.clone() }).await
        };
        let who = self.who.unwrap_or_default();
        let answer = match target.first_known_at(&who, self.at, ask).await {
            // Whoever it may be.
            Err(_) if self.emergency && self.at.is_none() => target.check_provider(request).await?,
            answer => answer?,
        };
        if !self.json {
            print(&answer);
        }
        let live =
            if self.live { Some(check_live::ask(&target, &loaded.config.fetch, &who, &answer).await) } else { None };
        match (&live, self.json) {
            (Some(live), true) => {
                text::whole!("{}", visible::to_json(&json::CheckWithLive { check: json::Check::from(&answer), live })?)
            }
            (None, true) => text::whole!("{}", visible::to_json(&json::Check::from(&answer))?),
            (Some(live), false) => check_live::print(live),
            (None, false) => {}
        }
        if live.is_some_and(|live| live.error.is_some()) {
            return Ok(FAILED);
        }
        Ok(match answer.verdict() {
            Verdict::Accept => YES,
            Verdict::Refuse => NO,
            Verdict::Unspecified => FAILED,
        })
    }
}

fn ternary(text: &str) -> Result<Ternary, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(Ternary::Yes),
        "no" => Ok(Ternary::No),
        "unknown" => Ok(Ternary::Unspecified),
        _ => Err("say yes, no or unknown".to_owned()),
    }
}

fn print(answer: &CheckProviderResponse) {
    let check = json::Check::from(answer);
    let verdict = check.verdict.as_deref().unwrap_or_default();
    let verdict = if answer.verdict() == Verdict::Accept { text::good(verdict) } else { text::bad(verdict) };
    match text::as_of(answer.at.as_ref()) {
        None => say!("{verdict}  {}", check.reason),
        Some(then) => say!("{verdict}  {}  {then}", check.reason),
    }
    say!("  {}", text::one_line(&check.message));
    for advisory in &check.advisories {
        say!("  {} {}: {}", text::doubtful("!"), advisory.code, text::one_line(&advisory.message));
    }
    say!();
    if let Some(filing) = &answer.filing {
        text::fact("filing", &filing.number);
        if !filing.frn.is_empty() {
            text::fact("FRN", &filing.frn);
        }
        text::fact("name", text::one_line(&filing.business_name));
        text::fact("roles", text::roles(filing));
        text::fact("implementation", text::implementation(filing));
        if !filing.last_updated.is_empty() {
            text::fact("last updated", &filing.last_updated);
        }
    }
    if !answer.other_filings.is_empty() {
        text::fact("also filed", answer.other_filings.join(", "));
    }
    if !answer.candidates.is_empty() {
        text::fact("named by", answer.candidates.join(", "));
    }
    if answer.first_missing_at.is_some() {
        text::fact("first missing", text::time_and_distance(answer.first_missing_at.as_ref()));
        text::fact("last seen", text::time_and_distance(answer.last_seen_at.as_ref()));
    }
    if !answer.peer.is_empty() {
        text::fact("peer", text::one_line(&answer.peer));
    }
    if !answer.record.is_empty() {
        text::fact("on record", text::one_line(&answer.record));
    }
    text::fact("rule", check.rule.as_deref().unwrap_or_default());
    text::fact("snapshot", text::snapshot_at(answer.snapshot.as_ref(), answer.at.as_ref()));
}
