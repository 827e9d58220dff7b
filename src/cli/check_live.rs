//! `rmdd check --live`: what the FCC says of a provider now, beside what rmdd has. The verdict stays rmdd's.

use std::collections::BTreeMap;

use super::target::Target;
use super::text::{self, say};
use crate::api::grpc::filing_to_wire;
use crate::api::grpc::v1::{self, CheckProviderResponse, GetProviderRequest};
use crate::api::json;
use crate::cli::live::{self, Agreement, LiveError, StoredCells};
use crate::domain::{Identity, Who};
use crate::observe::clock;
use crate::sync::fetch::{FetchConfig, ask_live};

/// Whom the FCC is asked about: the provider that was named, or that of the filing that a peer's name led to.
fn identity(text: &str, answer: &CheckProviderResponse) -> Option<Identity> {
    if answer.peer.is_empty() {
        return Who::readings(text).ok()?.number();
    }
    let filing = answer.filing.as_ref()?;
    filing.frn.parse().map(Identity::Frn).or_else(|_| filing.number.parse().map(Identity::RmdNumber)).ok()
}

/// Asks the FCC about the provider of a check, and compares. What goes wrong is part of what is reported.
pub async fn ask(
    target: &Target,
    config: &FetchConfig,
    text: &str,
    answer: &CheckProviderResponse,
) -> json::Live<'static> {
    let url = config.live_url.to_string();
    let Some(who) = identity(text, answer) else {
        let message = format!("the FCC knows FRNs and RMD numbers only, and none is known for {text:?}: ask by one");
        return failed(url, "NO_IDENTITY", message);
    };
    let stored = match stored(target, who).await {
        Ok(stored) => stored,
        Err(error) => return failed(url, "STORE", format!("what rmdd has could not be read: {error}")),
    };
    let reported = match ask_live(config, who).await.map_err(LiveError::from) {
        Ok(answer) => live::read(&answer, &url, who),
        Err(error) => Err(error),
    };
    let reported = match reported {
        Ok(reported) => reported,
        Err(error) => return failed(url, error.kind(), error.to_string()),
    };
    let compared: Vec<json::Compared> =
        live::compare(&stored, &reported).iter().map(|(number, agreement)| compared(*number, agreement)).collect();
    json::Live {
        agrees: Some(compared.iter().all(|compared| compared.agreement == "SAME")),
        filings: reported.iter().map(|reported| json::Filing::from(&filing_to_wire(&reported.filing))).collect(),
        compared,
        ..json::Live::asked(url, now())
    }
}

fn now() -> Option<jiff::Timestamp> {
    Some(clock::now())
}

fn failed(url: String, code: &str, message: String) -> json::Live<'static> {
    let error = Some(json::Note { code: code.to_owned().into(), message: message.into() });
    json::Live { error, ..json::Live::asked(url, now()) }
}

/// The standing filings of a provider, with all their cells.
async fn stored(target: &Target, who: Identity) -> anyhow::Result<BTreeMap<crate::domain::RmdNumber, StoredCells>> {
    let request = GetProviderRequest { identity: Some(Who::Provider(who).into()), include_history: false, at: None };
    let filings: Vec<v1::Filing> = target.get_provider(request).await?.filings;
    filings.into_iter().map(|filing| Ok((filing.number.parse()?, filing.cells.into_iter().collect()))).collect()
}

fn compared(number: crate::domain::RmdNumber, agreement: &Agreement) -> json::Compared {
    let (word, fields) = match agreement {
        Agreement::Same => ("SAME", Vec::new()),
        Agreement::Differs(fields) => ("DIFFERS", fields.clone()),
        Agreement::OnlyStored => ("ONLY_STORED", Vec::new()),
        Agreement::OnlyLive => ("ONLY_LIVE", Vec::new()),
    };
    let fields = fields
        .into_iter()
        .map(|field| json::LiveField { column: field.column, stored: field.before, live: field.after })
        .collect();
    json::Compared { number: number.to_string(), agreement: word.to_owned(), fields }
}

/// Of a cell that differs, so much is shown on a line.
const SHOWN_OF_CELL: usize = 60;

fn shown(cell: &str) -> String {
    let line = text::one_line(cell);
    if line.chars().count() <= SHOWN_OF_CELL {
        return format!("\"{line}\"");
    }
    let start: String = line.chars().take(SHOWN_OF_CELL).collect();
    format!("\"{start}\"...")
}

/// Prints it below the verdict.
pub fn print(live: &json::Live) {
    say!();
    if let Some(error) = &live.error {
        say!("{}  {}", text::bad("LIVE FAILED"), error.code);
        say!("  {}", text::one_line(&error.message));
        say!("  The verdict above rests on the stored listing; the FCC could not be asked.");
        return;
    }
    let word = if live.agrees == Some(true) { text::good("LIVE AGREES") } else { text::doubtful("LIVE DIFFERS") };
    say!("{word}  the FCC was asked just now; the verdict above rests on the stored listing");
    if live.compared.is_empty() {
        say!("  It tells of no such filing, and none is stored.");
    }
    for filing in &live.filings {
        text::fact("live filing", &filing.number);
        text::fact("FRN", filing.frn.as_deref().unwrap_or("none"));
        text::fact("name", text::one_line(filing.business_name.as_deref().unwrap_or("none")));
        let roles = if filing.roles.is_empty() { "none certified".to_owned() } else { filing.roles.join(", ") };
        text::fact("roles", roles);
        text::fact("last updated", filing.last_updated.as_deref().unwrap_or("not stated"));
    }
    for compared in &live.compared {
        let said = match compared.agreement.as_str() {
            "SAME" => "the same as stored".to_owned(),
            "DIFFERS" => format!("differs from what is stored in {}", columns(&compared.fields)),
            "ONLY_STORED" => "stored, but the FCC does not tell of it: `rmdd sync` asks for the listing".to_owned(),
            _ => "the FCC tells of it, but it is not stored: `rmdd sync` asks for the listing".to_owned(),
        };
        text::fact("compared", format!("{} {said}", compared.number));
        for field in &compared.fields {
            text::fact("", format!("{}: stored {}, live {}", field.column, shown(&field.stored), shown(&field.live)));
        }
    }
    text::fact("asked", text::one_line(&live.url));
}

fn columns(fields: &[json::LiveField]) -> String {
    let names: Vec<&str> = fields.iter().map(|field| field.column.as_str()).collect();
    names.join(", ")
}
