//! `rmdd export`

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::output::{New, Output};
use super::own_files::OwnFiles;
use super::screen::progress::Progress;
use super::target::{Access, Target};
use super::{Global, YES, text};
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{ExportFormat, ExportListingRequest, SnapshotRef};
use crate::api::times::moment;
use crate::daemon::config::Overrides;

#[derive(Debug, Args)]
pub struct Export {
    /// The listing as it was known at a moment: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: its end,
    /// Eastern time) or an age (7d, 36h) [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// csv, which is the same to the byte whenever it is written, or jsonl: one JSON object a line.
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: Format,
    /// Write it there, whole or not at all; to a device or a pipe as it comes [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

impl Export {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        let target = Target::find(global, &loaded, Access::Read).await?;
        let mut request = ExportListingRequest { at: self.at.map(time_to_wire), ..ExportListingRequest::default() };
        request.set_format(match self.format {
            Format::Csv => ExportFormat::Csv,
            Format::Jsonl => ExportFormat::Jsonl,
        });
        match &self.output {
            None => {
                let (snapshot, at) = copy(&target, request, |bytes| Ok(text::write(bytes)?)).await?;
                if let Some(then) = text::as_of(at.as_ref()) {
                    text::aside(format_args!(
                        "Written {then}: snapshot {}",
                        text::snapshot_at(Some(&snapshot), at.as_ref())
                    ));
                }
            }
            Some(path) => {
                let cannot = || format!("{} cannot be written", path.display());
                // The listing is public.
                let new = New { mode: 0o644, over: true };
                let mut file = Output::open(path, new, &OwnFiles::of(&loaded)).with_context(cannot)?;
                let (progress, mut size) = (Progress::of("writing the listing"), 0);
                let written = copy(&target, request, |bytes| {
                    size += bytes.len() as u64;
                    progress.bytes("writing the listing", size, None);
                    Ok(file.write_all(bytes)?)
                });
                let written = written.await;
                drop(progress);
                let (snapshot, at) = written.with_context(cannot)?;
                file.finish().with_context(cannot)?;
                text::aside(format_args!(
                    "Written to {}{}: snapshot {}",
                    path.display(),
                    text::as_of(at.as_ref()).map(|then| format!(" {then}")).unwrap_or_default(),
                    text::snapshot_at(Some(&snapshot), at.as_ref())
                ));
            }
        }
        Ok(YES)
    }
}

/// Copies an export to its place, and checks that it is what the snapshot says. With the snapshot comes the moment of
/// which it tells, if not of now.
async fn copy(
    target: &Target,
    request: ExportListingRequest,
    mut write: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<(SnapshotRef, Option<prost_types::Timestamp>)> {
    let csv = request.format() == ExportFormat::Csv;
    let mut pieces = target.export_listing(request).await?;
    let (mut snapshot, mut at) = (None, None);
    let mut hasher = Sha256::new();
    while let Some(piece) = pieces.next().await? {
        snapshot = snapshot.or(piece.snapshot);
        at = at.or(piece.at);
        hasher.update(&piece.chunk);
        write(&piece.chunk)?;
    }
    let snapshot = snapshot.context("the answer does not say which listing it is")?;
    if csv && hasher.finalize().as_slice() != snapshot.listing_sha256 {
        bail!("what came is not the listing of snapshot {}: it broke off, most likely; try again", snapshot.serial);
    }
    Ok((snapshot, at))
}
