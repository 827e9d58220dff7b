//! How fast questions are answered, by whole processes side by side: the daemon and an empty server of tonic's default
//! kind whose answer is as long, asked in turn by h2load. What counts are the ratios; absolute figures are the
//! machine's.
//!
//! ```text
//! cargo bench --bench answers                 # everything; needs h2load (nghttp2), and redis-server for that part
//! cargo bench --bench answers -- unary wave   # some of it: unary latency batch stream http before wave flood
//!                                             # secured redis alerts memory
//! ```
//!
//! `http` needs nginx and wrk. `before` compares with another build, which `RMDD_BENCH_BEFORE` names.
//!
//! `RMDD_BENCH_LISTING` names a real listing; without it one of 10,000 filings is made up. `RMDD_BENCH_ROUNDS` says how
//! often each pair is run.

#![expect(clippy::disallowed_methods, reason = "what is measured is waited for")]

mod alerts;
mod daemon;
mod http;
mod load;
mod plain;
mod redis;

use std::path::Path;
use std::process::ExitCode;

use daemon::{Daemon, TOKEN, listings};
use load::{Load, Way, h2load_is_here};

/// What is asked at a time: connections and streams on each.
const BUSY: (usize, usize) = (16, 32);

/// Questions of a batch.
const BATCH: usize = 1_000;

/// The middle of some figures.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs both in turn and prints the ratios.
fn paired(
    what: &str,
    unit: &str,
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> f64 {
    let mut ratios = Vec::new();
    for round in 0..rounds {
        // Whoever comes second finds the machine warmer.
        let (a, b) = if round % 2 == 0 {
            let a = ours();
            (a, theirs())
        } else {
            let b = theirs();
            (ours(), b)
        };
        println!("  {what}: {a:.0} {unit} against {b:.0}: {:.2}", a / b);
        ratios.push(a / b);
    }
    let ratio = median(&mut ratios);
    println!("{what}: {ratio:.2} times, the median of {rounds}\n");
    ratio
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [mode, address, bytes] = arguments.as_slice()
        && mode == plain::FLAG
    {
        plain::serve(address, bytes);
        return ExitCode::SUCCESS;
    }
    // `cargo bench -- --test` only tries whether it runs.
    let trying = arguments.iter().any(|argument| argument == "--test");
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| !name.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.contains(&name);
    if !h2load_is_here() {
        println!("left out: h2load is not here (Debian: nghttp2-client)");
        return ExitCode::SUCCESS;
    }
    let rounds = match std::env::var("RMDD_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()) {
        Some(rounds) => rounds,
        None if trying => 1,
        None => 7,
    };
    let requests = if trying { 2_000 } else { 200_000 };

    let daemon = Daemon::start();
    let question = daemon.question();
    let answer = daemon.answer_bytes(&question);
    let plain = plain::Plain::start(answer);
    println!("a real-size listing of {} filings; an answer of {answer} bytes\n", daemon.filings());
    let ask = |port: u16, (connections, streams): (usize, usize), requests: usize| {
        Load { connections, streams, ..check(port, &question) }.run(requests)
    };
    if wants("unary") {
        let run = |port| ask(port, BUSY, requests).per_second;
        paired(
            "CheckProvider, 16 connections of 32 streams",
            "answers/s",
            rounds,
            || run(daemon.port),
            || run(plain.port),
        );
    }
    if wants("latency") {
        let run = |port| ask(port, (1, 1), requests / 20).percentile(0.5);
        paired("CheckProvider one at a time, median wait", "µs", rounds, || run(daemon.port), || run(plain.port));
        let run = |port| ask(port, (1, 1), requests / 20).percentile(0.99);
        paired("CheckProvider one at a time, p99 wait", "µs", rounds, || run(daemon.port), || run(plain.port));
    }
    if wants("batch") {
        let load = || Load {
            path: "/rmdd.v1.AcceptanceService/CheckProviders".into(),
            connections: BUSY.0,
            streams: 4,
            ..check(daemon.port, &daemon.batch(BATCH))
        };
        let batch = || load().run((requests / 100).max(64)).per_second * BATCH as f64;
        let unary = || ask(daemon.port, BUSY, requests).per_second;
        paired("CheckProviders of 1,000 against CheckProvider", "decisions/s", rounds, batch, unary);
    }
    if wants("stream") {
        let questions = if trying { 2_000 } else { 100_000 };
        let stream = || daemon.stream_rate(questions);
        let unary = || ask(daemon.port, (1, 32), questions).per_second;
        paired("CheckStream against CheckProvider of 32 streams, one connection", "answers/s", rounds, stream, unary);
        let unary = || daemon.unary_rate(questions / 4);
        paired("the same, both from one client of tonic's", "answers/s", rounds, stream, unary);
    }
    if wants("http") {
        http::compare(rounds, trying);
    }
    if wants("before") {
        before(&daemon, rounds, requests);
    }
    if wants("wave") {
        wave(&daemon, &question, rounds, trying);
    }
    if wants("flood") {
        for way in [Way::Plain, Way::Http1] {
            flood(&daemon, &question, way, rounds, trying);
        }
    }
    if wants("secured") {
        let secured = Daemon::start_secured();
        for (what, way) in [("TLS", Way::Tls), ("TLS and a token", Way::TlsWithToken(TOKEN))] {
            let run = |port, way| Load { way, ..check(port, &question) }.run(requests).per_second;
            paired(
                &format!("CheckProvider over {what} against plain"),
                "answers/s",
                rounds,
                || run(secured.port, way),
                || run(daemon.port, Way::Plain),
            );
        }
    }
    if wants("alerts") {
        alerts::compare(rounds, trying);
    }
    if wants("redis") {
        redis::compare(&daemon, &question, rounds, requests);
    }
    if wants("memory") {
        daemon.say_memory("after all of this");
    }
    ExitCode::SUCCESS
}

/// This build against another.
fn before(daemon: &Daemon, rounds: usize, requests: usize) {
    let Some(program) = std::env::var_os("RMDD_BENCH_BEFORE") else {
        println!("left out: RMDD_BENCH_BEFORE names no other build\n");
        return;
    };
    let other = Daemon::start_other(Path::new(&program));
    let question = daemon.question();
    let unary = |daemon: &Daemon| check(daemon.port, &question).run(requests).per_second;
    paired("CheckProvider against the other build", "answers/s", rounds, || unary(daemon), || unary(&other));
    let batch = daemon.batch(BATCH);
    let batches = |daemon: &Daemon| {
        let path = "/rmdd.v1.AcceptanceService/CheckProviders".into();
        let load = Load { path, streams: 4, ..check(daemon.port, &batch) };
        load.run((requests / 100).max(64)).per_second * BATCH as f64
    };
    paired(
        "CheckProviders of 1,000 against the other build",
        "decisions/s",
        rounds,
        || batches(daemon),
        || batches(&other),
    );
    let stream = |daemon: &Daemon| daemon.stream_rate(requests / 2);
    paired("CheckStream against the other build", "answers/s", rounds, || stream(daemon), || stream(&other));
}

/// The question of every call, as busy switches ask it.
fn check(port: u16, question: &[u8]) -> Load {
    Load {
        port,
        path: "/rmdd.v1.AcceptanceService/CheckProvider".into(),
        body: question.to_vec(),
        connections: BUSY.0,
        streams: BUSY.1,
        way: Way::Plain,
    }
}

/// The same over HTTP, one line of text.
fn check_http(daemon: &Daemon) -> Load {
    let frn = &daemon.frns()[daemon.frns().len() / 2];
    let path = format!("/v1/check/{frn}?format=text").into();
    Load { port: daemon.http_port, path, way: Way::Http1, ..check(daemon.http_port, &[]) }
}

/// Waits of a client that asks one question at a time, while others ask all they can, against its waits when it is alone.
/// On few cores the flood's own client takes the most of them from everybody; how much is said by the same client's waits
/// at another daemon, which nobody floods. And what the flood gets while that client is there, against what it gets alone.
fn flood(daemon: &Daemon, question: &[u8], way: Way, rounds: usize, trying: bool) {
    let (beside, over) = (Daemon::start(), if way == Way::Http1 { "HTTP/1.1" } else { "gRPC" });
    let load = |daemon: &Daemon| match way {
        Way::Http1 => check_http(daemon),
        _ => check(daemon.port, question),
    };
    let one = |daemon: &Daemon| {
        let load = Load { connections: 1, streams: 1, ..load(daemon) };
        load.run_for(if trying { 1 } else { 3 }).percentile(0.99)
    };
    let (mut ratios, mut others, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let quiet = one(daemon);
        let flood = || Load { streams: 256, ..load(daemon) };
        let (mut flooded, mut other) = (f64::NAN, f64::NAN);
        let (with, (from, to)) = flood().run_while(if trying { 3 } else { 8 }, || flooded = one(daemon));
        // A moment for the connections to be there.
        let alone = with.rate_between(with.began() + 500_000, from);
        let share = with.rate_between(from, to) / alone;
        let _ = flood().run_while(if trying { 3 } else { 8 }, || other = one(&beside));
        println!(
            "  p99 of one client: {quiet:.0} µs alone, {flooded:.0} in a flood ({:.2}), {other:.0} at a daemon beside it ({:.2}); \
             the flood keeps {share:.2} of its answers",
            flooded / quiet,
            other / quiet
        );
        ratios.push(flooded / quiet);
        others.push(other / quiet);
        kept.push(share);
    }
    println!(
        "{over}: p99 of one client in a flood: {:.2} times, at a daemon beside it {:.2}; the flood keeps {:.2} of its answers: \
         the medians of {rounds}\n",
        median(&mut ratios),
        median(&mut others),
        median(&mut kept)
    );
}

/// Waits while a sync applies a wave of removals of a tenth, against waits while nothing is synced.
fn wave(daemon: &Daemon, question: &[u8], rounds: usize, trying: bool) {
    let (listing, wave) = listings();
    let mut ratios = Vec::new();
    for round in 0..rounds {
        daemon.publish(if round % 2 == 0 { &wave } else { &listing });
        let load = check(daemon.port, question);
        let (waits, synced) = load.run_while(if trying { 1 } else { 4 }, || daemon.sync());
        let during = waits.percentile_between(0.99, synced.0, synced.1);
        let quiet = waits.percentile_outside(0.99, synced.0, synced.1);
        println!(
            "  p99 while {}: {during:.0} µs against {quiet:.0}: {:.2} (the sync took {} ms)",
            if round % 2 == 0 { "a tenth is removed" } else { "a tenth comes back" },
            during / quiet,
            (synced.1 - synced.0) / 1000
        );
        ratios.push(during / quiet);
    }
    println!("p99 during a sync of a wave: {:.2} times, the median of {rounds}\n", median(&mut ratios));
}
