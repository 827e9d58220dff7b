//! A program on this machine: an argument list and no shell, the event on standard input, a clean environment, a limit of
//! time, and its whole process group killed behind it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

use super::{Failure, Outgoing};
use crate::alerts::safe::excerpt;
use crate::alerts::secrets::Secrets;

/// So much of what it says is read, in bytes.
const MOST_READ: u64 = 64 << 10;

/// So long what it has said is waited for behind its end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A program to be run for each event.
#[derive(Debug, Clone)]
pub struct Command {
    /// Its file.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// So long it may run.
    pub timeout: Duration,
    /// What nothing may show that it says: its arguments may hold a key.
    pub secrets: Secrets,
}

/// The processes of a program, killed when it is over, also where nobody waits for it any more.
struct Group(Option<i32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // None is left, most likely.
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

impl Command {
    /// Runs it for each event. Returns what it said.
    ///
    /// # Errors
    ///
    /// If it cannot be started, does not end in time, or ends with another status than 0.
    pub async fn run(&self, outgoing: &Outgoing) -> Result<String, Failure> {
        let mut said = String::new();
        for event in &*outgoing.events {
            said = self.run_once(event.body.as_bytes()).await?;
        }
        Ok(said)
    }

    async fn run_once(&self, input: &[u8]) -> Result<String, Failure> {
        let program = self.program.display();
        let mut process = Process::new(&self.program);
        process.args(&self.arguments).env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").current_dir("/");
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let child = process.spawn().map_err(|error| Failure::again(format!("{program} cannot be started: {error}")))?;
        let _group = Group(child.id().and_then(|id| i32::try_from(id).ok()));
        match tokio::time::timeout(self.timeout, ended(child, input, &self.secrets)).await {
            Err(_) => Err(Failure::again(format!("{program} did not end within {:?} and was killed", self.timeout))),
            Ok(Err(error)) => Err(Failure::again(format!("{program}: {error}"))),
            Ok(Ok((status, said))) if status.success() => Ok(format!("{status}: {said}")),
            Ok(Ok((status, said))) => Err(Failure::again(format!("{program} ended with {status}: {said}"))),
        }
    }
}

/// Gives it its input and waits for its end.
async fn ended(
    mut child: Child,
    input: &[u8],
    secrets: &Secrets,
) -> std::io::Result<(std::process::ExitStatus, String)> {
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(stdin) = &mut stdin {
            // A program need not read what it is given.
            let _ = stdin.write_all(input).await;
        }
        drop(stdin.take());
    };
    let ended_with;
    let mut said = (Vec::new(), Vec::new());
    let listen = async {
        if let (Some(stdout), Some(stderr)) = (stdout, stderr) {
            let (mut stdout, mut stderr) = (stdout.take(MOST_READ), stderr.take(MOST_READ));
            let read = tokio::join!(stdout.read_to_end(&mut said.0), stderr.read_to_end(&mut said.1));
            let _ = read;
        }
    };
    {
        let waited = async { tokio::join!(give, child.wait()).1 };
        tokio::pin!(waited, listen);
        // One that it has started may hold its output open for longer than it lives: its own end is what counts.
        let status = tokio::select! {
            status = &mut waited => {
                let _ = tokio::time::timeout(LAST_WORDS, &mut listen).await;
                status
            }
            () = &mut listen => waited.await,
        };
        ended_with = status?;
    }
    let said = if said.1.is_empty() { said.0 } else { said.1 };
    Ok((ended_with, excerpt(&said, secrets)))
}
