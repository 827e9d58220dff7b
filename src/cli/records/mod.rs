//! `rmdd peers`, `rmdd overrides`, `rmdd orders`, `rmdd notices`: the operators' own records.

mod add;
mod entries;
mod flags;
mod import;
mod kept;
mod list;
mod notices;
pub mod peers;
mod providers;
mod report;

use std::path::Path;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use nix::unistd::Uid;

use super::list_file;
use super::screen::progress::Progress;
pub use providers::Providers;

use super::target::{Access, Target};
use super::text::{self, say};
use super::{Global, YES};
use crate::api::grpc::v1::{self, RecordAction};
use crate::api::grpc::{kind_to_wire, record_from_wire, record_to_wire};
use crate::api::times::end_written_out;
use crate::daemon::config::Overrides;
use crate::domain::{Record, RecordKind};
use crate::observe::clock;
use crate::transport::users;

pub use import::List;

/// Who an upstream is: a trunk group, OCN, SPC, IP address or account, bound to a provider.
#[derive(Debug, Args)]
pub struct Peers {
    #[command(subcommand)]
    action: PeersAction,
}

#[derive(Debug, Subcommand)]
enum PeersAction {
    /// Bind a switch's own name for an upstream to a provider.
    Add(add::AddPeer),
    /// Every peer with its provider's name and whether its calls are accepted now: the worst first.
    List(peers::ListPeers),
    /// Name the bindings that have ended, match no standing filing, or match several.
    Report(list::Report),
    #[command(flatten)]
    Common(Common),
}

/// Allow or deny a provider, whatever the listing says.
#[derive(Debug, Args)]
pub struct OverridesCommand {
    #[command(subcommand)]
    action: OverridesAction,
}

#[derive(Debug, Subcommand)]
enum OverridesAction {
    /// Allow or deny providers.
    Add(add::AddOverride),
    /// List the records.
    List(list::List),
    #[command(flatten)]
    Common(Common),
}

/// The FCC's orders: removals, Final Determination Orders, and orders to cure or show cause (the watch list).
#[derive(Debug, Args)]
pub struct Orders {
    #[command(subcommand)]
    action: OrdersAction,
}

#[derive(Debug, Subcommand)]
enum OrdersAction {
    /// Put an order on record, for each provider that it names.
    Add(add::AddOrder),
    /// Record that the Commission was told of blocking before a Final Determination Order binds.
    Notified(notices::OrderNotified),
    /// List the records.
    List(list::List),
    #[command(flatten)]
    Common(Common),
}

/// The FCC's notices of suspected illegal traffic under 47 CFR 64.1200(k)(4).
#[derive(Debug, Args)]
pub struct Notices {
    #[command(subcommand)]
    action: NoticesAction,
}

#[derive(Debug, Subcommand)]
enum NoticesAction {
    /// Put a notice on record. Its 48 hours and 14 days run from its time stamp.
    Add(add::AddNotice),
    /// Record what the provider did: it mitigated the traffic, or informed the Commission.
    Respond(notices::Respond),
    /// Record that the brief summary was sent to the Commission, which must come before blocking.
    Notified(notices::Notified),
    /// Take in the traced calls of its Attachment A, from CSV. Calls that are on record already are kept once.
    ImportCalls(notices::ImportCalls),
    /// Write the brief summary for the Commission.
    Report(report::Report),
    /// List the records.
    List(list::List),
    #[command(flatten)]
    Common(Common),
}

#[derive(Debug, Subcommand)]
enum Common {
    /// Take records off, by ID; their history stays. All of them, or none.
    Remove(list::Remove),
    /// Take in a list, as CSV or JSON: all of it, or none.
    Import(import::Import),
    /// Write the records out, as they can be imported again.
    Export(list::Export),
    /// Who changed what, when and why, oldest first.
    History(list::History),
}

impl Common {
    async fn run(self, global: &Global, kind: RecordKind) -> anyhow::Result<u8> {
        match self {
            Self::Remove(action) => action.run(global, kind).await,
            Self::Import(action) => action.run(global, kind).await,
            Self::Export(action) => action.run(global, kind).await,
            Self::History(action) => action.run(global, kind).await,
        }
    }
}

impl Peers {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            PeersAction::Add(action) => action.run(global).await,
            PeersAction::List(action) => action.run(global).await,
            PeersAction::Report(action) => action.run(global).await,
            PeersAction::Common(action) => action.run(global, RecordKind::Peer).await,
        }
    }
}

impl OverridesCommand {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            OverridesAction::Add(action) => action.run(global).await,
            OverridesAction::List(action) => action.run(global, RecordKind::Override).await,
            OverridesAction::Common(action) => action.run(global, RecordKind::Override).await,
        }
    }
}

impl Orders {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            OrdersAction::Add(action) => action.run(global).await,
            OrdersAction::Notified(action) => action.run(global).await,
            OrdersAction::List(action) => action.run(global, RecordKind::Order).await,
            OrdersAction::Common(action) => action.run(global, RecordKind::Order).await,
        }
    }
}

impl Notices {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            NoticesAction::Add(action) => action.run(global).await,
            NoticesAction::Respond(action) => action.run(global).await,
            NoticesAction::Notified(action) => action.run(global).await,
            NoticesAction::ImportCalls(action) => action.run(global).await,
            NoticesAction::Report(action) => action.run(global).await,
            NoticesAction::List(action) => action.run(global, RecordKind::Notice).await,
            NoticesAction::Common(action) => action.run(global, RecordKind::Notice).await,
        }
    }
}

/// Who asks for a change.
#[derive(Debug, Args)]
pub struct By {
    /// Who asks for it, for the history [default: $SUDO_USER, else $USER, else the user's name].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// Their name.
    ///
    /// # Errors
    ///
    /// If nobody is named.
    pub fn name(&self) -> anyhow::Result<String> {
        let of = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let name = self.by.clone().or_else(|| of("SUDO_USER")).or_else(|| of("USER")).or_else(|| of("LOGNAME"));
        // A unit or container may have no such variable. Its processes belong to somebody all the same.
        let user = || users::ask(Uid::current().as_raw());
        let number = || Some(format!("uid {}", Uid::current()));
        name.or_else(user).or_else(number).context("nobody is named who asks for this change: say it with --by NAME")
    }
}

/// What every record has besides what it says.
#[derive(Debug, Args)]
struct About {
    /// Why it is put on record.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// When it ends: a time with its zone (2027-01-31 12:00 ET), a day that is counted in (2027-01-31, Eastern time) or
    /// how long from now (30d, 36h) [default: never].
    #[arg(long, value_name = "TIME", value_parser = end_written_out)]
    expires: Option<String>,
    /// Replace a record that says something else. What was recorded of it later, such as responses and traced calls, stays.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    by: By,
}

async fn to_change(global: &Global) -> anyhow::Result<Target> {
    Target::find(global, &global.settings(Overrides::new())?, Access::Write).await
}

async fn to_read(global: &Global) -> anyhow::Result<Target> {
    Target::find(global, &global.settings(Overrides::new())?, Access::Read).await
}

/// Puts records in and says what became of each.
async fn put(target: &Target, records: &[Record], replace: bool, by: &str) -> anyhow::Result<()> {
    put_named(target, records, replace, by, &|_| None).await
}

/// As [`put`], with the place of each record in the list that it comes from.
async fn put_named(
    target: &Target,
    records: &[Record],
    replace: bool,
    by: &str,
    place: &dyn Fn(usize) -> Option<String>,
) -> anyhow::Result<()> {
    let request =
        v1::PutRecordsRequest { records: records.iter().map(record_to_wire).collect(), replace, by: by.to_owned() };
    let progress = Progress::of(format!("putting {} on record", text::count_of(records.len() as u64, "record")));
    let v1::PutRecordsResponse { events, unmatched } = target.put_records(request).await?;
    drop(progress);
    say_what_was_done(&events, records.len());
    warn_of_unmatched(records, &unmatched, place);
    Ok(())
}

/// Says on standard error which providers have no filing, standing or removed: slips, most likely.
pub fn warn_of_unmatched(records: &[Record], unmatched: &[u32], place: &dyn Fn(usize) -> Option<String>) {
    let mut lines: Vec<String> = Vec::new();
    for index in unmatched.iter().filter_map(|index| usize::try_from(*index).ok()) {
        let Some(record) = records.get(index) else { continue };
        let stands = place(index).map(|place| format!("{place}: ")).unwrap_or_default();
        let line = format!("{stands}{} matches no filing, standing or removed: is the number right?", record.provider);
        // One row that names several peers says it once.
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    for line in list_file::first_of(&lines) {
        text::aside(format_args!("{}: {}", text::doubtful("warning"), text::one_line(&line)));
    }
}

/// More than so many changes are summed up.
const SAID_SINGLY: usize = 20;

fn say_what_was_done(events: &[v1::RecordEvent], asked: usize) {
    let count = |action: RecordAction| events.iter().filter(|event| event.action() == action).count();
    if events.len() <= SAID_SINGLY {
        for event in events {
            let Some(record) = event.after.as_ref().or(event.before.as_ref()) else { continue };
            let done = format!("{}  {}", list::action_word(event.action()), list::in_words(record));
            text::record(&done, &list::differences_of(event));
        }
    }
    let (added, changed) = (count(RecordAction::Added), count(RecordAction::Changed));
    let same = asked.saturating_sub(events.len());
    if events.len() > SAID_SINGLY || same > 0 {
        say!("{added} added, {changed} changed, {same} on record already");
    }
}

/// The one record of this ID, if there is one.
async fn on_record(target: &Target, kind: RecordKind, id: &str) -> anyhow::Result<Option<Record>> {
    let request = v1::ListRecordsRequest {
        kind: kind_to_wire(kind).into(),
        id: id.to_owned(),
        ..v1::ListRecordsRequest::default()
    };
    let found = target.list_records(request).await?.records.into_iter().next();
    let record = found.and_then(|entry| entry.record).map(|record| record_from_wire(record, "", clock::now()));
    record.transpose().with_context(|| format!("the daemon's {kind} {id:?} cannot be read"))
}

/// The one record of this ID.
async fn one(target: &Target, kind: RecordKind, id: &str) -> anyhow::Result<Record> {
    let record = on_record(target, kind, id).await?;
    record.with_context(|| format!("no {kind} {id:?} is on record: `rmdd {} list` shows them", kind.plural()))
}

/// All records of a kind.
async fn all(target: &Target, kind: RecordKind) -> anyhow::Result<Vec<v1::ListedRecord>> {
    let mut request = v1::ListRecordsRequest {
        kind: kind_to_wire(kind).into(),
        page_size: 1000,
        ..v1::ListRecordsRequest::default()
    };
    let mut records = Vec::new();
    loop {
        let page = target.list_records(request.clone()).await?;
        records.extend(page.records);
        if page.next_page_token.is_empty() || page.next_page_token <= request.page_token {
            return Ok(records);
        }
        request.page_token = page.next_page_token;
    }
}

/// A list of records, for a command that only supposes them.
pub fn read_list(file: &Path, kind: RecordKind, now: Timestamp) -> anyhow::Result<List> {
    import::read(file, kind, &[], "a supposition", now)
}
