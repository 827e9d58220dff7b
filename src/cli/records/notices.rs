//! What comes after a notice or an order: responses, notification, traced calls, the summary for the Commission.

use std::path::PathBuf;

use anyhow::bail;
use clap::{ArgGroup, Args};

use super::super::target::Target;
use super::super::text;
use super::import::read_calls;
use super::{By, Global, YES, one, put, say, to_change, to_read};
use crate::clock;
use crate::domain::{Identity, Noted, Notice, Order, Record, RecordBody, RecordKind, Who, rule};
use crate::grpc::v1::{Filing, GetProviderRequest};
use crate::records::fields::read_past;
use crate::records::{Provider, summary};
use crate::times::moment_written_out;

/// When something happened, and what it was.
#[derive(Debug, Args)]
struct What {
    /// When it happened: a time with its zone (2023-01-26 09:00 ET), a day (to its end, Eastern time) or how long ago (2h)
    /// [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment_written_out)]
    at: Option<String>,
    /// What it was, or where it is written down.
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    by: By,
}

impl What {
    fn noted(&self) -> anyhow::Result<Noted> {
        let now = clock::now();
        let at = match &self.at {
            None => now,
            Some(text) => {
                read_past(text, now).map_err(|problem| anyhow::anyhow!("nothing was changed: --at: {problem}"))?
            }
        };
        Ok(Noted { at, note: self.note.trim().to_owned() })
    }
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
    /// The provider: an FRN or an RMD number.
    #[arg(value_name = "WHO")]
    provider: Identity,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, Args)]
pub struct ImportCalls {
    /// The notice.
    #[arg(value_name = "ID")]
    id: String,
    /// The calls: CSV with columns called_at, notified_at, caller, called, campaign, violation; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The notice.
    #[arg(value_name = "ID")]
    id: String,
    /// Who sends it: your provider's name, FRN and contact [default: a line to be filled in].
    #[arg(long, value_name = "TEXT")]
    from: Option<String>,
}

fn notice_of(record: &mut Record) -> anyhow::Result<&mut Notice> {
    match &mut record.body {
        RecordBody::Notice(notice) => Ok(notice),
        _ => bail!("this record is no notice"),
    }
}

/// Changes one record: the one that was read, and no other that came meanwhile.
async fn change(
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
    record.check(clock::now()).map_err(|bad| anyhow::anyhow!("nothing was changed: {bad}"))?;
    put(target, &[record], true, by).await?;
    Ok(YES)
}

impl Respond {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (noted, by) = (self.what.noted()?, self.what.by.name()?);
        let target = to_change(global).await?;
        change(&target, RecordKind::Notice, &self.id, &by, |record| {
            let notice = notice_of(record)?;
            if self.mitigated {
                notice.mitigated = Some(noted.clone());
            }
            if self.informed {
                notice.informed = Some(noted);
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
            notice_of(record)?.notified = Some(noted);
            Ok(())
        })
        .await
    }
}

impl OrderNotified {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (noted, by) = (self.what.noted()?, self.what.by.name()?);
        let target = to_change(global).await?;
        let id = format!("{}/{}", self.document.trim(), self.provider.number_text());
        change(&target, RecordKind::Order, &id, &by, |record| match &mut record.body {
            RecordBody::Order(Order { notified, .. }) => {
                *notified = Some(noted);
                Ok(())
            }
            _ => bail!("this record is no order"),
        })
        .await
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
        say!("{kept} traced calls are on record of this notice");
        Ok(status)
    }
}

impl Report {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = to_read(global).await?;
        let mut record = one(&target, RecordKind::Notice, &self.id).await?;
        let provider = provider(&target, record.provider).await?;
        let notice = notice_of(&mut record)?.clone();
        let now = clock::now();
        if !notice.is_overdue(now) {
            anstream::eprintln!(
                "{}: no deadline of this notice has passed without an answer on record, so {} gives no ground to block",
                text::doubtful("mind"),
                rule::NOTICE
            );
        }
        let summary = summary(&record, &notice, &provider, self.from.as_deref(), now);
        text::write(summary.as_bytes())?;
        Ok(YES)
    }
}

/// What the database says of the provider, in words.
async fn provider(target: &Target, identity: Identity) -> anyhow::Result<Provider> {
    let request = GetProviderRequest { identity: Some(Who::from(identity).into()), ..GetProviderRequest::default() };
    let known = target.get_provider(request).await?;
    let standing: Vec<&Filing> = known.filings.iter().collect();
    let removed = || known.removals.iter().find(|removal| removal.reinstated_at.is_none());
    let name = |filing: &Filing| text::one_line(&filing.business_name);
    Ok(match (standing.as_slice(), removed().and_then(|removal| Some((removal, removal.filing.as_ref()?)))) {
        ([], None) => Provider {
            business_name: String::new(),
            standing: "No filing of it is known in the Robocall Mitigation Database.".to_owned(),
        },
        ([], Some((removal, filing))) => Provider {
            business_name: name(filing),
            standing: format!(
                "Its filing {} is no longer in the Robocall Mitigation Database (first missing {}).",
                filing.number,
                text::time(removal.first_missing_at.as_ref())
            ),
        },
        (standing @ [first, ..], _) => Provider {
            business_name: name(first),
            standing: format!(
                "In the Robocall Mitigation Database it stands under {}.",
                standing.iter().map(|filing| filing.number.as_str()).collect::<Vec<_>>().join(", ")
            ),
        },
    })
}
