//! What alerts cost those who ask and those who sync, where a receiver never answers; and how soon news arrive.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::daemon::{Daemon, listings};
use super::{check, median, paired};
use crate::load::Load;

/// An end of a channel, for as long as the process runs.
struct End {
    port: u16,
    /// When news of a listing came.
    news: Receiver<Instant>,
}

impl End {
    /// One that takes all that comes, or reads it and never answers.
    fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (sender, news) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let body = request(&stream).unwrap_or_default();
                let is_news = ["rmdd.listing.applied", "filings removed"].iter().any(|text| body.contains(text));
                if answers {
                    let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                } else {
                    silent.push(stream);
                }
                if is_news {
                    let _ = sender.try_send(Instant::now());
                }
            }
        });
        Self { port, news }
    }

    fn channel(&self, name: &str, more: &str) -> String {
        let url = format!("http://127.0.0.1:{}/", self.port);
        format!("[[alerts.channel]]\nname = {name:?}\ntype = \"webhook\"\nurl = {url:?}\n{more}\n")
    }
}

/// Reads a request; returns its body.
fn request(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// So many of the providers are peers.
const PEERS: usize = 1_000;

/// Waits of questions and durations of syncs beside a receiver that never answers, against a daemon that has none; then how
/// long after the commit news of a listing come to machines and to people.
pub fn compare(rounds: usize, trying: bool) {
    let silent = End::start(false);
    let without = Daemon::start_with_peers("", PEERS);
    let with = Daemon::start_with_peers(
        &(silent.channel("silent", "") + &silent.channel("chat", "format = \"slack\"")),
        PEERS,
    );
    let question = with.question();
    let requests = if trying { 200 } else { 10_000 };
    let wait = |daemon: &Daemon| {
        Load { connections: 1, streams: 1, ..check(daemon.port, &question) }.run(requests).percentile(0.99)
    };
    paired(
        "p99 of CheckProvider beside a receiver that never answers",
        "µs",
        rounds,
        || wait(&with),
        || wait(&without),
    );
    let (listing, wave) = listings();
    let sync = |daemon: &Daemon, turn: &mut bool| {
        *turn = !*turn;
        daemon.publish(if *turn { &wave } else { &listing });
        let began = Instant::now();
        daemon.sync();
        began.elapsed().as_secs_f64() * 1e6
    };
    let (mut ours, mut theirs) = (false, false);
    // The first after a start reads what no later one does.
    for _ in 0..2 {
        let _ = (sync(&with, &mut ours), sync(&without, &mut theirs));
    }
    paired(
        "a sync beside a receiver that never answers",
        "µs",
        rounds,
        || sync(&with, &mut ours),
        || sync(&without, &mut theirs),
    );
    drop((with, without));
    arrival(rounds, trying);
}

fn arrival(rounds: usize, trying: bool) {
    let (machine, people) = (End::start(true), End::start(true));
    let wait = if trying { "100ms" } else { "30s" };
    let settings = format!(
        "[alerts]\ngroup_wait = {wait:?}\n{}{}",
        machine.channel("machine", ""),
        people.channel("people", "format = \"slack\"\nmin_severity = \"note\"")
    );
    let daemon = Daemon::start_with_peers(&settings, PEERS);
    let (listing, wave) = listings();
    let mut took = Vec::new();
    for round in 0..rounds {
        while machine.news.try_recv().is_ok() {}
        daemon.publish(if round % 2 == 0 { &wave } else { &listing });
        daemon.sync();
        let synced = Instant::now();
        let came = machine.news.recv_timeout(Duration::from_secs(120)).expect("news within two minutes");
        took.push(came.saturating_duration_since(synced).as_secs_f64() * 1e3);
        if round == 0 {
            let came = people.news.recv_timeout(Duration::from_secs(120)).expect("news within two minutes");
            let seconds = came.saturating_duration_since(synced).as_secs_f64();
            println!("  news of a listing come to people {seconds:.1} s after its sync (group_wait {wait})");
        }
    }
    println!(
        "news of a listing come to a machine {:.0} ms after its sync, the median of {rounds}\n",
        median(&mut took)
    );
}
