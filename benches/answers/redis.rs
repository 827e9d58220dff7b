//! Redis with the same record under the same key, asked by its own benchmark.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::load::Load;
use crate::{BUSY, check, paired, plain};

struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start() -> Option<Self> {
        let port = plain::free_port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "redis does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(redis)
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new(program).args(["-p", &port]).args(arguments).output().expect("redis's programs run");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn compare(daemon: &Daemon, question: &[u8], rounds: usize, requests: usize) {
    let Some(redis) = Redis::start() else {
        println!("left out: redis-server is not here\n");
        return;
    };
    // What an everyday answer tells, for all: one long command.
    for some in daemon.frns().chunks(500) {
        let record = "x".repeat(96);
        let mut command = vec!["HSET", "rmd"];
        command.extend(some.iter().flat_map(|frn| [frn.as_str(), record.as_str()]));
        redis.ask("redis-cli", &command);
    }
    let frn = &daemon.frns()[daemon.frns().len() / 2];
    let hget = |connections: usize| {
        let (connections, requests) = (connections.to_string(), requests.to_string());
        let reported =
            redis.ask("redis-benchmark", &["-q", "--csv", "-c", &connections, "-n", &requests, "HGET", "rmd", frn]);
        let rate = reported.lines().last().and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
        rate.unwrap_or_else(|| panic!("redis-benchmark says no rate: {reported}"))
    };
    let ask = |streams: usize| Load { streams, ..check(daemon.port, question) }.run(requests).per_second;
    paired(
        "CheckProvider, 32 streams, against HGET, 16 connections",
        "answers/s",
        rounds,
        || ask(BUSY.1),
        || hget(BUSY.0),
    );
    paired("CheckProvider, one stream, against HGET, 16 connections", "answers/s", rounds, || ask(1), || hget(BUSY.0));
}
