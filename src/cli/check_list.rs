//! `rmdd check --file`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::target::Target;
use super::text::{self, say};
use super::{NO, YES};
use crate::grpc::role_to_wire;
use crate::grpc::v1::{self, CheckProviderRequest, Verdict};
use crate::parse::upstreams::{self, Upstream};
use crate::report;

/// The columns that the answer adds to the list.
const ADDED: [&str; 6] = ["verdict", "reason", "filing", "business_name", "advisories", "message"];

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
    let mut refused = 0;
    let mut rows = vec![list.header.iter().cloned().chain(ADDED.map(str::to_owned)).collect()];
    for upstream in &list.upstreams {
        let answer = target
            .check_provider(request(upstream, options))
            .await
            .map_err(|error| anyhow::anyhow!("{}, row {}: {error}", file.display(), upstream.row))?;
        refused += usize::from(answer.verdict() != Verdict::Accept);
        let check = report::Check::from(&answer);
        *reasons.entry((check.verdict.clone(), check.reason.clone())).or_default() += 1;
        if options.json {
            let asked: BTreeMap<_, _> = list.header.iter().zip(&upstream.cells).collect();
            let mut object = serde_json::to_value(&check)?;
            object["row"] = upstream.row.into();
            object["upstream"] = serde_json::to_value(asked)?;
            say!("{object}");
        } else {
            rows.push(row(upstream, &check));
        }
    }
    if !options.json {
        let mut csv = Vec::new();
        upstreams::write(&mut csv, rows).context("the answer could not be written")?;
        super::man::write(&csv)?;
    }
    let summary: Vec<String> = reasons
        .iter()
        .map(|((verdict, reason), count)| format!("{} {verdict} {reason}", text::count(*count as u64)))
        .collect();
    anstream::eprintln!(
        "{} upstreams: {}{}",
        text::count(list.upstreams.len() as u64),
        if refused == 0 { text::good("all accepted") } else { text::bad(&format!("{refused} refused")) },
        format_args!(" ({})", summary.join(", "))
    );
    Ok(if refused == 0 { YES } else { NO })
}

fn request(upstream: &Upstream, options: &ListOptions) -> CheckProviderRequest {
    let mut request =
        CheckProviderRequest { identity: Some(upstream.identity.into()), ..CheckProviderRequest::default() };
    let role = upstream.role.or(options.role);
    request.set_role(role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
    request
}

fn row(upstream: &Upstream, check: &report::Check) -> Vec<String> {
    let filing = check.filing.as_ref();
    let codes: Vec<&str> = check.advisories.iter().map(|advisory| advisory.code.as_str()).collect();
    let mut cells = upstream.cells.clone();
    cells.extend([
        check.verdict.clone(),
        check.reason.clone(),
        filing.map(|filing| filing.number.clone()).unwrap_or_default(),
        filing.and_then(|filing| filing.business_name.as_deref()).map(text::one_line).unwrap_or_default(),
        codes.join(" "),
        text::one_line(&check.message),
    ]);
    cells
}
