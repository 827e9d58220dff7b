//! A real daemon in a process of its own, on ports and directories of its own.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod canonical;
pub mod clock;
pub mod http;
pub mod indexed;
pub mod real;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rmdd::api::client::{connect_tcp, connect_unix};
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::listing_service_client::ListingServiceClient;
use rmdd::api::grpc::v1::{
    AnswerDetail, CheckProviderRequest, CheckProviderResponse, GetStatusRequest, GetStatusResponse, SyncReport,
    TriggerSyncRequest,
};
use tempfile::TempDir;
use tonic::transport::Channel;

/// Long enough for any machine; nothing waits that long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A client as a switch has one: with no proxy on the way.
pub fn web() -> reqwest::Client {
    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// The command, with nothing of the surrounding environment that could change what it does.
pub fn rmdd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmdd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RMDD_") {
            command.env_remove(name);
        }
    }
    for name in ["STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(name);
    }
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    // Small worlds lose large shares at once: what takes a second copy is not to take a minute.
    command.env("RMDD_VET__CORROBORATE_AFTER", "0s");
    // Made-up listings are as old as they are.
    command.env("RMDD_FRESHNESS__CONTENT_WARN_AFTER", "0s");
    // Daemons of many tests run at once.
    command.env("RMDD_HTTP__LISTEN", "127.0.0.1:0");
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// A directory with a listing in it and room for a store.
pub struct Site {
    pub directory: TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    /// A site whose listing is these bytes.
    pub fn with_listing(bytes: &[u8]) -> Self {
        let site = Self::new();
        site.publish(bytes);
        site
    }

    pub fn listing(&self) -> PathBuf {
        self.directory.path().join("listing.csv")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Puts another listing in the place of the one before, whole.
    pub fn publish(&self, bytes: &[u8]) {
        let beside = self.directory.path().join("listing.new");
        std::fs::write(&beside, bytes).expect("written");
        std::fs::rename(beside, self.listing()).expect("renamed");
    }

    /// Where this site's configuration is.
    pub fn config(&self) -> String {
        self.directory.path().join("rmdd.toml").display().to_string()
    }

    /// Puts these settings in the configuration; returns where it is.
    pub fn configure(&self, settings: &str) -> String {
        std::fs::write(self.config(), settings).expect("written");
        self.config()
    }

    /// Starts a daemon by these settings whose source is this site's listing.
    pub fn start_configured(&self, settings: &str) -> Daemon {
        let (config, source) = (self.configure(settings), self.listing().display().to_string());
        self.start_with(&["--config", &config, "--source", &source])
    }

    /// Makes an empty store, as a first start of the daemon does and no other command.
    pub fn make_store(&self) {
        drop(rmdd::store::Store::open(&self.state_dir()).expect("a store"));
    }

    /// Runs a command on this site's state directory to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        rmdd().arg("--state-dir").arg(self.state_dir()).args(arguments).output().expect("the command runs")
    }

    /// Starts a daemon whose source is this site's listing.
    pub fn start(&self) -> Daemon {
        let source = self.listing().display().to_string();
        self.start_with(&["--source", &source])
    }

    /// Starts a daemon with these arguments.
    pub fn start_with(&self, arguments: &[&str]) -> Daemon {
        let mut command = rmdd();
        command.arg("serve").arg("--state-dir").arg(self.state_dir());
        command.args(["--grpc-listen", "127.0.0.1:0"]).args(arguments);
        Daemon::spawn(command)
    }
}

/// A running daemon. It is killed when dropped.
pub struct Daemon {
    child: Child,
    pub tcp: Option<String>,
    /// Where it answers over HTTP.
    pub http: Option<String>,
    /// Where else the administration is.
    pub administration: Option<String>,
    pub socket: PathBuf,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Daemon {
    /// Starts the command and waits until it says where it listens.
    pub fn spawn(command: Command) -> Self {
        Self::try_spawn(command).unwrap_or_else(|log| panic!("the daemon did not start:\n{log}"))
    }

    /// Starts the command and waits until it says where it listens. If it ends before, what it logged is the error.
    pub fn try_spawn(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the daemon starts");
        let mut stderr = child.stderr.take().expect("its log");
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            let _ = stderr.read_to_string(&mut log);
            log
        });
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let (mut tcp, mut http, mut administration) = (None, None, None);
        let socket = loop {
            let Some(Ok(line)) = lines.next() else {
                let status = child.wait().expect("it ended");
                return Err(format!("it ended with {status}:\n{}", log.join().expect("its log")));
            };
            let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(' ').next());
            match address {
                Some(address) if line.contains("administration") => {
                    break PathBuf::from(address.strip_prefix("unix:").expect("a Unix socket"));
                }
                Some(address) if line.contains("by rights") => {
                    let scheme = if line.contains("over TLS") { "https" } else { "http" };
                    administration = Some(format!("{scheme}://{address}"));
                }
                Some(address) => {
                    let scheme = if line.contains("over TLS") { "https" } else { "http" };
                    let place = if line.contains("(HTTP") { &mut http } else { &mut tcp };
                    *place = Some(format!("{scheme}://{address}"));
                }
                None => panic!("unexpected output: {line}"),
            }
        };
        Ok(Self { child, tcp, http, administration, socket, log: Some(log) })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A channel to the Unix socket.
    pub async fn unix(&self) -> Channel {
        connect_unix(&self.socket).await.expect("the Unix socket answers")
    }

    /// A channel to the TCP listener.
    pub async fn tcp(&self) -> Channel {
        connect_tcp(self.tcp.as_deref().expect("a TCP listener")).await.expect("the TCP listener answers")
    }

    pub async fn acceptance(&self) -> AcceptanceServiceClient<Channel> {
        AcceptanceServiceClient::new(self.tcp().await)
    }

    pub async fn listing(&self) -> ListingServiceClient<Channel> {
        ListingServiceClient::new(self.tcp().await)
    }

    pub async fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.unix().await)
    }

    pub async fn status(&self) -> GetStatusResponse {
        self.admin().await.get_status(GetStatusRequest {}).await.expect("a status").into_inner()
    }

    /// Runs a cycle and returns its outcome.
    pub async fn sync(&self) -> SyncReport {
        let answer = self.admin().await.trigger_sync(TriggerSyncRequest {}).await.expect("an outcome");
        answer.into_inner().sync.expect("a report")
    }

    /// Waits until the first cycle of this start is over.
    pub async fn first_sync(&self) -> SyncReport {
        eventually("the first sync ends", || async {
            let status = self.status().await;
            let started = status.started_at.expect("it runs");
            status.last_sync.filter(|sync| {
                let at = sync.at.expect("a time");
                (at.seconds, at.nanos) >= (started.seconds, started.nanos)
            })
        })
        .await
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits for the end; returns the exit status and the log.
    pub async fn wait(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                let log = self.log.take().expect("not yet read").join().expect("its log");
                return (status, log);
            }
            assert!(Instant::now() < deadline, "the daemon does not end");
            // Not blocking: a client's connection ends in a task of the test's own runtime.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn terminate(self) -> (ExitStatus, String) {
        self.signal("-TERM");
        self.wait().await
    }

    /// As a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer, within bounds.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A question that names nobody yet and wants to be told all.
pub fn everything() -> CheckProviderRequest {
    CheckProviderRequest { detail: AnswerDetail::Full.into(), ..CheckProviderRequest::default() }
}

/// A question by FRN.
pub fn by_frn(frn: &str) -> CheckProviderRequest {
    CheckProviderRequest { identity: Some(Identity::Frn(frn.to_owned())), ..everything() }
}

/// A question by RMD number.
pub fn by_number(number: &str) -> CheckProviderRequest {
    CheckProviderRequest { identity: Some(Identity::RmdNumber(number.to_owned())), ..everything() }
}

/// Asks and expects a verdict.
pub async fn ask(
    client: &mut AcceptanceServiceClient<Channel>,
    request: CheckProviderRequest,
) -> CheckProviderResponse {
    client.check_provider(request).await.expect("a verdict").into_inner()
}

/// The times of a removal, comparable.
pub fn times(answer: &CheckProviderResponse) -> Option<((i64, i32), (i64, i32))> {
    let pair = |at: &prost_types::Timestamp| (at.seconds, at.nanos);
    Some((pair(answer.last_seen_at.as_ref()?), pair(answer.first_missing_at.as_ref()?)))
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A command's exit status.
pub fn status_of(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

/// Standard output as one JSON object.
pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The decisions in a decision log, without the lines that say which are logged.
pub fn decisions(log: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"));
    lines.filter(|line| line.get("log").is_none()).collect()
}

/// The time now.
#[expect(clippy::disallowed_methods, reason = "tests are told the time by nobody else")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A moment as HTTP writes it.
pub fn http_date(at: jiff::Timestamp) -> String {
    let since = Duration::from_secs(u64::try_from(at.as_second()).expect("after 1970"));
    httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + since)
}

/// Whether a path exists, for assertions on what a run left behind.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
