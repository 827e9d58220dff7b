//! `rmdd watch`

use std::io::{ErrorKind, Write};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use super::connect::{Link, speaks_no_grpc};
use super::probe::probe;
use super::show::change_line;
use super::target::{Access, MAX_ANSWER_BYTES, Target};
use super::{Global, YES, text};
use crate::api::grpc::v1::listing_service_client::ListingServiceClient;
use crate::api::grpc::v1::watch_changes_request::Start;
use crate::api::grpc::v1::watch_changes_response::Event;
use crate::api::grpc::v1::{Change, SnapshotRef, WatchChangesRequest};
use crate::api::json;
use crate::daemon::config::Overrides;
use crate::domain::visible;

/// The pauses between attempts to reach a daemon that went away: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A daemon says something every 30 seconds. One that is silent for so long is gone, though nobody said so.
const SILENT_FOR: Duration = Duration::from_secs(90);

#[derive(Debug, Args)]
pub struct Watch {
    /// Also the changes of this serial and higher that are known already, first; 1 for all that are kept [default: only
    /// what is still to come].
    #[arg(long, value_name = "SERIAL", value_parser = text::number::<u64>)]
    from: Option<u64>,
    /// Print one JSON object a line for each change.
    #[arg(long)]
    json: bool,
}

/// How far it has come.
struct Progress {
    /// The last change that was printed, or behind which it began; nothing until the daemon has said anything.
    behind: Option<u64>,
    /// The snapshot of the newest checkpoint.
    known: Option<SnapshotRef>,
    json: bool,
}

/// Why a stream of changes ended.
enum End {
    /// Whoever reads what is printed has seen enough.
    NoReader,
    /// The daemon said so, or went away.
    Status(Status),
}

impl Watch {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        let otherwise = "watching needs a daemon, and none runs here: start one with `rmdd serve`, name one with --connect, or \
                         read what the store holds with `rmdd history`";
        let (target, channel, at) = Target::daemon(global, &loaded, Access::Read, otherwise).await?;
        let mut progress = Progress { behind: None, known: None, json: self.json };
        let begin = self.from.map_or(Start::FromNow(true), |from| Start::AfterSerial(from.saturating_sub(1)));
        let (mut pause, mut said) = (FIRST_PAUSE, None);
        loop {
            let before = progress.behind;
            let start = before.map_or_else(|| begin, Start::AfterSerial);
            let status = match progress.follow(&channel, start, &at, &mut said).await? {
                End::NoReader => return Ok(YES),
                End::Status(status) if is_final(&status) => return Err(target.explain(&status)),
                // Nothing was heard of it yet, so it did not go away: it may never have been a daemon.
                End::Status(status) if progress.behind.is_none() && probe(&at).is_some() => {
                    return Err(target.explain(&status));
                }
                End::Status(status) => status,
            };
            if progress.behind != before {
                pause = FIRST_PAUSE;
            }
            let why = why(&status);
            if said.as_ref() != Some(&why) {
                text::aside(format_args!("{at}: {why}; trying again until it can be watched."));
                said = Some(why);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Progress {
    /// Prints what comes until no more comes.
    async fn follow(
        &mut self,
        channel: &Link,
        start: Start,
        at: &str,
        said: &mut Option<String>,
    ) -> anyhow::Result<End> {
        let silent = || End::Status(Status::unavailable(format!("nothing was heard for {SILENT_FOR:?}")));
        let request = WatchChangesRequest { start: Some(start), known: self.known.clone() };
        let mut client = ListingServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        let mut coming = match timeout(SILENT_FOR, client.watch_changes(request)).await {
            Ok(Ok(coming)) => coming.into_inner(),
            Ok(Err(status)) => return Ok(End::Status(status)),
            Err(_) => return Ok(silent()),
        };
        let mut begun = false;
        loop {
            let next = match timeout(SILENT_FOR, coming.message()).await {
                Ok(Ok(Some(next))) => next,
                Ok(Ok(None)) => return Ok(End::Status(Status::unavailable("the daemon ended the stream"))),
                Ok(Err(status)) => return Ok(End::Status(status)),
                Err(_) => return Ok(silent()),
            };
            if !std::mem::replace(&mut begun, true) {
                let behind = match (self.behind, &next.event) {
                    (Some(behind), _) => behind,
                    (None, Some(Event::Checkpoint(checkpoint))) => checkpoint.last_serial,
                    (None, Some(Event::Change(change))) => change.serial.saturating_sub(1),
                    (None, None) => 0,
                };
                text::aside(format_args!("Watching {at} behind change {behind}."));
                *said = None;
            }
            match next.event {
                Some(Event::Change(change)) => {
                    if !self.print(&change)? {
                        return Ok(End::NoReader);
                    }
                    self.behind = Some(change.serial);
                }
                Some(Event::Checkpoint(checkpoint)) => {
                    self.behind = Some(checkpoint.last_serial);
                    self.known = checkpoint.snapshot;
                }
                None => {}
            }
        }
    }

    /// Prints a change; false if nobody reads any more.
    fn print(&self, change: &Change) -> anyhow::Result<bool> {
        let line = if self.json {
            visible::to_json(&json::Change::from(change))?
        } else {
            let columns: Vec<&str> = change.fields.iter().map(|field| field.column.as_str()).collect();
            format!("{}  {}", change_line(change), columns.join(", ")).trim_end().to_owned()
        };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true).context("the change could not be printed"),
        }
    }
}

/// Whether coming again would bring the same answer.
fn is_final(status: &Status) -> bool {
    speaks_no_grpc(status)
        || matches!(
            status.code(),
            Code::OutOfRange
                | Code::InvalidArgument
                | Code::Unimplemented
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
        )
}

fn why(status: &Status) -> String {
    if std::error::Error::source(status).is_some() || status.message().is_empty() {
        return "the daemon went away".to_owned();
    }
    status.message().to_owned()
}
