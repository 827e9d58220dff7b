//! `rmdd check`

use std::path::PathBuf;

use clap::Args;

use super::check_list::{self, ListOptions};
use super::target::{Access, Target};
use super::text::say;
use super::{FAILED, Global, NO, YES, text};
use crate::config::Overrides;
use crate::domain::{Identity, IdentityError, ProviderRole};
use crate::grpc::role_to_wire;
use crate::grpc::v1::{self, CheckProviderRequest, CheckProviderResponse, SearchProvidersRequest, Ternary, Verdict};
use crate::report;

#[derive(Debug, Args)]
pub struct Check {
    /// The provider: an FRN in any usual writing (0020237343, 20237343, 0020-2373-43) or an RMD number (RMD0001410).
    #[arg(value_name = "WHO", required_unless_present = "file", conflicts_with = "file")]
    who: Option<String>,
    /// A list of upstreams, as CSV with a header: a column frn, rmd_number or provider, and perhaps role. Prints the
    /// list with the verdicts. Exit status: 0 all accepted, 1 some refused.
    #[arg(long, value_name = "LIST", conflicts_with_all = ["emergency", "foreign", "caller_id"])]
    file: Option<PathBuf>,
    /// The role in which it hands the calls over: voice_service, gateway or non_gateway_intermediate [default: any].
    #[arg(long, value_name = "R")]
    role: Option<ProviderRole>,
    /// Whether it is a foreign provider [default: what its filing says].
    #[arg(long, value_name = "YES|NO", value_parser = ternary)]
    foreign: Option<Ternary>,
    /// The calling number: from a foreign provider, one that is no US number is not covered by the rule.
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,
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
            let target = Target::find(global, &global.load(Overrides::new())?, Access::Read).await?;
            return check_list::run(&target, file, &ListOptions { role: self.role, json: self.json }).await;
        }
        let who = self.who.unwrap_or_default();
        let identity: Identity = match who.parse() {
            Ok(identity) => identity,
            // Names never decide. They propose, and that is said in place of a verdict.
            Err(error @ IdentityError::Unknown { .. }) => return propose(&who, error, global).await,
            Err(error) => return Err(error.into()),
        };
        let target = Target::find(global, &global.load(Overrides::new())?, Access::Read).await?;
        let mut request = CheckProviderRequest {
            identity: Some(identity.into()),
            emergency: self.emergency,
            caller_id: self.caller_id.unwrap_or_default(),
            ..CheckProviderRequest::default()
        };
        request.set_role(self.role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
        request.set_foreign(self.foreign.unwrap_or_default());
        let answer = target.check_provider(request).await?;
        if self.json {
            say!("{}", serde_json::to_string(&report::Check::from(&answer))?);
        } else {
            print(&answer);
        }
        Ok(match answer.verdict() {
            Verdict::Accept => YES,
            Verdict::Refuse => NO,
            Verdict::Unspecified => FAILED,
        })
    }
}

/// Says which providers bear such a name; no verdict.
async fn propose(name: &str, error: IdentityError, global: &Global) -> anyhow::Result<u8> {
    let Ok(target) = Target::find(global, &global.load(Overrides::new())?, Access::Read).await else {
        return Err(error.into());
    };
    let found = target.search_providers(SearchProvidersRequest { text: name.to_owned(), limit: 5 }).await?;
    let candidates: Vec<String> = found
        .matches
        .iter()
        .filter_map(|found| found.filing.as_ref())
        .map(|filing| format!("{} ({}, FRN {})", text::one_line(&filing.business_name), filing.number, filing.frn))
        .collect();
    if candidates.is_empty() {
        return Err(error.into());
    }
    anyhow::bail!("{error}. A name decides nothing; these bear one like it: {}", candidates.join("; "))
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
    let check = report::Check::from(answer);
    let verdict = match answer.verdict() {
        Verdict::Accept => text::good(&check.verdict),
        _ => text::bad(&check.verdict),
    };
    say!("{verdict}  {}", check.reason);
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
    text::fact("rule", &check.rule);
    text::fact("snapshot", text::snapshot(answer.snapshot.as_ref()));
}
