//! The daemon in a process of its own, with a listing of real size.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use prost::Message;
use rmdd::api::client::{connect_tcp, connect_unix};
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::check_stream_response::Outcome;
use rmdd::api::grpc::v1::{
    ApproveListingRequest, CheckProviderRequest, CheckProvidersRequest, CheckStreamRequest, GetStatusRequest,
    ProviderRole, SyncOutcome, TriggerSyncRequest, Verdict,
};
use rmdd::listing::parse::parse;
use rmdd_testkit::{Step, World};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::ReceiverStream;

/// So many questions of a stream are open at a time.
const IN_FLIGHT: usize = 256;

/// A listing, and the same without a tenth of its filings.
pub fn listings() -> (Vec<u8>, Vec<u8>) {
    if let Some(path) = std::env::var_os("RMDD_BENCH_LISTING") {
        let listing = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let parsed = parse(&listing).expect("a listing");
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(listing.as_slice());
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_byte_record(reader.byte_headers().expect("a header")).expect("written");
        for (place, record) in reader.byte_records().enumerate() {
            if place % 10 != 3 {
                writer.write_byte_record(&record.expect("a record")).expect("written");
            }
        }
        println!("{} filings in {}", parsed.filings.len(), path.to_string_lossy());
        return (listing, writer.into_inner().expect("bytes"));
    }
    let mut world = World::new(1, 10_000);
    let listing = world.to_csv();
    world.advance(Step { list: 0, amend: 0, remove: 1_000, reinstate: 0 });
    (listing, world.to_csv())
}

pub struct Daemon {
    child: Child,
    directory: TempDir,
    runtime: Runtime,
    pub port: u16,
    pub http_port: u16,
    frns: Vec<String>,
}

/// This tree's program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_rmdd");

/// The token of a client of a daemon that asks for one.
pub const TOKEN: &str = "a-token-of-the-benchmark-0123456789";

/// The program, without the variables that are meant for this benchmark: to it they would be unknown settings.
fn program_alone(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RMDD_")) {
        command.env_remove(name);
    }
    command
}

/// A certificate and a file of tokens, and the configuration that names them.
fn secured(directory: &Path) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let write = |name: &str, content: &str| {
        let path = directory.join(name);
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode set");
        path
    };
    let certificate = write("cert.pem", &made.cert.pem());
    let key = write("key.pem", &made.signing_key.serialize_pem());
    let tokens =
        write("tokens.toml", &format!("[[token]]\nname = \"bench\"\nright = \"query\"\ntoken = \"{TOKEN}\"\n"));
    write(
        "rmdd.toml",
        &format!(
            "[grpc.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\n[http.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\n\
             [access]\ntokens_file = {tokens:?}\n"
        ),
    )
}

impl Daemon {
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), None, Path::new(PROGRAM))
    }

    /// Another build of the program.
    pub fn start_other(program: &Path) -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), None, program)
    }

    /// One that speaks TLS, and knows a token.
    pub fn start_secured() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = secured(directory.path());
        Self::start_in(directory, Some(&config), Path::new(PROGRAM))
    }

    /// One with these settings and so many peers.
    pub fn start_with_peers(settings: &str, peers: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("rmdd.toml");
        std::fs::write(&config, settings).expect("written");
        let daemon = Self::start_in(directory, Some(&config), Path::new(PROGRAM));
        let mut list = "name,provider\n".to_owned();
        for (place, frn) in daemon.frns.iter().step_by((daemon.frns.len() / peers).max(1)).take(peers).enumerate() {
            list.push_str(&format!("TG-{place},{frn}\n"));
        }
        let path = daemon.directory.path().join("peers.csv");
        std::fs::write(&path, list).expect("written");
        let mut command = program_alone(Path::new(PROGRAM));
        command.arg("--state-dir").arg(daemon.directory.path().join("state")).args(["peers", "import"]).arg(&path);
        let imported = command.args(["--by", "bench"]).output().expect("the command runs");
        assert!(imported.status.success(), "{imported:?}");
        daemon
    }

    fn start_in(directory: TempDir, config: Option<&Path>, program: &Path) -> Self {
        let (listing, wave) = listings();
        let source = directory.path().join("listing.csv");
        std::fs::write(&source, &listing).expect("written");
        // Those that stand before and behind the wave, so that every question has the same answer.
        let stands = |bytes: &[u8]| {
            let filings = parse(bytes).expect("a listing").filings;
            let with_role = filings.into_iter().filter(|filing| filing.roles().iter().next().is_some());
            with_role.filter_map(|filing| filing.frn().map(|frn| frn.to_string())).collect::<Vec<_>>()
        };
        let (before, behind) = (stands(&listing), stands(&wave));
        let behind: std::collections::HashSet<_> = behind.into_iter().collect();
        let frns: Vec<String> = before.into_iter().filter(|frn| behind.contains(frn)).collect();
        let mut command = program_alone(program);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let mut child = command
            .arg("--state-dir")
            .arg(directory.path().join("state"))
            .args(["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--source"])
            .arg(&source)
            // A second copy is asked for at once, and anybody may be removed.
            .env("RMDD_VET__CORROBORATE_AFTER", "0s")
            .env("RMDD_LOG__LEVEL", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let (mut port, mut http_port) = (None, None);
        for line in BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok) {
            if line.contains(": queries)") {
                let place = if line.contains("(HTTP") { &mut http_port } else { &mut port };
                *place = line.split([' ', ':']).find_map(|word| word.parse::<u16>().ok());
            }
            if line.contains("administration") {
                break;
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (port, http_port) = (port.expect("a port"), http_port.expect("a port"));
        let daemon = Self { child, directory, runtime, port, http_port, frns };
        while daemon.filings() == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        daemon
    }

    /// Where its files are; the certificate of one that speaks TLS among them.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn admin<T>(&self, ask: impl AsyncFnOnce(AdminServiceClient<tonic::transport::Channel>) -> T) -> T {
        let socket = self.directory.path().join("state/rmdd.sock");
        self.runtime.block_on(async {
            ask(AdminServiceClient::new(connect_unix(&socket).await.expect("the daemon answers"))).await
        })
    }

    pub fn filings(&self) -> u64 {
        self.admin(async |mut admin| {
            let status = admin.get_status(GetStatusRequest {}).await.expect("a status").into_inner();
            status.filings
        })
    }

    /// FRNs of providers that stand.
    pub fn frns(&self) -> &[String] {
        &self.frns
    }

    fn request(&self) -> CheckProviderRequest {
        CheckProviderRequest {
            identity: Some(Identity::Frn(self.frns[self.frns.len() / 2].clone())),
            role: ProviderRole::Unspecified.into(),
            ..CheckProviderRequest::default()
        }
    }

    /// The question of every call, as it goes over the wire.
    pub fn question(&self) -> Vec<u8> {
        framed(&self.request())
    }

    /// So many questions of one batch, about different providers.
    pub fn batch(&self, questions: usize) -> Vec<u8> {
        let ask = |frn: &String| CheckProviderRequest {
            identity: Some(Identity::Frn(frn.clone())),
            ..CheckProviderRequest::default()
        };
        let questions = self.frns.iter().step_by(self.frns.len() / questions).take(questions).map(ask).collect();
        framed(&CheckProvidersRequest { questions, at: None })
    }

    fn client(&self) -> AcceptanceServiceClient<tonic::transport::Channel> {
        let url = format!("http://127.0.0.1:{}", self.port);
        AcceptanceServiceClient::new(self.runtime.block_on(connect_tcp(&url)).expect("the daemon answers"))
    }

    /// Answers a second to so many questions on one stream, of which at most 256 are open.
    pub fn stream_rate(&self, questions: usize) -> f64 {
        let mut client = self.client();
        let question = self.request();
        self.runtime.block_on(async {
            let (sender, receiver) = tokio::sync::mpsc::channel(IN_FLIGHT);
            tokio::spawn(async move {
                for id in 0..questions as u64 {
                    let asked = CheckStreamRequest { id, question: Some(question.clone()) };
                    if sender.send(asked).await.is_err() {
                        return;
                    }
                }
            });
            let began = Instant::now();
            let answers = client.check_stream(ReceiverStream::new(receiver)).await.expect("a stream");
            let mut answers = answers.into_inner();
            let mut count = 0;
            while let Some(answer) = answers.message().await.expect("an answer") {
                assert!(matches!(answer.outcome, Some(Outcome::Answer(_))), "{answer:?}");
                count += 1;
            }
            assert_eq!(count, questions);
            questions as f64 / began.elapsed().as_secs_f64()
        })
    }

    /// Answers a second to so many single questions on one connection, of which 32 are open.
    pub fn unary_rate(&self, questions: usize) -> f64 {
        let client = self.client();
        let began = Instant::now();
        self.runtime.block_on(async {
            let mut askers = tokio::task::JoinSet::new();
            for _ in 0..32 {
                let (mut client, question) = (client.clone(), self.request());
                askers.spawn(async move {
                    for _ in 0..questions / 32 {
                        client.check_provider(question.clone()).await.expect("an answer");
                    }
                });
            }
            askers.join_all().await;
        });
        (questions / 32 * 32) as f64 / began.elapsed().as_secs_f64()
    }

    /// How long its answer is. It is asked in earnest, and accepted.
    pub fn answer_bytes(&self, _: &[u8]) -> usize {
        let socket = self.directory.path().join("state/rmdd.sock");
        let answer = self.runtime.block_on(async {
            let channel = connect_unix(&socket).await.expect("the daemon answers");
            AcceptanceServiceClient::new(channel).check_provider(self.request()).await.expect("an answer").into_inner()
        });
        assert_eq!(answer.verdict(), Verdict::Accept, "{answer:?}");
        answer.encoded_len()
    }

    /// Puts another listing in the place of the one before.
    pub fn publish(&self, listing: &[u8]) {
        let beside = self.directory.path().join("listing.new");
        std::fs::write(&beside, listing).expect("written");
        std::fs::rename(beside, self.directory.path().join("listing.csv")).expect("renamed");
    }

    /// Syncs, and expects a listing to be applied.
    pub fn sync(&self) {
        self.admin(async |mut admin| {
            let report = admin.trigger_sync(TriggerSyncRequest {}).await.expect("an outcome").into_inner().sync;
            let report = report.expect("a report");
            // A tenth that goes and comes time and again looks like a source that loses its list bit by bit.
            let report = match report.outcome() {
                SyncOutcome::Held => {
                    let approval = ApproveListingRequest { sha256: report.held_sha256, by: "bench".to_owned() };
                    let approved = admin.approve_listing(approval).await.expect("an outcome").into_inner().sync;
                    approved.expect("a report")
                }
                _ => report,
            };
            assert_eq!(report.outcome(), SyncOutcome::Applied, "{report:?}");
        });
    }

    pub fn say_memory(&self, when: &str) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")) {
            println!("memory {when}: {line}");
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message as it goes over the wire.
pub fn framed(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).expect("short").to_be_bytes());
    framed.extend(bytes);
    framed
}
