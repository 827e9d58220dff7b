//! `rmdd backup`, `rmdd verify` and `rmdd compact`

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::output::{New, Output};
use super::own_files::OwnFiles;
use super::screen::progress::Progress;
use super::target::{Access, Target};
use super::text::say;
use super::{Global, NO, YES, here, text};
use crate::api::grpc::v1::{CompactRequest, VerifyRequest, VerifyResponse};
use crate::api::grpc::verified_to_wire;
use crate::daemon::config::Overrides;
use crate::domain::visible;
use crate::store::{StoreError, verify_closed};

#[derive(Debug, Args)]
pub struct Backup {
    /// Where the copy goes. To restore it, stop the daemon and copy it to rmdd.redb in the state directory.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Overwrite a file that is there.
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let path = &self.file;
        let exists =
            || anyhow::anyhow!("{} exists already: name another file, or overwrite it with --force", path.display());
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => anyhow::Error::new(error).context(format!("{} cannot be written", path.display())),
        };
        let loaded = global.settings(Overrides::new())?;
        let own = OwnFiles::of(&loaded);
        // Before --force is named: it is of no use there.
        own.spare(path).map_err(failed)?;
        if !self.force && path.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let target = Target::find(global, &loaded, Access::Read).await?;
        // Operators' records are in it.
        let mut file = Output::open(path, New { mode: 0o600, over: self.force }, &own).map_err(failed)?;
        let size = receive(&target, (path, &mut file), &Progress::of("preparing a copy of the store")).await?;
        file.finish().map_err(failed)?;
        say!("{}  {} in {}", text::good("BACKED UP"), text::bytes(size), path.display());
        Ok(YES)
    }
}

async fn receive(target: &Target, (path, file): (&Path, &mut Output), progress: &Progress) -> anyhow::Result<u64> {
    let mut pieces = target.backup().await?;
    let (mut expected, mut size) = (None, 0);
    let mut hasher = Sha256::new();
    while let Some(piece) = pieces.next().await? {
        expected = expected.or(Some(piece.size));
        size += piece.chunk.len() as u64;
        progress.bytes("copying", size, expected);
        hasher.update(&piece.chunk);
        file.write_all(&piece.chunk).with_context(|| format!("{} cannot be written", path.display()))?;
        if !piece.sha256.is_empty() {
            if hasher.finalize().as_slice() != piece.sha256 || expected != Some(size) {
                bail!("what came is not what was sent: try again");
            }
            return Ok(size);
        }
    }
    bail!("the copy broke off after {}: try again", text::bytes(size))
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What is said while it lasts.
const CHECKING: &str = "checking the store, the journal and the archive";

/// What a check found.
#[derive(Debug, Serialize)]
struct Report<'a> {
    ok: bool,
    faults: &'a [String],
    snapshots: u64,
    changes: u64,
    removals: u64,
    records: u64,
    record_events: u64,
    journal_events: u64,
    archived_listings: u64,
}

impl Verify {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        let verified = match Target::find(global, &loaded, Access::Read).await {
            Ok(target) => {
                let _progress = Progress::of(CHECKING);
                target.verify(VerifyRequest {}).await?
            }
            // It cannot be opened: what is wrong with it is just what is asked for.
            Err(error) if damaged(&error) => {
                let state_dir = here::state_dir(&loaded)?;
                let _progress = Progress::of(CHECKING);
                let closed = tokio::task::spawn_blocking(move || verify_closed(&state_dir)).await?;
                let mut verified = match closed {
                    Ok(verified) => verified_to_wire(verified),
                    Err(StoreError::Damaged { detail, .. }) => {
                        VerifyResponse { faults: vec![detail], ..VerifyResponse::default() }
                    }
                    Err(error) => return Err(error.into()),
                };
                if verified.faults.is_empty() {
                    verified.faults.push(error.to_string());
                }
                verified
            }
            Err(error) => return Err(error),
        };
        let ok = verified.faults.is_empty();
        if self.json {
            let VerifyResponse {
                faults,
                snapshots,
                changes,
                removals,
                records,
                record_events,
                journal_events,
                archived_listings,
            } = &verified;
            let report = Report {
                ok,
                faults,
                snapshots: *snapshots,
                changes: *changes,
                removals: *removals,
                records: *records,
                record_events: *record_events,
                journal_events: *journal_events,
                archived_listings: *archived_listings,
            };
            text::whole!("{}", visible::to_json(&report)?);
        } else {
            print(&verified);
        }
        Ok(if ok { YES } else { NO })
    }
}

fn damaged(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Damaged { .. } | StoreError::Codec(_) | StoreError::Redb(_)))
}

fn print(verified: &VerifyResponse) {
    if verified.faults.is_empty() {
        say!("{}  the store holds what was put into it", text::good("GOOD"));
    } else {
        say!("{}  the store does not hold what was put into it", text::bad("DAMAGED"));
        for fault in &verified.faults {
            say!("  {} {}", text::bad("!"), text::one_line(fault));
        }
        say!(
            "  do: stop the daemon and start it with `rmdd serve --rebuild`: it keeps a damaged store aside and begins again \
             from the archive and the journal of records; or copy the last backup to its place. A journal is mended from \
             the store at the next start, and so is what is told of how archived listings came to be applied; a listing of the archive that is still in use is put there again by the next \
             sync."
        );
        say!();
    }
    text::fact("snapshots", format!("{} reached, with their digests", text::count(verified.snapshots)));
    text::fact("changes", text::count(verified.changes));
    text::fact("removals", text::count(verified.removals));
    let (events, journaled) = (text::count(verified.record_events), text::count(verified.journal_events));
    text::fact("records", format!("{}, {events} events, {journaled} in the journal", text::count(verified.records)));
    text::fact("archive", format!("{} listings", text::count(verified.archived_listings)));
}

#[derive(Debug, Args)]
pub struct Compact {}

impl Compact {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Maintain).await?;
        let progress = Progress::of("compacting the store");
        let answer = target.compact(CompactRequest {}).await?;
        drop(progress);
        say!(
            "{}  from {} to {}",
            text::good("COMPACTED"),
            text::bytes(answer.bytes_before),
            text::bytes(answer.bytes_after)
        );
        Ok(YES)
    }
}
