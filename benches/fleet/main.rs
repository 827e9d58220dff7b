//! How soon what one site of a fleet does is in force at all of them, and what it costs the etcd in which they meet: whole
//! processes, three members and five daemons, and then up to 200 sites that are tasks of this process.
//!
//! ```text
//! cargo bench --bench fleet                        # everything: half an hour
//! cargo bench --bench fleet -- removal record      # some of it: removal record idle fetcher join latency many year
//! cargo bench --bench fleet -- --test              # whether it runs: few rounds, few sites
//! ```
//!
//! `RMDD_BENCH_ROUNDS` says how often each is done. Needs etcd (`ETCD`, `target/tools` or the path). All of it shares one
//! machine: of 200 sites, what they compute themselves is on its cores as well, which in service each site has of its own.

#![expect(clippy::disallowed_methods, reason = "what is measured is waited for")]

#[path = "../../tests/common/mod.rs"]
mod common;
mod few;
mod figures;
mod many;
#[path = "../../tests/fleet/sites.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod sites;
mod year;

use std::process::ExitCode;

use figures::Figures;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Amount {
    /// So often what happens every day is done.
    rounds: usize,
    /// So often a fetcher is killed, and stopped.
    falls: usize,
    /// So many filings are listed.
    filings: usize,
    /// So many days of listings are joined.
    days: usize,
    /// So many sites are tasks.
    sites: usize,
    /// For so many seconds nothing is done but waited.
    idle: u64,
}

const ALL: Amount = Amount { rounds: 100, falls: 5, filings: 10_000, days: 105, sites: 200, idle: 60 };
const TRY: Amount = Amount { rounds: 2, falls: 1, filings: 300, days: 3, sites: 5, idle: 2 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let trying = arguments.iter().any(|argument| argument == "--test");
    let mut amount = if trying { TRY } else { ALL };
    if let Some(rounds) = std::env::var("RMDD_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()) {
        amount.rounds = rounds;
    }
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| !name.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.contains(&name);
    if rmdd_testkit::etcd::program().is_none() {
        println!("left out: etcd is not here (docs/fleet.md)");
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let figures = runtime.block_on(async {
        let mut figures = Figures::default();
        if ["removal", "record", "idle"].into_iter().any(wants) {
            few::day_by_day(&mut figures, amount, &wants).await;
        }
        if wants("fetcher") {
            few::fetchers(&mut figures, amount).await;
        }
        if wants("join") {
            few::joining(&mut figures, amount).await;
        }
        if wants("latency") {
            few::latency(&mut figures, amount).await;
        }
        if wants("many") {
            many::sites(&mut figures, amount).await;
        }
        if wants("year") {
            year::of_an_etcd(&mut figures, trying).await;
        }
        figures
    });
    figures.print();
    ExitCode::SUCCESS
}
