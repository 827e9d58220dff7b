//! `rmdd top`: what is decided just now, on a screen of its own.

mod draw;
mod history;
mod json;
mod terminal;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use self::history::History;
use self::terminal::{Key, Screen};
use super::connect::{Link, speaks_no_grpc};
use super::target::{Access, Target};
use super::{Global, YES, text};
use crate::api::grpc::v1::admin_service_client::AdminServiceClient;
use crate::api::grpc::v1::{WatchDecisionsRequest, WatchDecisionsResponse};
use crate::daemon::config::Overrides;

/// So many seconds are asked for at the start, and kept.
const SECONDS: u32 = 300;

/// A daemon says something each second. One that is silent for so long is gone, though nobody said so.
const SILENT_FOR: Duration = Duration::from_secs(10);

/// So long it is waited before a daemon that went away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub struct Top {
    /// Print one JSON object a line for each second, from now on.
    #[arg(long)]
    json: bool,
}

impl Top {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let loaded = global.settings(Overrides::new())?;
        // Only the administration tells what is decided: a listener for queries is no help.
        let otherwise = "what is decided is seen of a daemon, and none runs here: start one with `rmdd serve`, name one with \
                         --connect, or read what was decided with `rmdd decisions`";
        let (target, channel, at) = Target::daemon(global, &loaded, Access::Maintain, otherwise).await?;
        if self.json {
            return follow_as_json(&target, &channel).await;
        }
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            bail!("standard output or input is no terminal: for a pipe there is --json, a JSON object a second");
        }
        if is_dumb() {
            bail!(
                "this terminal can only show one line after the other (TERM): there is --json, a JSON object a second"
            );
        }
        on_screen(&target, &channel, &at).await
    }
}

/// Whether the terminal cannot be drawn on.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

async fn watch(channel: &Link, history_seconds: u32) -> Result<tonic::Streaming<WatchDecisionsResponse>, Status> {
    let request = WatchDecisionsRequest { history_seconds };
    let mut client = AdminServiceClient::new(channel.clone());
    match timeout(SILENT_FOR, client.watch_decisions(request)).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(silent()),
    }
}

fn silent() -> Status {
    Status::unavailable(format!("nothing was heard for {SILENT_FOR:?}"))
}

/// The next frame; why there is none.
async fn next(coming: &mut tonic::Streaming<WatchDecisionsResponse>) -> Result<WatchDecisionsResponse, Status> {
    match timeout(SILENT_FOR, coming.message()).await {
        Ok(Ok(Some(frame))) => Ok(frame),
        Ok(Ok(None)) => Err(Status::unavailable("the daemon ended the stream")),
        Ok(Err(status)) => Err(status),
        Err(_) => Err(silent()),
    }
}

/// Whether coming again would bring the same answer.
fn is_final(status: &Status) -> bool {
    speaks_no_grpc(status)
        || matches!(
            status.code(),
            Code::InvalidArgument
                | Code::Unimplemented
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
        )
}

async fn follow_as_json(target: &Target, channel: &Link) -> anyhow::Result<u8> {
    let mut coming = watch(channel, 0).await.map_err(|status| target.explain(&status))?;
    loop {
        let frame = next(&mut coming).await.map_err(|status| target.explain(&status))?;
        let mut line = json::line(&frame)?;
        line.push('\n');
        text::write(line.as_bytes())?;
        text::flush()?;
    }
}

/// Draws each second until a key or a signal ends it. What went wrong is said once the terminal is as it was.
async fn on_screen(target: &Target, channel: &Link, at: &str) -> anyhow::Result<u8> {
    let mut screen = Screen::open()?;
    let mut history = History::new(SECONDS as usize, at);
    let mut signals = terminal::Signals::catch()?;
    loop {
        let end = tokio::select! {
            end = follow(channel, &mut history, &mut screen) => end,
            signal = signals.next() => End::Signal(signal),
        };
        let status = match end {
            End::Key => return Ok(YES),
            End::Signal(signal) => {
                drop(screen);
                return Ok(signal);
            }
            End::Screen(error) => return Err(error.into()),
            End::Daemon(status) => status,
        };
        if is_final(&status) || history.is_empty() {
            drop(screen);
            return Err(target.explain(&status));
        }
        history.lost(&target.explain(&status).to_string());
        screen.draw(|frame| draw::all(frame, &history))?;
        tokio::select! {
            () = sleep(PAUSE) => {}
            key = screen.key() => if key == Some(Key::Quit) { return Ok(YES) },
            signal = signals.next() => { drop(screen); return Ok(signal) }
        }
    }
}

/// Why it goes no further.
enum End {
    /// Somebody has seen enough.
    Key,
    /// A signal, with the exit status that it asks for.
    Signal(u8),
    /// The screen cannot be drawn on.
    Screen(std::io::Error),
    /// The daemon said so, or went away.
    Daemon(Status),
}

async fn follow(channel: &Link, history: &mut History, screen: &mut Screen) -> End {
    let mut coming = match watch(channel, SECONDS).await {
        Ok(coming) => coming,
        Err(status) => return End::Daemon(status),
    };
    let mut is_first = true;
    loop {
        tokio::select! {
            frame = next(&mut coming) => match frame {
                Ok(frame) => {
                    if std::mem::take(&mut is_first) {
                        history.begin();
                    }
                    // Those of the past come at once: only the newest is worth a drawing.
                    if !history.add(frame) {
                        continue;
                    }
                }
                Err(status) => return End::Daemon(status),
            },
            key = screen.key() => match key {
                Some(Key::Quit) => return End::Key,
                Some(Key::Pause) => history.pause(),
                Some(Key::Redraw) => {}
                None => return End::Screen(std::io::Error::other("the terminal is gone")),
            },
        }
        if let Err(error) = screen.draw(|frame| draw::all(frame, history)) {
            return End::Screen(error);
        }
    }
}
