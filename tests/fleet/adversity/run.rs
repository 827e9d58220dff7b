//! One run: from a fleet that is well, through everything that goes wrong, to one that is well again.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rmdd_testkit::etcd;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::book::Book;
use super::check::{Promise, Verdict, Violation, check};
use super::faults::{Fault, Kind, Whom, draw};
use super::field::{Field, clocks};
use super::history::{self, At, History, Outcome, Span};
use super::load::{Source, ask, operate, watch};
use super::machines::{SiteSetup, state_dir};
use super::say;
use super::witness::Witness;
use crate::common::eventually;
use crate::sites::{NAMES, held_at};

/// The sites at which operators write.
const OPERATORS: [usize; 3] = [0, 2, 4];

/// So long after the last fault operators and source go on as before.
const GOES_ON: Duration = Duration::from_secs(5);

/// Alarms that say nothing of what goes wrong here: Debian's etcd is older than rmdd would have it, and the listing is made up.
const USUAL: [&str; 3] = ["FLEET_ENGINE_OLD", "LISTING_UNUSUAL", "LISTING_CORROBORATED"];

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// So long things go wrong.
    pub faults: Duration,
    /// The shortest and the longest that something goes wrong, in seconds.
    lasts: (f64, f64),
    source_changes: Duration,
    operators_pause: Duration,
    site: SiteSetup,
    /// What goes wrong most of the time; nothing for all.
    mostly: &'static [Kind],
}

impl Plan {
    /// By a seed, for so long.
    pub fn new(seed: u64, faults: Duration) -> Self {
        let is_long = faults >= Duration::from_secs(300);
        let (poll, lease) = if is_long { ("1s", "15s") } else { ("500ms", "4s") };
        let cron = if is_long { "*/10 * * * * *" } else { "*/3 * * * * *" };
        let site = SiteSetup { cron: cron.to_owned(), poll, lease, clocks: clocks(), left_out: None };
        let seconds = if is_long { (5, 700) } else { (2, 150) };
        Self {
            seed,
            faults,
            lasts: if is_long { (2.0, 20.0) } else { (1.0, 6.0) },
            source_changes: Duration::from_secs(seconds.0),
            operators_pause: Duration::from_millis(seconds.1),
            site,
            mostly: &[],
        }
    }

    /// The same by a build that leaves something out, where mostly that goes wrong for which it is there.
    #[cfg(debug_assertions)]
    pub fn without(self, part: &str, mostly: &'static [Kind]) -> Self {
        let site = SiteSetup { left_out: Some(part.to_owned()), ..self.site };
        Self { site, mostly, ..self }
    }
}

/// What came of it.
pub struct Report {
    pub seed: u64,
    pub verdict: Verdict,
    pub history: History,
    /// What is kept where something was found.
    kept: PathBuf,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let History { answers, changes, entries, visits, faults, holders, .. } = &self.history;
        let outcomes = |of: fn(&Outcome) -> bool| changes.iter().filter(|change| of(&change.outcome)).count();
        let terms: BTreeSet<_> = holders.iter().filter_map(|holder| holder.term.as_ref()).collect();
        writeln!(
            f,
            "seed {}: {} faults, {} answers ({} of them say that the site is behind, {} of those contradict a removal), {} changes of \
             records ({} acknowledged, {} refused, {} unknown), {} entries, {} requests at the source, {} terms, {} stale reads",
            self.seed,
            faults.len(),
            answers.len(),
            answers.iter().filter(|answer| answer.behind).count(),
            self.verdict.excused,
            changes.len(),
            outcomes(|outcome| matches!(outcome, Outcome::Acknowledged(_))),
            outcomes(|outcome| matches!(outcome, Outcome::Refused(_))),
            outcomes(|outcome| matches!(outcome, Outcome::Unknown(_))),
            entries.len(),
            visits.len(),
            terms.len(),
            self.verdict.stale_reads,
        )?;
        let violations = &self.verdict.violations;
        if violations.is_empty() {
            return Ok(());
        }
        for history::Fault { span, what } in faults {
            writeln!(f, "  {:.3} to {:.3}: {what}", span.begin.as_secs_f64(), span.end.as_secs_f64())?;
        }
        writeln!(f, "{} violations; logs are in {}", violations.len(), self.kept.display())?;
        violations.iter().take(40).try_for_each(|violation| writeln!(f, "  {violation}"))
    }
}

/// Everything that goes on meanwhile.
struct Load {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Load {
    fn new() -> Self {
        Self { stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("it ends");
        }
    }
}

/// Where the logs of a run are.
pub fn kept_in(seed: u64) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("adversity-{seed}"))
}

/// Runs a plan.
pub async fn run(plan: Plan) -> Report {
    let Plan { seed, faults, .. } = plan;
    say(&format!("adversity: seed {seed}, {faults:?} of faults"));
    let directory = kept_in(seed);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory");
    let history = History {
        sites: NAMES.iter().map(|name| (*name).to_owned()).collect(),
        behind_after: Duration::from_secs(5),
        settled_after: Duration::from_secs(30),
        usual: USUAL.map(str::to_owned).into(),
        ..History::default()
    };
    let book = Book::new(history);
    let etcd = etcd::program().expect("there is one");
    let mut field = Field::new(&directory, &etcd, plan.site.clone(), Arc::clone(&book)).await;
    let source = Source::open(seed, &book).await;
    field.found();
    field.agree().await;
    // The founder has asked before there was a fleet.
    book.open().visits.clear();
    let (mut ending, mut load) = (Load::new(), Load::new());
    let (witness, source) = begin(&plan, &field, source, (&mut ending, &mut load));
    break_things(&plan, &mut field).await;
    tokio::time::sleep(GOES_ON).await;
    load.end().await;
    let source = source.await.expect("it ends");
    settle(&book).await;
    let stop = ending.stop.clone();
    ending.end().await;
    stop.cancel();
    let witness = witness.await.expect("it ends");
    let differing = end(field, witness).await;
    drop(source);
    let history = std::mem::take(&mut *book.open());
    let mut verdict = check(&history);
    verdict.violations.extend(differing);
    let report = Report { seed, verdict, history, kept: directory };
    say(&report.to_string());
    report
}

type Running = (JoinHandle<Witness>, JoinHandle<Source>);

/// Has everything go on: what lasts to the end, and what ends before.
fn begin(plan: &Plan, field: &Field, source: Source, (ending, load): (&mut Load, &mut Load)) -> Running {
    let book = &field.book;
    let witness = Witness::new(field.gateway.clone(), field.client(), Arc::clone(book));
    let witness = tokio::spawn(witness.run(ending.stop.clone()));
    for place in 0..NAMES.len() {
        ending.tasks.spawn(ask(field.way(place), Arc::clone(book), ending.stop.clone()));
        ending.tasks.spawn(watch(field.way(place), Arc::clone(book), ending.stop.clone()));
    }
    for place in OPERATORS {
        let how = (plan.seed + place as u64, plan.operators_pause);
        load.tasks.spawn(operate(field.way(place), how, Arc::clone(book), load.stop.clone()));
    }
    let source = tokio::spawn(source.run(plan.source_changes, load.stop.clone()));
    (witness, source)
}

/// One thing goes wrong after the other, and some while others still do.
async fn break_things(plan: &Plan, field: &mut Field) {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let end = field.book.now() + plan.faults;
    let (mut number, mut going_on): (usize, Vec<(At, Fault)>) = (0, Vec::new());
    let (shortest, longest) = plan.lasts;
    while field.book.now() < end {
        number += 1;
        let mut fault = draw(&mut rng, field, number, plan.mostly).await;
        if going_on.iter().all(|(_, other)| other.whom != fault.whom) {
            say(&format!("{:8.3} {}", field.book.now().as_secs_f64(), fault.what()));
            let begin = field.book.now();
            fault.begin(field, &mut rng).await;
            going_on.push((begin, fault));
        }
        let pause = rng.random_range(shortest..longest) / going_on.len().max(1) as f64;
        tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        if !going_on.is_empty() && (going_on.len() > 1 || rng.random_bool(0.7)) {
            // What is over by itself makes room for more.
            let over = going_on.iter().position(|(_, fault)| fault.is_over());
            let which = over.unwrap_or_else(|| rng.random_range(0..going_on.len()));
            let (begin, fault) = going_on.remove(which);
            // Who makes room in etcd does so at all members.
            let before = if fault.whom == Whom::Etcd { going_on.len() } else { 0 };
            for other in going_on.drain(..before) {
                undo(field, other).await;
            }
            undo(field, (begin, fault)).await;
            tokio::time::sleep(Duration::from_secs_f64(rng.random_range(0.2..2.0))).await;
        }
        field.nobody_has_ended();
    }
    // Etcd is last: see above.
    going_on.sort_by_key(|(_, fault)| fault.whom == Whom::Etcd);
    for fault in going_on {
        undo(field, fault).await;
    }
    let now = field.book.now();
    field.book.open().calm = now;
}

async fn undo(field: &mut Field, (begin, mut fault): (At, Fault)) {
    fault.end(field).await;
    let span: Span = field.book.since(begin);
    say(&format!("{:8.3}   {} is undone", span.end.as_secs_f64(), fault.what()));
    field.book.open().faults.push(history::Fault { span, what: fault.what() });
}

/// Waits until all is well again, or should be.
async fn settle(book: &Book) {
    let (calm, within) = {
        let history = book.open();
        (history.calm, history.settled_after)
    };
    while book.now() < calm + within {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let history = book.open();
        let is_well = |place| {
            let told = history.statuses.iter().rfind(|status| status.site == place);
            told.is_some_and(|told| {
                let after = told.span.begin > calm + GOES_ON * 2;
                after && told.current && !told.behind && told.alarms.is_subset(&history.usual)
            })
        };
        let somebody_fetches = history.holders.last().is_some_and(|holder| holder.term.is_some());
        if somebody_fetches && (0..NAMES.len()).all(is_well) {
            return;
        }
    }
}

/// Silences etcd at a moment at which all sites have come as far, ends the sites, and compares what they hold.
async fn end(mut field: Field, mut witness: Witness) -> Vec<Violation> {
    loop {
        field.agree().await;
        field.members.iter().for_each(|member| member.signal(Signal::SIGSTOP));
        // What is on its way is applied by then.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut places = BTreeSet::new();
        for place in 0..NAMES.len() {
            let told = eventually("it answers", || async { field.way(place).status().await }).await;
            let fleet = told.fleet.expect("a fleet");
            places.insert([fleet.listing, fleet.records].map(|place| place.map_or(0, |place| place.index)));
        }
        if places.len() == 1 {
            break;
        }
        field.members.iter().for_each(|member| member.signal(Signal::SIGCONT));
    }
    let violations = compare(&mut field);
    field.members.iter().for_each(|member| member.signal(Signal::SIGCONT));
    eventually("etcd answers again", || {
        let gateway = field.gateway.clone();
        async move { gateway.leader().await }
    })
    .await;
    while !witness.look().await {}
    violations
}

fn compare(field: &mut Field) -> Vec<Violation> {
    let mut violations = Vec::new();
    for site in &mut field.sites {
        if !site.stop() {
            let what = format!("{} did not end in good order", site.name);
            violations.push(Violation { promise: Promise::AllIsWellAgain, what });
        }
    }
    let held: Vec<_> = (0..NAMES.len()).map(|place| held_at(&state_dir(&field.directory, place))).collect();
    for (place, one) in held.iter().enumerate() {
        if one != &held[0] {
            let what = format!("{} holds {one:?}, and {} holds {:?}", NAMES[place], NAMES[0], held[0]);
            violations.push(Violation { promise: Promise::SamePlaceSameDigest, what });
        }
    }
    violations
}
