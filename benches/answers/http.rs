//! Answers over HTTP against nginx, whose `return 200` gives a canned body as long; both asked by wrk, on connections that
//! are kept and on a new one for each request.
//!
//! nginx has a configuration of its own and listens on loopback alone. Where neither is installed, Debian's packages need
//! only be unpacked: `apt-get download nginx wrk && dpkg -x ...`, and their folders put before `PATH`.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::{BUSY, paired, plain};

/// What is asked for.
struct Kind {
    what: &'static str,
    path: &'static str,
    query: &'static str,
    /// What of nginx's requests per second is aimed at.
    aim: f64,
}

const KINDS: [Kind; 3] = [
    Kind { what: "one line of text", path: "/text", query: "?format=text", aim: 0.8 },
    Kind { what: "?detail=compact", path: "/compact", query: "?detail=compact", aim: 0.8 },
    Kind { what: "the full object", path: "/full", query: "", aim: 0.6 },
];

struct Nginx {
    child: Child,
    port: u16,
    tls_port: u16,
    _directory: TempDir,
}

impl Nginx {
    /// One whose bodies are as long as these; nothing where it is not installed.
    fn start(bodies: &[(&str, usize)], certificates: &Path) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let (port, tls_port) = (plain::free_port(), plain::free_port());
        let mut locations = String::new();
        for (path, bytes) in bodies {
            let body = "x".repeat(*bytes);
            let _ = writeln!(locations, "location = {path} {{ default_type application/json; return 200 '{body}'; }}");
        }
        let certificates = certificates.display();
        let configuration = format!(
            "daemon off; pid nginx.pid; error_log stderr crit; worker_processes auto;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600; server_tokens off;\n\
             client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;\n\
             server {{ listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl;\n\
             ssl_certificate {certificates}/cert.pem; ssl_certificate_key {certificates}/key.pem;\n\
             {locations} }} }}\n"
        );
        std::fs::write(directory.path().join("nginx.conf"), configuration).expect("written");
        // Its place in Debian is not on everybody's path.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("nginx");
        command.env("PATH", path).arg("-p").arg(directory.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let child = command.stdout(Stdio::null()).spawn().ok()?;
        let nginx = Self { child, port, tls_port, _directory: directory };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it if it is asked to, and not if it is killed.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Requests a second, asked for so many seconds.
fn wrk(url: &str, is_new: bool, seconds: u64) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", &BUSY.0.to_string(), "-d", &format!("{seconds}s")]);
    if is_new {
        command.args(["-H", "Connection: close"]);
    }
    let output = command.arg(url).output().expect("wrk runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("Non-2xx"), "not all were answered: {url}\n{text}");
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.unwrap_or_else(|| panic!("wrk says no rate: {url}\n{text}"))
}

/// How long the body of an answer is.
fn body_bytes(port: u16, path: &str) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").expect("a body").1.len()
}

/// The daemon against nginx, for each kind of answer, plain and over TLS.
pub fn compare(rounds: usize, trying: bool) {
    if !is_here("wrk") {
        println!("left out: wrk is not here (Debian: wrk)\n");
        return;
    }
    let seconds = if trying { 1 } else { 3 };
    let (daemon, secured) = (Daemon::start(), Daemon::start_secured());
    let frn = &daemon.frns()[daemon.frns().len() / 2];
    let asked = |kind: &Kind| format!("/v1/check/{frn}{}", kind.query);
    let bodies = KINDS.map(|kind| (kind.path, body_bytes(daemon.http_port, &asked(&kind))));
    let Some(nginx) = Nginx::start(&bodies, secured.directory()) else {
        println!("left out: nginx is not here (Debian: nginx)\n");
        return;
    };
    for (kind, (_, bytes)) in KINDS.iter().zip(bodies) {
        for (is_new, how) in [(false, "kept connections"), (true, "a new connection each")] {
            let ours = format!("http://127.0.0.1:{}{}", daemon.http_port, asked(kind));
            let theirs = format!("http://127.0.0.1:{}{}", nginx.port, kind.path);
            let what = format!("HTTP, {} ({bytes} bytes), {how}, against nginx (aim: {})", kind.what, kind.aim);
            paired(&what, "answers/s", rounds, || wrk(&ours, is_new, seconds), || wrk(&theirs, is_new, seconds));
        }
        let ours = format!("https://127.0.0.1:{}{}", secured.http_port, asked(kind));
        let theirs = format!("https://127.0.0.1:{}{}", nginx.tls_port, kind.path);
        let what = format!("HTTP over TLS, {} ({bytes} bytes), kept connections, against nginx", kind.what);
        paired(&what, "answers/s", rounds, || wrk(&ours, false, seconds), || wrk(&theirs, false, seconds));
    }
}
