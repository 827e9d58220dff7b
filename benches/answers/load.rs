//! h2load, and what it measured.

use std::borrow::Cow;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One kind of load.
pub struct Load {
    pub port: u16,
    pub path: Cow<'static, str>,
    /// The request's body, with the header of its gRPC message.
    pub body: Vec<u8>,
    pub connections: usize,
    pub streams: usize,
    pub way: Way,
}

/// How it goes over the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    Tls,
    /// TLS, with a token in every request.
    TlsWithToken(&'static str),
    /// HTTP/1.1 without a body, its requests one behind the other (pipelined).
    Http1,
}

/// What came of it.
pub struct Measured {
    pub per_second: f64,
    /// When each request began, in microseconds since 1970, and how long it took.
    waits: Vec<(u64, u64)>,
}

pub fn h2load_is_here() -> bool {
    Command::new("h2load").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn now_micros() -> u64 {
    // h2load logs by this clock.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

impl Load {
    fn command(&self, directory: &tempfile::TempDir, log: bool) -> Command {
        let mut command = Command::new("h2load");
        command.args(["-t", "1", "-c", &self.connections.to_string(), "-m", &self.streams.to_string()]);
        if self.way == Way::Http1 {
            command.arg("--h1");
        } else {
            let body = directory.path().join("question");
            std::fs::write(&body, &self.body).expect("written");
            command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]).arg("-d").arg(body);
        }
        if let Way::TlsWithToken(token) = self.way {
            command.args(["-H", &format!("authorization: Bearer {token}")]);
        }
        if log {
            command.arg("--log-file").arg(directory.path().join("log"));
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn url(&self) -> String {
        let scheme = if matches!(self.way, Way::Plain | Way::Http1) { "http" } else { "https" };
        format!("{scheme}://127.0.0.1:{}{}", self.port, self.path)
    }

    /// So many requests.
    pub fn run(&self, requests: usize) -> Measured {
        let directory = tempfile::tempdir().expect("a directory");
        // Writing down each wait costs the loader time: only where there are few.
        let log = self.connections == 1;
        let text = said(self.command(&directory, log).args(["-n", &requests.to_string()]).arg(self.url()));
        let expected = format!("{requests} succeeded");
        assert!(text.contains(&expected), "not all were answered:\n{text}");
        let per_second = text
            .lines()
            .find_map(|line| {
                line.strip_prefix("finished in ")?.split(", ").nth(1)?.strip_suffix(" req/s")?.parse().ok()
            })
            .unwrap_or_else(|| panic!("h2load says no rate:\n{text}"));
        Measured { per_second, waits: if log { read_log(&directory) } else { Vec::new() } }
    }

    /// As many as it can in so many seconds.
    pub fn run_for(&self, seconds: u64) -> Measured {
        let directory = tempfile::tempdir().expect("a directory");
        let text = said(self.command(&directory, true).args(["-D", &seconds.to_string()]).arg(self.url()));
        assert!(text.contains(" 0 failed, 0 errored"), "not all were answered:\n{text}");
        Measured { per_second: 0.0, waits: read_log(&directory) }
    }

    /// For so many seconds, in the midst of which something else is done. Says when that began and ended.
    pub fn run_while(&self, seconds: u64, midst: impl FnOnce()) -> (Measured, (u64, u64)) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = self.command(&directory, true);
        let mut child = command.args(["-D", &seconds.to_string()]).arg(self.url()).spawn().expect("h2load runs");
        std::thread::sleep(Duration::from_millis(seconds * 1000 * 2 / 5));
        let began = now_micros();
        midst();
        let ended = now_micros();
        let mut text = String::new();
        child.stdout.take().expect("its output").read_to_string(&mut text).expect("text");
        assert!(child.wait().expect("it ended").success(), "{text}");
        (Measured { per_second: 0.0, waits: read_log(&directory) }, (began, ended))
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("h2load runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn read_log(directory: &tempfile::TempDir) -> Vec<(u64, u64)> {
    let text = std::fs::read_to_string(directory.path().join("log")).expect("h2load's log");
    let read = |line: &str| {
        let mut cells = line.split('\t');
        let (began, status, took) = (cells.next()?.parse().ok()?, cells.next()?, cells.next()?.trim().parse().ok()?);
        (status == "200").then_some((began, took))
    };
    text.lines().filter_map(read).collect()
}

impl Measured {
    /// The wait that this share of all stayed under, in microseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        of(share, self.waits.iter().map(|(_, took)| *took).collect())
    }

    /// Of the requests that were under way between two times.
    pub fn percentile_between(&self, share: f64, from: u64, to: u64) -> f64 {
        of(
            share,
            self.waits.iter().filter(|(at, took)| at + took >= from && *at <= to).map(|(_, took)| *took).collect(),
        )
    }

    /// Requests a second that ended between two times.
    pub fn rate_between(&self, from: u64, to: u64) -> f64 {
        let ended = self.waits.iter().filter(|(at, took)| (from..to).contains(&(at + took))).count();
        ended as f64 * 1e6 / (to - from) as f64
    }

    /// When the first began, in microseconds since 1970.
    pub fn began(&self) -> u64 {
        self.waits.iter().map(|(at, _)| *at).min().unwrap_or_default()
    }

    /// Of the others.
    pub fn percentile_outside(&self, share: f64, from: u64, to: u64) -> f64 {
        of(share, self.waits.iter().filter(|(at, took)| at + took < from || *at > to).map(|(_, took)| *took).collect())
    }
}

fn of(share: f64, mut waits: Vec<u64>) -> f64 {
    assert!(!waits.is_empty(), "nothing was measured");
    waits.sort_unstable();
    let place = ((waits.len() - 1) as f64 * share) as usize;
    waits[place] as f64
}
