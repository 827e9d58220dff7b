//! Records as people read them: lists, reports, exports, histories; and taking them off.

use anyhow::bail;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::text::{self, say};
use super::super::{NO, YES};
use super::providers::Providers;
use super::{By, Global, all, one, to_change, to_read};
use crate::api::grpc::v1::record::{Body, Provider};
use crate::api::grpc::v1::{self, RecordAction};
use crate::api::grpc::{kind_to_wire, record_from_wire};
use crate::api::json::filled;
use crate::cli::from_wire;
use crate::domain::visible;
use crate::domain::{Identity, Noted, Notice, Ocn, Record, RecordBody, RecordKind, Who};
use crate::observe::clock;
use crate::records::fields::{columns, differences, write};
use crate::records::lists::table;

#[derive(Debug, Args)]
pub struct List {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Remove {
    /// The records' IDs, as `list` shows them. Of orders, a document alone stands for all that it names.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

#[derive(Debug, Args)]
pub struct Export {
    /// csv, or jsonl: one JSON object a line. A notice's traced calls are in JSON only; importing the CSV leaves those on
    /// record.
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: Format,
}

#[derive(Debug, Args)]
pub struct History {
    /// One record's ID; it need not be on record any more.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn number(record: &v1::Record) -> &str {
    match &record.provider {
        Some(Provider::Frn(number) | Provider::RmdNumber(number)) => number,
        None => "",
    }
}

/// An enumeration's word in commands.
fn word(name: &str, prefix: &str) -> String {
    from_wire::word(name, prefix).to_ascii_lowercase()
}

/// What became of a record, in a word of its own width.
pub fn action_word(action: RecordAction) -> String {
    match action {
        RecordAction::Added => text::good("added  "),
        RecordAction::Changed => text::doubtful("changed"),
        RecordAction::Removed | RecordAction::Unspecified => text::bad("removed"),
    }
}

/// A record on one line.
pub fn in_words(record: &v1::Record) -> String {
    let (id, number) = (text::one_line(&record.id), number(record));
    let until = match &record.expires_at {
        Some(at) => format!(", until {}", text::time(Some(at))),
        None => String::new(),
    };
    let why = match record.why.as_str() {
        "" => String::new(),
        why => format!(": {}", text::one_line(why)),
    };
    let says = match &record.body {
        Some(Body::Peer(peer)) => {
            let role = match peer.role() {
                v1::ProviderRole::Unspecified => String::new(),
                role => format!(" as {}", from_wire::role(role)),
            };
            format!(
                "{} {} is {number}{role}",
                word(peer.kind().as_str_name(), "PEER_KIND_"),
                text::one_line(&peer.name)
            )
        }
        Some(Body::Override(body)) => {
            format!("{} {number}", word(body.action().as_str_name(), "OVERRIDE_ACTION_"))
        }
        Some(Body::Order(order)) => {
            let kind = word(order.kind().as_str_name(), "ORDER_KIND_");
            let notified = if order.notified.is_some() { ", FCC notified" } else { "" };
            format!("{kind} {} of {}: {number}{notified}", text::one_line(&order.document), order.released)
        }
        Some(Body::Notice(notice)) => {
            let mut done = Vec::new();
            for (noted, word) in [
                (&notice.mitigated, "mitigated"),
                (&notice.informed, "FCC informed"),
                (&notice.notified, "FCC notified"),
            ] {
                if let Some(noted) = noted {
                    done.push(format!(", {word} {}", text::time(noted.at.as_ref())));
                }
            }
            format!("notice {id} to {number} of {}{}", text::time(notice.issued_at.as_ref()), done.concat())
        }
        None => id,
    };
    format!("{says}{until}{why}")
}

/// What is the matter with what a record meets in the listing, if something is.
fn problem(entry: &v1::ListedRecord) -> Option<String> {
    match (entry.in_force, entry.standing.as_slice(), entry.removed.as_slice()) {
        (false, ..) => Some("has expired".to_owned()),
        (true, [], []) => Some("matches no filing".to_owned()),
        (true, [], removed) => Some(format!("its filing is removed: {}", removed.join(", "))),
        (true, [_], _) => None,
        (true, several, _) => Some(format!("matches several filings: {}", several.join(", "))),
    }
}

fn domain(record: v1::Record) -> anyhow::Result<Record> {
    Ok(record_from_wire(record, "", clock::now())?)
}

fn whole(record: &Record) -> Value {
    write(record).to_whole_json(record.kind())
}

pub fn to_json(entry: &v1::ListedRecord) -> anyhow::Result<Value> {
    let Some(record) = &entry.record else { bail!("the daemon's list holds an entry without a record") };
    let mut object = whole(&domain(record.clone())?);
    object["id"] = record.id.as_str().into();
    object["in_force"] = entry.in_force.into();
    object["standing"] = json!(entry.standing);
    object["removed"] = json!(entry.removed);
    object["problem"] = json!(problem(entry));
    Ok(object)
}

pub fn print(entry: &v1::ListedRecord, with_standing: bool) {
    let Some(record) = &entry.record else { return };
    let line = in_words(record);
    // Only a peer says that calls come from there: of an order it is no problem that the filing is gone.
    let line = match problem(entry).filter(|_| with_standing || !entry.in_force) {
        Some(problem) => format!("{line}  {}", text::doubtful(&format!("! {problem}"))),
        None => line,
    };
    let (id, by, at) = (text::one_line(&record.id), text::one_line(&record.by), text::time(record.at.as_ref()));
    let mut below = vec![format!("{id} by {by}, {at}")];
    if let Ok(Record { body: RecordBody::Notice(notice), .. }) = domain(record.clone()) {
        below.extend(clocks(&notice));
    }
    text::record(&line, &below);
}

/// A notice's two clocks, and what was done in them.
fn clocks(notice: &Notice) -> [String; 2] {
    let clock = |duty: &str, by: Timestamp, done: &Option<Noted>| match done {
        Some(done) if done.at <= by => format!("{duty} in time"),
        Some(_) => format!("{duty} late"),
        None if clock::now() <= by => format!("not {duty}, due {}", text::moment(by)),
        None => text::bad(&format!("not {duty}, was due {}", text::moment(by))),
    };
    let mitigated = clock("mitigated", notice.mitigate_by(), &notice.mitigated);
    let informed = clock("informed the FCC", notice.inform_by(), &notice.informed);
    [format!("48 hours: {mitigated}"), format!("14 days: {informed}")]
}

impl List {
    pub async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        let records = all(&to_read(global).await?, kind).await?;
        for entry in &records {
            if self.json {
                text::whole!("{}", visible::to_json(&to_json(entry)?)?);
            } else {
                print(entry, false);
            }
        }
        if !self.json {
            let gap = if records.is_empty() { "" } else { "\n" };
            say!("{gap}{} on record", kind.count(records.len()));
        }
        Ok(YES)
    }
}

impl Report {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let records = all(&to_read(global).await?, RecordKind::Peer).await?;
        let amiss: Vec<&v1::ListedRecord> = records.iter().filter(|entry| problem(entry).is_some()).collect();
        for entry in &amiss {
            if self.json {
                text::whole!("{}", visible::to_json(&to_json(entry)?)?);
            } else {
                print(entry, true);
            }
        }
        if records.is_empty() && !self.json {
            say!("No peers are on record: bind them with `rmdd peers add` or `rmdd peers import`.");
        } else if !self.json {
            let gap = if amiss.is_empty() { "" } else { "\n" };
            let (amiss, all) = (text::count(amiss.len() as u64), text::count_of(records.len() as u64, "peer"));
            say!("{gap}{amiss} of {all} have ended, match no standing filing, or match several");
        }
        Ok(if amiss.is_empty() { YES } else { NO })
    }
}

impl Remove {
    pub async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        let by = self.by.name()?;
        let target = to_change(global).await?;
        let known: Vec<String> =
            all(&target, kind).await?.into_iter().filter_map(|entry| Some(entry.record?.id)).collect();
        let mut ids: Vec<String> = Vec::new();
        for asked in &self.ids {
            let mut found = find(kind, asked.trim(), &known);
            if found.is_empty() && kind == RecordKind::Override {
                // By what a peer of the provider is called.
                let provider = Providers::of(&target).find(asked).await;
                let id = provider.map(|found| found.identity.number_text()).unwrap_or_default();
                found = find(kind, &id, &known);
            }
            if found.is_empty() {
                bail!(
                    "nothing was changed: no {kind} {asked:?} is on record: `rmdd {} list` shows them",
                    kind.plural()
                );
            }
            ids.extend(found);
        }
        let request =
            v1::RemoveRecordsRequest { kind: kind_to_wire(kind).into(), ids, by, why: self.why.trim().to_owned() };
        let events = target.remove_records(request).await?.events;
        for event in &events {
            if let Some(record) = &event.before {
                say!("{}  {}", action_word(event.action()), in_words(record));
            }
        }
        Ok(YES)
    }
}

/// The IDs that a person's word for a record means.
fn find(kind: RecordKind, asked: &str, known: &[String]) -> Vec<String> {
    // As the ID is written; a peer's name or address in any writing of it; a provider in any usual writing.
    let number = asked.parse().map(Identity::number_text).ok();
    let name = Who::peer(asked).ok().and_then(|who| match who {
        Who::Peer(name) => Some(name.as_str().to_owned()),
        _ => None,
    });
    let ocn = asked.parse::<Ocn>().map(|ocn| format!("ocn:{ocn}")).ok();
    let folded = kind.folded(asked);
    let by_name = name.as_ref().is_some_and(|name| known.contains(name));
    let means = |id: &&String| match kind {
        RecordKind::Peer => **id == asked || name.as_ref() == Some(*id) || (!by_name && ocn.as_ref() == Some(*id)),
        RecordKind::Override => number.as_ref() == Some(*id),
        RecordKind::Order => {
            let of = id.rsplit_once('/').map(|(document, _)| kind.folded(document));
            kind.folded(id) == folded || of.as_ref() == Some(&folded)
        }
        RecordKind::Notice => kind.folded(id) == folded,
    };
    known.iter().filter(means).cloned().collect()
}

impl Export {
    pub async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        let target = to_read(global).await?;
        let mut records = Vec::new();
        for entry in all(&target, kind).await? {
            let Some(record) = entry.record else { continue };
            // Traced calls come only with a notice that is asked for by its ID.
            records.push(match (kind, self.format) {
                (RecordKind::Notice, Format::Jsonl) => one(&target, kind, &record.id).await?,
                _ => domain(record)?,
            });
        }
        // Where they are imported again the revision is another.
        let records = records.into_iter().map(|record| Record { revision: 0, ..record });
        if self.format == Format::Jsonl {
            for record in records {
                text::whole!("{}", visible::to_json(&whole(&record))?);
            }
            return Ok(YES);
        }
        let mut rows = vec![columns(kind).iter().map(|name| (*name).to_owned()).collect()];
        rows.extend(records.map(|record| {
            let fields = write(&record);
            columns(kind).iter().map(|name| fields.get(name).unwrap_or_default().to_owned()).collect::<Vec<_>>()
        }));
        let mut csv = Vec::new();
        table::write(&mut csv, rows)?;
        text::write(&csv)?;
        Ok(YES)
    }
}

const PAGE: u32 = 1000;

impl History {
    pub async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        let target = to_read(global).await?;
        let mut request = v1::ListRecordEventsRequest {
            kind: kind_to_wire(kind).into(),
            id: self.id.unwrap_or_default(),
            after_serial: 0,
            limit: PAGE,
        };
        loop {
            let events = target.list_record_events(request.clone()).await?.events;
            for event in &events {
                if self.json {
                    text::whole!("{}", visible::to_json(&event_to_json(event)?)?);
                } else {
                    print_event(event);
                }
            }
            match events.last() {
                Some(last) if events.len() == PAGE as usize && last.serial > request.after_serial => {
                    request.after_serial = last.serial;
                }
                _ => return Ok(YES),
            }
        }
    }
}

fn event_to_json(event: &v1::RecordEvent) -> anyhow::Result<Value> {
    let record = |record: &Option<v1::Record>| {
        record.clone().map(|record| domain(record).map(|record| whole(&record))).transpose()
    };
    Ok(json!({
        "serial": event.serial,
        "at": from_wire::time(event.at.as_ref()),
        "by": event.by,
        "why": filled(&event.why),
        "action": word(event.action().as_str_name(), "RECORD_ACTION_"),
        "before": record(&event.before)?,
        "after": record(&event.after)?,
    }))
}

fn print_event(event: &v1::RecordEvent) {
    let Some(record) = event.after.as_ref().or(event.before.as_ref()) else { return };
    let (at, by) = (text::time(event.at.as_ref()), text::one_line(&event.by));
    let why = match (event.action(), event.why.as_str()) {
        (RecordAction::Removed, why) if !why.is_empty() => format!(" ({})", text::one_line(why)),
        _ => String::new(),
    };
    let (serial, action) = (event.serial, action_word(event.action()));
    text::record(&format!("{serial:>5}  {at}  {action}  by {by}: {}{why}", in_words(record)), &differences_of(event));
}

/// What a change changed, from what to what.
pub fn differences_of(event: &v1::RecordEvent) -> Vec<String> {
    let (Some(before), Some(after)) = (event.before.clone(), event.after.clone()) else { return Vec::new() };
    let (Ok(before), Ok(after)) = (domain(before), domain(after)) else { return Vec::new() };
    let shown = |field: &str, text: &str| match text.parse::<Timestamp>() {
        _ if text.is_empty() => "(nothing)".to_owned(),
        Ok(at) if field.ends_with("_at") => text::moment(at),
        _ => text::one_line(text),
    };
    let of = |(field, before, after): (&'static str, String, String)| {
        format!("{field}: {} -> {}", shown(field, &before), shown(field, &after))
    };
    differences(&before, &after).into_iter().map(of).collect()
}
