//! Real members of an etcd, on ports and directories of their own, which a test may kill, stop for a while and start again.
//!
//! The program is not installed by anybody: it is where the variable `ETCD` says, or under `target/tools`, or on the path.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the program is; nothing where there is none.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("ETCD").map(PathBuf::from);
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/etcd/usr/bin/etcd");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join("etcd"));
    named.into_iter().chain([unpacked]).chain(on_path).find(|path| is_file(path))
}

fn is_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// How the members are set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// So many members; three where nothing is said.
    pub members: Option<usize>,
    /// The most bytes that their database may have.
    pub quota_bytes: Option<u64>,
}

/// Members of one etcd. They are killed when dropped.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    arguments: Vec<String>,
    data: PathBuf,
    url: String,
    child: Option<Child>,
}

/// Ports that were free a moment ago.
fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let bound = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<Vec<_>>>()?;
    bound.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

impl Etcd {
    /// Starts members and waits until all of them answer. Nothing where there is no such program, which is said.
    ///
    /// # Panics
    ///
    /// If they do not come to answer.
    pub async fn start(directory: &Path, setup: Setup) -> Option<Self> {
        let Some(program) = program() else {
            // Past the capture of the test harness: a test that was left out must not look like one that passed.
            let _ = writeln!(io::stderr(), "\nLEFT OUT, no etcd in $ETCD, target/tools/etcd/usr/bin or $PATH");
            return None;
        };
        for attempt in 0..5 {
            let mut etcd = Self::set_up(&program, &directory.join(format!("etcd-{attempt}")), &setup);
            if etcd.answers().await {
                return Some(etcd);
            }
            // Somebody else has taken a port meanwhile.
        }
        panic!("etcd does not start");
    }

    fn set_up(program: &Path, directory: &Path, setup: &Setup) -> Self {
        let count = setup.members.unwrap_or(3);
        let ports = free_ports(count * 2).expect("free ports");
        let url = |port: &u16| format!("http://127.0.0.1:{port}");
        let (clients, peers) = ports.split_at(count);
        let cluster: Vec<String> =
            peers.iter().enumerate().map(|(place, port)| format!("m{place}={}", url(port))).collect();
        let member = |place: usize| {
            let (client, peer) = (url(&clients[place]), url(&peers[place]));
            let data = directory.join(format!("m{place}"));
            let mut arguments = vec![program.display().to_string()];
            let mut say = |flag: &str, value: &str| arguments.extend([format!("--{flag}"), value.to_owned()]);
            say("name", &format!("m{place}"));
            say("data-dir", &data.display().to_string());
            say("listen-client-urls", &client);
            say("advertise-client-urls", &client);
            say("listen-peer-urls", &peer);
            say("initial-advertise-peer-urls", &peer);
            say("initial-cluster", &cluster.join(","));
            say("initial-cluster-token", &format!("t{}", ports[0]));
            say("logger", "zap");
            say("log-level", "error");
            if let Some(bytes) = setup.quota_bytes {
                say("quota-backend-bytes", &bytes.to_string());
            }
            Member { arguments, data, url: client, child: None }
        };
        let mut members: Vec<Member> = (0..count).map(member).collect();
        for member in &mut members {
            std::fs::create_dir_all(&member.data).expect("a directory");
            member.start();
        }
        Self { members }
    }

    /// Waits until all members that run answer; not, if one of them has ended.
    async fn answers(&mut self) -> bool {
        for place in 0..self.members.len() {
            if !self.answers_at(place).await {
                return false;
            }
        }
        true
    }

    /// Waits until a member answers; not, if it has ended.
    ///
    /// # Panics
    ///
    /// If it neither answers nor ends.
    pub async fn answers_at(&mut self, place: usize) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let member = &mut self.members[place];
        while !is_healthy(&member.url).await {
            let ended = member.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended {
                return false;
            }
            assert!(Instant::now() < deadline, "a member of etcd does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Where the members answer.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(|member| member.url.clone()).collect()
    }

    /// The processes of those that run.
    pub fn processes(&self) -> Vec<u32> {
        self.members.iter().filter_map(|member| Some(member.child.as_ref()?.id())).collect()
    }

    /// What each member that answers says of itself at `/metrics`.
    pub async fn metrics(&self) -> Vec<String> {
        let ask = async |url: &str| {
            let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
            stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        };
        let mut all = Vec::new();
        for member in &self.members {
            if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(5), ask(&member.url)).await {
                all.push(answer);
            }
        }
        all
    }

    /// How many members there are.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Kills a member, as a power cut would.
    pub fn kill(&mut self, place: usize) {
        self.members[place].end();
    }

    /// Kills all members.
    pub fn kill_all(&mut self) {
        for member in &mut self.members {
            member.end();
        }
    }

    /// Starts a member that was killed, on the data that it has.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_again(&mut self, place: usize) {
        self.members[place].start();
    }

    /// Starts all members that were killed, and waits until they answer.
    ///
    /// # Panics
    ///
    /// If they do not.
    pub async fn start_all_again(&mut self) {
        for member in self.members.iter_mut().filter(|member| member.child.is_none()) {
            member.start();
        }
        assert!(self.answers().await, "etcd does not start again");
    }

    /// Takes the data of all members away, which must have been killed before.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn wipe(&mut self) {
        for member in &self.members {
            assert!(member.child.is_none(), "it runs");
            std::fs::remove_dir_all(&member.data).expect("removed");
            std::fs::create_dir_all(&member.data).expect("a directory");
        }
    }

    /// Throws away all revisions before this one. Says whether it did: there may be no such revision yet, or none to throw away.
    pub async fn compact(&self, revision: i64) -> bool {
        let ask = async |url: &str| {
            let body = format!("{{\"revision\":\"{revision}\"}}");
            let head =
                format!("POST /v3/kv/compaction HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
            let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
            stream.write_all((head + &body).as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, io::Error>(answer.split(' ').nth(1) == Some("200"))
        };
        for member in &self.members {
            if let Ok(Ok(done)) = tokio::time::timeout(Duration::from_secs(2), ask(&member.url)).await {
                return done;
            }
        }
        false
    }

    /// Makes a member silent: its connections stay open, and nothing comes.
    pub fn pause(&self, place: usize) {
        self.members[place].signal("-STOP");
    }

    /// Lets a silent member go on.
    pub fn resume(&self, place: usize) {
        self.members[place].signal("-CONT");
    }
}

impl Member {
    fn start(&mut self) {
        let mut command = Command::new(&self.arguments[0]);
        command.args(&self.arguments[1..]).env_clear().env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("etcd starts"));
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn signal(&self, signal: &str) {
        let Some(child) = &self.child else { return };
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a member says that it has a leader.
async fn is_healthy(url: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer.contains("\"health\":\"true\""))
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(true)))
}
