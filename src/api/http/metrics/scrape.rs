//! One scrape: everything is read now, from where it is kept, and written down.

use std::fmt::Error;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::fleet;
use super::page::{Labels, Page, bytes, of, seconds};
use super::process::Process;

use crate::decide::caller_id::CallerId;
use crate::domain::{
    Awaits, ErrorReason, Interface, Reason, RecordKind, SyncTrigger, Verdict, age, end_of_eastern_day,
};
use crate::listing::index::Index;
use crate::observe::Observer;
use crate::observe::clock;
use crate::observe::metrics::ROLES;
use crate::service::{Running, Services, SyncAccess};
use crate::service::{State, state};
use crate::store::SyncState;
use crate::store::archive::Archive;
use crate::sync::OUTCOMES;
use crate::transport::{Registry as Connections, Tls};

/// How a page of metrics is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4, which everything reads.
    Prometheus,
}

impl Format {
    /// The format that an `Accept` header asks for: OpenMetrics where it is named and not refused, else Prometheus.
    pub fn accepted(accept: &str) -> Self {
        let refused = |parameters: &str| {
            parameters.split(';').any(|parameter| {
                let quality = parameter.trim().strip_prefix("q=");
                quality.and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q == 0.0)
            })
        };
        let open = accept.split(',').any(|range| {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            kind.trim().eq_ignore_ascii_case("application/openmetrics-text") && !refused(parameters)
        });
        if open { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// What `Content-Type` says.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// Reads everything and writes the page. It looks at files, so it is for a thread that may wait.
///
/// # Errors
///
/// None that can be named: writing to a string does not fail.
pub(crate) fn render(services: &Arc<Services>, format: Format) -> Result<String, Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(Arc::clone(services))));
    let mut page = String::with_capacity(32 << 10);
    match format {
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
        Format::Prometheus => prometheus_text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

#[derive(Debug)]
struct Scrape(Arc<Services>);

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let (services, now) = (&self.0, clock::now());
        let index = services.index.load_full();
        let sync = services.sync.state();
        let mut page = Page(encoder);
        if let Some(observer) = services.observer.as_deref() {
            answers(&mut page, observer)?;
            decision_log(&mut page, observer)?;
            connections(&mut page, observer)?;
        }
        watchers(&mut page, services)?;
        beside(&mut page, services)?;
        if let Some(running) = &services.running {
            security(&mut page, running)?;
        }
        snapshot(&mut page, index.as_deref())?;
        ages(&mut page, services, index.as_deref(), &sync, now)?;
        changes(&mut page, index.as_deref())?;
        peers(&mut page, services, now)?;
        syncs(&mut page, services, &sync, now)?;
        alarms(&mut page, services, index.as_deref(), &sync, now)?;
        kept(&mut page, services)?;
        if let Some(fleet) = &services.fleet {
            fleet::write(&mut page, &fleet.report(now))?;
        }
        build_and_process(&mut page, services)
    }
}

fn answers(page: &mut Page<'_>, observer: &Observer) -> Result<(), Error> {
    let metrics = &observer.metrics;
    let mut decided: Vec<(Labels<'_>, u64)> = Vec::new();
    let mut undecided: Vec<(Labels<'_>, u64)> = Vec::new();
    for interface in Interface::ALL {
        for verdict in Verdict::ALL {
            for reason in Reason::ALL {
                decided.extend(ROLES.iter().map(|role| {
                    let labels = vec![
                        ("verdict", verdict.as_str()),
                        ("reason", reason.as_str()),
                        ("role", role.map_or("any", |role| role.as_str())),
                        ("interface", interface.as_str()),
                    ];
                    (labels, metrics.decisions(interface, verdict, reason, *role))
                }));
            }
        }
        undecided.extend(ErrorReason::ALL.iter().copied().map(Some).chain([None]).map(|error| {
            let word = error.map_or("OTHER", ErrorReason::as_str);
            (vec![("error", word), ("interface", interface.as_str())], metrics.undecided(interface, error))
        }));
    }
    // Most combinations never come: a series begins with its first.
    let some = |series: Vec<(Labels<'static>, u64)>| series.into_iter().filter(|(_, count)| *count > 0);
    page.counters(
        of(
            "rmdd_decisions",
            "Questions that were decided, by what was decided, the role that was named, and the interface over which they came in.",
        ),
        some(decided),
    )?;
    page.counters(
        of("rmdd_undecided_questions", "Questions that were answered with an error and no verdict."),
        some(undecided),
    )?;
    let caller_ids = Interface::ALL.into_iter().flat_map(|interface| {
        CallerId::GIVEN.map(|read| {
            (vec![("read", read.as_str()), ("interface", interface.as_str())], metrics.caller_ids(interface, read))
        })
    });
    page.counters(
        of("rmdd_caller_ids", "Calling numbers in questions that were decided, by what could be read of them."),
        caller_ids,
    )?;
    page.histograms(
        seconds(
            "rmdd_decision_duration",
            "Time from a question's arrival to its answer being ready to send; of a batch, to all of it being ready.",
        ),
        Interface::ALL.map(|interface| (vec![("interface", interface.as_str())], metrics.durations(interface))),
    )
}

fn decision_log(page: &mut Page<'_>, observer: &Observer) -> Result<(), Error> {
    let log = observer.log.counts();
    page.counter(of("rmdd_decision_log_lines", "Decisions that were written to the decision log."), Some(log.written))?;
    page.counter(of("rmdd_decision_log_dropped", "Decisions that the decision log lacks, because its queue was full or they could not be written before the end."), Some(log.dropped))?;
    page.counter(
        of("rmdd_decision_log_failures", "Attempts to open or write the decision log that failed."),
        Some(log.failures),
    )?;
    page.gauge(
        of("rmdd_decision_log_failing", "1 while the decision log cannot be written, else 0."),
        Some(u64::from(log.fault.is_some())),
    )?;
    page.gauge(of("rmdd_decision_log_queue_length", "Decisions that wait to be written."), Some(log.queued))?;
    page.gauge(of("rmdd_decision_log_queue_limit", "So many may wait before decisions are dropped."), Some(log.limit))
}

fn connections(page: &mut Page<'_>, observer: &Observer) -> Result<(), Error> {
    let listeners = observer.listeners();
    let each = |count: fn(&Connections) -> u64| {
        listeners
            .iter()
            .map(move |(name, registry)| (vec![("listener", name.trim_end_matches(" listener"))], count(registry)))
    };
    page.gauges(of("rmdd_connections", "Connections that are open."), each(|registry| registry.open() as u64))?;
    page.counters(of("rmdd_connections_accepted", "Connections that were taken in."), each(Connections::accepted))?;
    page.counters(
        of("rmdd_connections_refused", "Connections that were closed at once, because there was no room."),
        each(Connections::refused),
    )
}

fn watchers(page: &mut Page<'_>, services: &Services) -> Result<(), Error> {
    let (watching, dropped) = (services.budget.watchers.taken(), services.watchers.dropped());
    page.gauge(of("rmdd_watchers", "Clients that watch changes."), Some(watching))?;
    page.counter(
        of("rmdd_watchers_dropped", "Watchers that were dropped, because they took too long to take what was ready."),
        Some(dropped),
    )
}

/// What is asked beside calls, and its bounds.
fn beside(page: &mut Page<'_>, services: &Services) -> Result<(), Error> {
    let budget = &services.budget;
    let (busy, waiting, refused) = budget.work.counts();
    let (.., batches) = budget.batches.counts();
    page.gauge(of("rmdd_work_busy", "Threads for what is asked beside calls that are at work."), Some(busy))?;
    page.gauge(of("rmdd_work_waiting", "Requests beside calls that wait for their turn."), Some(waiting))?;
    page.counter(
        of("rmdd_work_refused", "Requests beside calls, and long batches, that were refused because too many waited, or they waited too long."),
        Some(refused + batches),
    )?;
    page.gauge(of("rmdd_exports", "Exports that are being sent."), Some(budget.exports.taken()))?;
    page.gauge(
        of("rmdd_open_streams", "Streams of questions, watches of the health service and reflections that are open."),
        Some(budget.streams.taken()),
    )?;
    page.gauge(
        bytes(
            "rmdd_buffered",
            "Bytes of long requests that are not whole yet and of long answers that are not taken yet.",
        ),
        Some(budget.bytes.taken()),
    )?;
    page.counter(
        of(
            "rmdd_answers_untaken",
            "Answers and connections that were given up, because the client took nothing for limits.reader_patience.",
        ),
        Some(budget.untaken.count()),
    )
}

fn security(page: &mut Page<'_>, running: &Running) -> Result<(), Error> {
    let each = |count: fn(&Tls) -> u64| {
        running.tls.iter().map(move |tls| (vec![("listener", tls.listener())], count(tls))).collect::<Vec<_>>()
    };
    page.counters(of("rmdd_tls_handshakes", "TLS handshakes that came to an end as they should."), each(Tls::done))?;
    page.counters(
        of("rmdd_tls_handshakes_failed", "TLS handshakes that failed, took too long or were given up."),
        each(Tls::failed),
    )?;
    page.gauges(
        seconds(
            "rmdd_certificate_expiry_timestamp",
            "When the certificate of a listener, or that towards a fleet's etcd (`fleet`), ends, in seconds since 1970: the earliest end in its chain.",
        ),
        running
            .tls
            .iter()
            .map(|tls| (tls.listener(), tls.state()))
            .chain(running.fleet_certificate.iter().map(|files| ("fleet", files.state())))
            .map(|(listener, state)| (vec![("listener", listener)], state.expires_at.as_second())),
    )?;
    page.counter(
        of("rmdd_requests_denied", "Requests that were refused for want of a token, a certificate or a right."),
        Some(running.access.denied()),
    )
}

fn snapshot(page: &mut Page<'_>, index: Option<&Index>) -> Result<(), Error> {
    let snapshot = index.map(Index::snapshot);
    page.gauge(
        of("rmdd_listing_loaded", "1 if there is a listing to answer from, else 0."),
        Some(u64::from(index.is_some())),
    )?;
    page.gauge(of("rmdd_snapshot_serial", "Serial of the snapshot that is served."), snapshot.map(|s| s.serial.0))?;
    page.gauge(
        of("rmdd_snapshot_filings", "Filings in the snapshot that is served."),
        snapshot.map(|s| s.filings.len()),
    )?;
    page.gauge(
        of(
            "rmdd_snapshot_carried_filings",
            "Filings of it that stand as they were last read, because their rows cannot be read now.",
        ),
        snapshot.map(|s| s.carried.len()),
    )
}

/// How old the listing is, in each sense, and how old it may be.
fn ages(
    page: &mut Page<'_>,
    services: &Services,
    index: Option<&Index>,
    sync: &SyncState,
    now: Timestamp,
) -> Result<(), Error> {
    let since = |then: Timestamp| age(then, now).as_secs();
    page.gauge(
        seconds(
            "rmdd_snapshot_age",
            "Time since the listing last changed: since the snapshot that is served was first fetched.",
        ),
        index.map(|index| since(index.snapshot().fetched_at)),
    )?;
    page.gauge(
        seconds(
            "rmdd_confirmation_age",
            "Time since the source last gave the listing that is served; every answer's age rests on it.",
        ),
        index.map(|index| since(index.confirmed_at())),
    )?;
    page.gauge(
        seconds("rmdd_contact_age", "Time since a source last gave something whole, whatever vetting made of it."),
        sync.last_contact_at.map(since),
    )?;
    let content = index.and_then(Index::content_as_of).and_then(|day| day.parse().ok());
    page.gauge(
        seconds("rmdd_content_age", "Time since the end of the newest day of an update in the listing, in Washington."),
        content.and_then(end_of_eastern_day).map(since),
    )?;
    let limits = services.freshness.load();
    page.gauge(
        seconds("rmdd_content_age_limit", "The content age past which the state is a warning; 0 for never."),
        Some(limits.content_warn_after.as_secs_f64()),
    )?;
    page.gauges(
        seconds(
            "rmdd_confirmation_age_limit",
            "The confirmation age from which the state is a warning, and from which it is critical.",
        ),
        [("warning", limits.warn_after), ("critical", limits.critical_after)]
            .map(|(severity, after)| (vec![("severity", severity)], after.as_secs_f64())),
    )
}

fn changes(page: &mut Page<'_>, index: Option<&Index>) -> Result<(), Error> {
    page.gauge(
        of("rmdd_removed_filings", "Filings that are removed now."),
        index.map(|index| index.removals().open_count()),
    )?;
    page.counter(
        of("rmdd_removals", "Removals that were ever observed, as the store has them."),
        index.map(|index| index.removals().count()),
    )?;
    page.gauge(
        of("rmdd_change_serial", "Serial of the newest change in the listing."),
        index.map(|index| index.last_change().0),
    )
}

fn peers(page: &mut Page<'_>, services: &Services, now: Timestamp) -> Result<(), Error> {
    let Some(counts) = services.count_peers(now) else { return Ok(()) };
    page.gauges(
        of("rmdd_peers", "Peers that are bound now, by how they stand: `rmdd peers list` names them."),
        counts.map(|(state, count)| (vec![("state", state.as_str())], count)),
    )
}

fn syncs(page: &mut Page<'_>, services: &Services, sync: &SyncState, now: Timestamp) -> Result<(), Error> {
    if let SyncAccess::Handle(handle) = &services.sync {
        let tally = handle.tally();
        let ran = SyncTrigger::ALL.into_iter().flat_map(|trigger| {
            let tally = &tally;
            OUTCOMES.map(|outcome| {
                (vec![("trigger", trigger.as_str()), ("outcome", outcome)], tally.cycles(trigger, outcome))
            })
        });
        page.counters(of("rmdd_syncs", "Sync cycles that ended, by what started them and what they came to."), ran)?;
        page.histograms(
            seconds("rmdd_sync_duration", "Time that sync cycles took, waiting for a second copy included."),
            [(Labels::new(), tally.took())],
        )?;
        let changes = tally.changes();
        let changes = [
            ("listed", changes.listed),
            ("amended", changes.amended),
            ("removed", changes.removed),
            ("reinstated", changes.reinstated),
        ];
        page.counters(
            of("rmdd_sync_changes", "Changes that syncs brought since the start, by their kind."),
            changes.map(|(kind, count)| (vec![("kind", kind)], count)),
        )?;
        page.gauge(
            of("rmdd_sync_in_progress", "1 while a sync cycle runs, else 0."),
            Some(u64::from(handle.progress().is_some())),
        )?;
    }
    page.gauge(
        of("rmdd_sync_failures_in_a_row", "Sync cycles that brought nothing since the last one that did."),
        Some(sync.failures_since),
    )?;
    let held = |awaits: Awaits| sync.held.iter().filter(move |held| held.awaits == awaits);
    page.gauges(
        of("rmdd_held_listings", "Listings that were fetched and not applied, by what they wait for."),
        [Awaits::Person, Awaits::SecondCopy].map(|awaits| (vec![("awaits", awaits.as_str())], held(awaits).count())),
    )?;
    let source = sync.last.as_ref().map(|last| last.source.as_str());
    let source = sync.sources.iter().find(|state| Some(state.source.as_str()) == source);
    page.gauge(
        seconds(
            "rmdd_clock_skew",
            "How far the clock of the source that was used last was ahead of this machine's then; below zero, behind.",
        ),
        source.and_then(|source| source.clock_skew).map(|skew| skew.as_secs()),
    )?;
    let longest = held(Awaits::Person).map(|held| held.first_fetched_at).min();
    page.gauge(
        seconds("rmdd_held_age", "The longest that a held listing has waited for a person; 0 if none does."),
        Some(longest.map_or(0, |first| age(first, now).as_secs())),
    )
}

fn alarms(
    page: &mut Page<'_>,
    services: &Services,
    index: Option<&Index>,
    sync: &SyncState,
    now: Timestamp,
) -> Result<(), Error> {
    let alarms = services.alarms(index, sync, now);
    let current = state(&alarms);
    page.gauges(
        of("rmdd_state", "1 for the state that `rmdd status` tells, 0 for the others."),
        [("fresh", State::Fresh), ("warning", State::Warning), ("critical", State::Critical)]
            .map(|(word, this)| (vec![("state", word)], u64::from(this == current))),
    )?;
    let mut counted: std::collections::BTreeMap<(&str, &str), u64> = std::collections::BTreeMap::new();
    for alarm in &alarms {
        *counted.entry((alarm.code.as_str(), alarm.severity.as_str())).or_default() += 1;
    }
    page.gauges(
        of("rmdd_alarms", "Alarms that `rmdd status` tells now, by their code; a code is left out while it has none."),
        counted.into_iter().map(|((code, severity), count)| (vec![("code", code), ("severity", severity)], count)),
    )
}

fn kept(page: &mut Page<'_>, services: &Services) -> Result<(), Error> {
    page.gauge(bytes("rmdd_store_size", "Size of the store's file."), Some(services.store.size()))?;
    page.gauge(
        of("rmdd_store_damaged", "1 if the store was found damaged, else 0."),
        Some(u64::from(services.store.damage().is_some() || services.store.misplaced().is_some())),
    )?;
    page.gauge(
        bytes("rmdd_archive_size", "Size of the archived listings, packed as they are."),
        Archive::new(&services.state_dir).size().ok(),
    )?;
    let records = services.records.load();
    page.gauges(
        of("rmdd_records", "Operators' records, those that have expired included, by their kind."),
        RecordKind::ALL.map(|kind| (vec![("kind", kind.as_str())], records.all(kind).count())),
    )
}

fn build_and_process(page: &mut Page<'_>, services: &Services) -> Result<(), Error> {
    let build = vec![("version", env!("CARGO_PKG_VERSION")), ("rustc", env!("BUILT_WITH_RUSTC"))];
    page.gauges(of("rmdd_build_info", "Always 1: what is running is in the labels."), [(build, 1u64)])?;
    let process = Process::read();
    let started = services.running.as_ref().map(|running| running.started_at.as_millisecond() as f64 / 1000.0);
    page.gauge(seconds("process_start_time", "When the process began, in seconds since 1970."), started)?;
    page.counter(seconds("process_cpu", "Processor time that the process has used."), process.cpu_seconds)?;
    page.gauge(bytes("process_resident_memory", "Memory of the process that is in use."), process.resident_bytes)?;
    page.gauge(bytes("process_virtual_memory", "Addresses that the process has taken."), process.virtual_bytes)?;
    page.gauge(of("process_open_fds", "Open file descriptors."), process.open_fds)?;
    page.gauge(of("process_max_fds", "File descriptors that may be open."), process.max_fds)?;
    page.gauge(of("process_threads", "Threads of the process."), process.threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_prometheus_asks_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        for accept in ["", "*/*", "text/plain", "application/openmetrics-text;q=0, text/plain"] {
            assert_eq!(Format::accepted(accept), Format::Prometheus, "{accept}");
        }
    }
}
