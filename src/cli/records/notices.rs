//! What comes after a notice or an order: responses, notification, traced calls.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::{ArgGroup, Args};

use super::super::target::Target;
use super::super::text;
use super::import::read_calls;
use super::providers::Providers;
use super::{By, Global, YES, flags, one, put, say, to_change};
use crate::api::times::moment_written_out;
use crate::domain::{Noted, Notice, OrderKind, Record, RecordBody, RecordKind};
use crate::observe::clock;
use crate::records::fields::read_time;

/// When something happened, and what it was.
#[derive(Debug, Args)]
struct What {
    /// When it happened: a time with its zone (2023-01-26 09:00 ET), a day (to its end, Eastern time) or how long ago (2h)
    /// [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment_written_out)]
    at: Option<String>,
    /// What it was, or where it is written down; for your own people, and no part of what the Commission is sent.
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Change what is on record of it already.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    by: By,
}

impl What {
    fn noted(&self) -> anyhow::Result<Noted> {
        let at = match &self.at {
            None => clock::now(),
            Some(text) => read_time(text).map_err(|problem| anyhow::anyhow!("nothing was changed: --at: {problem}"))?,
        };
        Ok(Noted { at, note: self.note.trim().to_owned() })
    }
}

/// Puts down what happened, unless something else is on record of it and nobody asked to change that.
fn put_down(place: &mut Option<Noted>, noted: &Noted, what: &str, replace: bool) -> anyhow::Result<()> {
    if let Some(before) = place.as_ref().filter(|before| *before != noted && !replace) {
        let note = text::one_line(&before.note);
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        bail!(
            "nothing was changed: {what} is on record already, {}{note}: use --replace to change it",
            text::moment(before.at)
        );
    }
    *place = Some(noted.clone());
    Ok(())
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("done").required(true).multiple(true))]
pub struct Respond {
    /// The notice.
    #[arg(value_name = "ID")]
    id: String,
    /// It effectively mitigated the traffic (due within 48 hours).
    #[arg(long, group = "done")]
    mitigated: bool,
    /// It informed the Commission of measures that keep new and renewing customers from illegal calling (14 days).
    #[arg(long, group = "done")]
    informed: bool,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, Args)]
pub struct Notified {
    /// The notice.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, Args)]
pub struct OrderNotified {
    /// The order's number.
    #[arg(value_name = "DOCUMENT")]
    document: String,
    /// The provider: an FRN, an RMD number, or an OCN or peer's name that is bound to one.
    #[arg(value_name = "WHO")]
    provider: String,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, Args)]
pub struct ImportCalls {
    /// The notice.
    #[arg(value_name = "ID")]
    id: String,
    /// The calls: CSV, .xlsx or JSON objects with called_at, notified_at, caller, called, campaign, violation; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    by: By,
}

pub(super) fn notice_of(record: &mut Record) -> anyhow::Result<&mut Notice> {
    match &mut record.body {
        RecordBody::Notice(notice) => Ok(notice),
        _ => bail!("this record is no notice"),
    }
}

/// Changes one record: the one that was read, and no other that came meanwhile.
pub(super) async fn change(
    target: &Target,
    kind: RecordKind,
    id: &str,
    by: &str,
    change: impl FnOnce(&mut Record) -> anyhow::Result<()>,
) -> anyhow::Result<u8> {
    let mut record = one(target, kind, id).await?;
    change(&mut record)?;
    // It may have been put on record while the clock was ahead.
    record.at = record.at.min(clock::now());
    record.check(clock::now()).map_err(|bad| anyhow!("nothing was changed: {}", flags::in_words(kind, &bad)))?;
    put(target, &[record], true, by).await.map_err(|error| flags::explain(kind, error, &[]))?;
    Ok(YES)
}

/// What `notified` records.
const TOLD: &str = "that the Commission was told";

impl Respond {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (noted, by) = (self.what.noted()?, self.what.by.name()?);
        let target = to_change(global).await?;
        change(&target, RecordKind::Notice, &self.id, &by, |record| {
            let notice = notice_of(record)?;
            if self.mitigated {
                put_down(&mut notice.mitigated, &noted, "that it mitigated", self.what.replace)?;
            }
            if self.informed {
                put_down(&mut notice.informed, &noted, "that it informed the Commission", self.what.replace)?;
            }
            Ok(())
        })
        .await
    }
}

impl Notified {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (noted, by) = (self.what.noted()?, self.what.by.name()?);
        let target = to_change(global).await?;
        change(&target, RecordKind::Notice, &self.id, &by, |record| {
            put_down(&mut notice_of(record)?.notified, &noted, TOLD, self.what.replace)
        })
        .await
    }
}

impl OrderNotified {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (noted, by) = (self.what.noted()?, self.what.by.name()?);
        let target = to_change(global).await?;
        let mut found = Providers::of(&target);
        let provider = found.find_to_change(&self.provider).await?;
        let id = format!("{}/{}", self.document.trim(), provider.identity.number_text());
        let status = change(&target, RecordKind::Order, &id, &by, |record| match &mut record.body {
            RecordBody::Order(order) if order.kind != OrderKind::FinalDetermination => bail!(
                "nothing was changed: {} is a {}, which asks for no notice to the Commission",
                order.document,
                order.kind.label()
            ),
            RecordBody::Order(order) => put_down(&mut order.notified, &noted, TOLD, self.what.replace),
            _ => bail!("this record is no order"),
        })
        .await?;
        found.say().await;
        Ok(status)
    }
}

impl ImportCalls {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (calls, by) = (read_calls(&self.file)?, self.by.name()?);
        let target = to_change(global).await?;
        let mut kept = 0;
        let status = change(&target, RecordKind::Notice, &self.id, &by, |record| {
            let notice = notice_of(record)?;
            for call in calls {
                if !notice.calls.contains(&call) {
                    notice.calls.push(call);
                }
            }
            notice.calls.sort_by_key(|call| call.called_at);
            kept = notice.calls.len();
            Ok(())
        })
        .await?;
        say!("{kept} traced {} on record of this notice", if kept == 1 { "call is" } else { "calls are" });
        Ok(status)
    }
}
