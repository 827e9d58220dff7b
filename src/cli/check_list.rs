//! `rmdd check --file`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::target::{Refused, Target};
use super::text::{self, say};
use super::{FAILED, NO, YES};
use crate::grpc::v1::checked_provider::Outcome;
use crate::grpc::v1::{self, AnswerDetail, CheckProviderRequest, CheckProviderResponse, CheckProvidersRequest};
use crate::grpc::{ErrorReason, role_to_wire};
use crate::parse::table;
use crate::parse::upstreams::{self, Upstream};
use crate::report;
use crate::visible;

/// The columns that the answer adds to the list.
const ADDED: [&str; 6] = ["verdict", "reason", "filing", "business_name", "advisories", "message"];

/// The reason of an upstream that no operator bound to a provider.
const PEER_UNKNOWN: &str = "PEER_UNKNOWN";

/// So many upstreams are asked about at once, or fewer if the daemon takes no more.
const AT_ONCE: usize = 500;

/// The reasons of a batch that the daemon takes in parts only.
const TOO_MUCH_AT_ONCE: [ErrorReason; 2] = [ErrorReason::BatchTooLarge, ErrorReason::MessageTooLong];

const ACCEPT: &str = "ACCEPT";

/// How a list is asked about.
pub struct ListOptions {
    /// The role, where the list says none.
    pub role: Option<crate::domain::ProviderRole>,
    /// One JSON object a line instead of CSV.
    pub json: bool,
}

/// Asks about every upstream of a list; prints the list with the verdicts, and a summary on standard error.
pub async fn run(target: &Target, file: &Path, options: &ListOptions) -> anyhow::Result<u8> {
    let bytes = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).map(String::into_bytes)
    } else {
        std::fs::read(file)
    };
    let bytes = bytes.map_err(|error| anyhow::anyhow!("the list {} cannot be read: {error}", file.display()))?;
    let list = upstreams::read(&bytes).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;

    let mut reasons: BTreeMap<(String, String), usize> = BTreeMap::new();
    let (mut refused, mut unanswered) = (0, 0);
    let mut rows = vec![list.header.iter().cloned().chain(ADDED.map(str::to_owned)).collect()];
    for (upstream, check) in check_all(target, file, &list.upstreams, options).await? {
        match &check {
            Ok(check) => refused += usize::from(check.verdict != ACCEPT),
            Err(_) => unanswered += 1,
        }
        let counted = match &check {
            Ok(check) => (check.verdict.clone(), check.reason.clone()),
            Err(_) => ("no verdict".to_owned(), PEER_UNKNOWN.to_owned()),
        };
        *reasons.entry(counted).or_default() += 1;
        if options.json {
            let asked: BTreeMap<_, _> = list.header.iter().zip(&upstream.cells).collect();
            let mut object = match &check {
                Ok(check) => serde_json::to_value(check)?,
                Err(message) => serde_json::json!({ "verdict": null, "reason": PEER_UNKNOWN, "message": message }),
            };
            object["row"] = upstream.row.into();
            object["upstream"] = serde_json::to_value(asked)?;
            say!("{}", visible::to_json(&object)?);
        } else {
            rows.push(row(upstream, &check));
        }
    }
    if !options.json {
        let mut csv = Vec::new();
        table::write(&mut csv, rows).context("the answer could not be written")?;
        text::write(&csv)?;
    }
    let summary: Vec<String> = reasons
        .iter()
        .map(|((verdict, reason), count)| format!("{} {verdict} {reason}", text::count(*count as u64)))
        .collect();
    let outcome = match (refused, unanswered) {
        (0, 0) => text::good("all accepted"),
        (refused, 0) => text::bad(&format!("{refused} refused")),
        (refused, unanswered) => text::bad(&format!("{refused} refused, {unanswered} without an answer")),
    };
    anstream::eprintln!("{} upstreams: {outcome} ({})", text::count(list.upstreams.len() as u64), summary.join(", "));
    Ok(match (refused, unanswered) {
        (0, 0) => YES,
        (0, _) => FAILED,
        _ => NO,
    })
}

/// Asks about all, in batches. One trunk that nobody bound yet is no reason to say nothing of the thousands that are.
async fn check_all<'a>(
    target: &Target,
    file: &Path,
    mut upstreams: &'a [Upstream],
    options: &ListOptions,
) -> anyhow::Result<Vec<(&'a Upstream, Result<report::Check, String>)>> {
    let mut checked = Vec::with_capacity(upstreams.len());
    let mut at_once = AT_ONCE;
    while let Some(first) = upstreams.first() {
        let (asked, rest) = upstreams.split_at(at_once.min(upstreams.len()));
        let questions = asked.iter().map(|upstream| request(upstream, options)).collect();
        let answer = match target.check_providers(CheckProvidersRequest { questions, at: None }).await {
            Ok(answer) => answer,
            Err(error) if takes_less(&error) && asked.len() > 1 => {
                at_once = asked.len() / 2;
                continue;
            }
            Err(error) if takes_less(&error) => anyhow::bail!(
                "{}, row {}: one question alone is more than the daemon takes: {error}. In its configuration, raise \
                 limits.message_bytes or leave it out, and restart it",
                file.display(),
                first.row
            ),
            Err(error) => anyhow::bail!("{}, row {}: {error}", file.display(), first.row),
        };
        if answer.results.len() != asked.len() {
            anyhow::bail!("{} questions were answered where {} were asked", answer.results.len(), asked.len());
        }
        for (upstream, result) in asked.iter().zip(answer.results) {
            let check = match result.outcome {
                Some(Outcome::Answer(check)) => {
                    let snapshot = answer.snapshot.clone();
                    Ok(report::Check::from(&CheckProviderResponse { snapshot, ..check }))
                }
                Some(Outcome::Error(error)) if error.reason == PEER_UNKNOWN => Err(error.message),
                Some(Outcome::Error(error)) => {
                    anyhow::bail!("{}, row {}: {}", file.display(), upstream.row, error.message)
                }
                None => anyhow::bail!("{}, row {}: neither an answer nor an error came", file.display(), upstream.row),
            };
            checked.push((upstream, check));
        }
        upstreams = rest;
    }
    Ok(checked)
}

/// Whether the daemon refused a batch for its size.
fn takes_less(error: &anyhow::Error) -> bool {
    let reason = Refused::of(error).and_then(|refused| ErrorReason::named(&refused.reason));
    reason.is_some_and(|reason| TOO_MUCH_AT_ONCE.contains(&reason))
}

fn request(upstream: &Upstream, options: &ListOptions) -> CheckProviderRequest {
    let mut request = CheckProviderRequest {
        identity: Some(upstream.who.clone().into()),
        detail: AnswerDetail::Full.into(),
        ..CheckProviderRequest::default()
    };
    let role = upstream.role.or(options.role);
    request.set_role(role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
    request
}

fn row(upstream: &Upstream, check: &Result<report::Check, String>) -> Vec<String> {
    let mut cells = upstream.cells.clone();
    match check {
        Ok(check) => {
            let filing = check.filing.as_ref();
            let codes: Vec<&str> = check.advisories.iter().map(|advisory| advisory.code.as_str()).collect();
            cells.extend([
                check.verdict.clone(),
                check.reason.clone(),
                filing.map(|filing| filing.number.clone()).unwrap_or_default(),
                filing.and_then(|filing| filing.business_name.as_deref()).map(text::one_line).unwrap_or_default(),
                codes.join(" "),
                text::one_line(&check.message),
            ]);
        }
        Err(message) => {
            let nothing = String::new;
            cells.extend([
                nothing(),
                PEER_UNKNOWN.to_owned(),
                nothing(),
                nothing(),
                nothing(),
                text::one_line(message),
            ]);
        }
    }
    cells
}
