//! What goes on meanwhile: a source whose listing changes, clients that ask, operators that write, somebody who looks at each
//! site.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rmdd::api::client::connect_unix;
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{
    CheckProviderRequest, CheckProviderResponse, FleetPlace, FleetState, GetStatusRequest, GetStatusResponse, Override,
    OverrideAction, PutRecordsRequest, PutRecordsResponse, Reason, Record, TriggerSyncRequest, Verdict,
};
use rmdd::domain::Sha256Digest;
use rmdd_testkit::{Row, Step, World};
use tokio::time::error::Elapsed;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::book::Book;
use super::history::{Answer, Change, Outcome, Place, Span, Status, Visit};
use super::machines::{SOURCE, site_at};
use crate::common::http::{Answer as Reply, Request, Server};
use crate::common::{http_date, now};

/// So long a client waits for an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// So long an operator waits.
const CHANGE: Duration = Duration::from_secs(40);

/// A listing of the source: its digest as an `ETag`, and its bytes.
type Published = Arc<Mutex<(String, Vec<u8>)>>;

/// The source, whose listing changes.
pub struct Source {
    world: World,
    rng: StdRng,
    /// Filings that have gone, and come back.
    away: Vec<Row>,
    changes: usize,
    published: Published,
    book: Arc<Book>,
    _server: Server,
}

/// So many filings go at a time, and as many come back, ...
const MOVE: usize = 3;
/// ... once so many are away; ...
const AWAY: usize = 20;
/// ... and with each such change comes a new one, a week later by its date.
const NEW: usize = 12;
/// The last filings stay.
const END: usize = 3;

impl Source {
    pub async fn open(seed: u64, book: &Arc<Book>) -> Self {
        // Without quirks: who is listed is what the harness says.
        let mut world = World::new(seed, 0);
        world.advance(Step { list: 200, ..Step::default() });
        let published = Published::default();
        let (served, seen) = (Arc::clone(&published), Arc::clone(book));
        let server = Server::start_again(SOURCE, Reply::by(move |request| reply(&served, &seen, request))).await;
        let (rng, book) = (StdRng::seed_from_u64(seed), Arc::clone(book));
        let mut source = Self { world, rng, away: Vec::new(), changes: 0, published, book, _server: server };
        source.publish(Vec::new());
        source
    }

    fn publish(&mut self, moved: Vec<String>) {
        let bytes = self.world.to_csv();
        let sha256 = Sha256Digest::of(&bytes);
        let numbers: BTreeSet<String> = self.world.rows().map(|row| row.get("number").to_owned()).collect();
        self.book.publish(sha256.0, numbers, moved);
        *self.published.lock().expect("nobody has panicked") = (format!("\"{sha256}\""), bytes);
    }

    /// Some providers go, some come back, now and then one is new, and one has another contact. Sites vet all of that.
    pub fn change(&mut self) {
        let mut here: Vec<String> = self.world.rows().map(|row| row.get("number").to_owned()).collect();
        // The end of a real list never goes, and vetting holds one whose end goes twice.
        here.truncate(here.len() - END);
        let mut moved = Vec::new();
        while self.away.len() > AWAY {
            let back = self.away.swap_remove(self.rng.random_range(0..self.away.len()));
            moved.push(back.get("number").to_owned());
            self.world.insert(back);
        }
        let first = self.rng.random_range(0..here.len());
        for place in 0..MOVE {
            // No neighbours, as in a page that is missing.
            let go = &here[(first + place * here.len() / MOVE) % here.len()];
            moved.push(go.clone());
            self.away.extend(self.world.remove(go));
        }
        let amended = &here[self.rng.random_range(0..here.len())];
        if let Some(row) = self.world.row_mut(amended) {
            row.set("contact_title", format!("Officer {}", self.rng.random_range(0..1_000_000)));
        }
        self.changes += 1;
        if self.changes.is_multiple_of(NEW) {
            moved.extend(self.world.advance(Step { list: 1, ..Step::default() }).listed);
        }
        self.publish(moved);
    }

    pub async fn run(mut self, every: Duration, stop: CancellationToken) -> Self {
        while timeout(every, stop.cancelled()).await.is_err() {
            self.change();
        }
        self
    }
}

fn reply(published: &Published, book: &Book, request: &Request) -> Reply {
    if let Some(site) = request.peer.and_then(site_at) {
        book.open().visits.push(Visit { site, at: book.now() });
    }
    let (etag, bytes) = published.lock().expect("nobody has panicked").clone();
    let date = http_date(now());
    let tag = format!("ETag: {etag}\r\nDate: {date}\r\n");
    if request.header("if-none-match") == Some(&etag) {
        return Reply::response("304 Not Modified", &tag, b"");
    }
    let headers = format!("{tag}Content-Type: text/csv\r\nContent-Length: {}\r\n", bytes.len());
    Reply::response("200 OK", &headers, &bytes)
}

/// The way to a site, over its Unix socket: no fault of the network touches it.
pub struct Way {
    pub site: usize,
    socket: std::path::PathBuf,
    channel: Option<Channel>,
}

impl Way {
    pub fn new(site: usize, state_dir: &std::path::Path) -> Self {
        Self { site, socket: state_dir.join("rmdd.sock"), channel: None }
    }

    async fn channel(&mut self) -> Option<Channel> {
        if self.channel.is_none() {
            self.channel = timeout(ANSWER, connect_unix(&self.socket)).await.ok()?.ok();
        }
        self.channel.clone()
    }

    /// What the site tells of itself.
    pub async fn status(&mut self) -> Option<GetStatusResponse> {
        let mut admin = AdminServiceClient::new(self.channel().await?);
        match timeout(ANSWER, admin.get_status(GetStatusRequest {})).await {
            Ok(Ok(status)) => Some(status.into_inner()),
            _ => {
                self.channel = None;
                None
            }
        }
    }
}

/// Asks a site 50 times a second about providers that come and go.
pub async fn ask(mut way: Way, book: Arc<Book>, stop: CancellationToken) {
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for which in way.site * 7.. {
        ticks.tick().await;
        if stop.is_cancelled() {
            return;
        }
        let (Some(number), Some(channel)) = (book.volatile(which), way.channel().await) else { continue };
        let identity = Some(Identity::RmdNumber(number.to_string()));
        let request = CheckProviderRequest { identity, ..CheckProviderRequest::default() };
        let begin = book.now();
        match timeout(ANSWER, AcceptanceServiceClient::new(channel).check_provider(request)).await {
            Ok(Ok(response)) => {
                let answer = answer(way.site, number, book.since(begin), &response.into_inner());
                book.open().answers.extend(answer);
            }
            _ => way.channel = None,
        }
    }
}

fn answer(site: usize, number: Arc<str>, span: Span, response: &CheckProviderResponse) -> Option<Answer> {
    let snapshot = response.snapshot.as_ref()?;
    Some(Answer {
        site,
        span,
        number,
        serial: snapshot.serial,
        sha256: snapshot.sha256[..].try_into().ok()?,
        accepts: response.verdict() == Verdict::Accept,
        listed: !matches!(response.reason(), Reason::Removed | Reason::NotListed),
        behind: response.advisories.iter().any(|advisory| advisory.code == "FLEET_BEHIND"),
    })
}

/// Looks at a site all the while.
pub async fn watch(mut way: Way, book: Arc<Book>, stop: CancellationToken) {
    while timeout(Duration::from_millis(250), stop.cancelled()).await.is_err() {
        let begin = book.now();
        let Some(told) = way.status().await else { continue };
        let status = status(way.site, book.since(begin), &told);
        book.open().statuses.extend(status);
    }
}

fn place(place: Option<&FleetPlace>) -> Option<Place> {
    let place = place?;
    Some((place.index, place.sha256[..].try_into().ok()?))
}

/// What a status says; nothing before the site is in the fleet and has a listing.
pub fn status(site: usize, span: Span, told: &GetStatusResponse) -> Option<Status> {
    let (fleet, snapshot) = (told.fleet.as_ref()?, told.snapshot.as_ref()?);
    Some(Status {
        site,
        span,
        places: [place(fleet.listing.as_ref())?, place(fleet.records.as_ref())?],
        snapshot: (snapshot.serial, snapshot.sha256[..].try_into().ok()?),
        last_change: told.last_change_serial,
        current: fleet.state() == FleetState::Current,
        behind: fleet.behind,
        alarms: told.alarms.iter().map(|alarm| alarm.code.clone()).collect(),
    })
}

/// Writes records at a site, and now and then asks for a sync there.
pub async fn operate(mut way: Way, (seed, pause): (u64, Duration), book: Arc<Book>, stop: CancellationToken) {
    let mut rng = StdRng::seed_from_u64(seed);
    for count in 0u64.. {
        let pause = pause.mul_f64(rng.random_range(0.3..1.7));
        if timeout(pause, stop.cancelled()).await.is_ok() {
            return;
        }
        let Some(channel) = way.channel().await else { continue };
        if rng.random_ratio(1, 40) {
            let sync = async move { AdminServiceClient::new(channel).trigger_sync(TriggerSyncRequest {}).await };
            // It may take as long as nobody fetches.
            tokio::spawn(timeout(CHANGE, sync));
            continue;
        }
        let records = rng.random_range(1..=3);
        let why = format!("{} {count} of {seed}", way.site);
        let begin = book.now();
        let mut admin = AdminServiceClient::new(channel);
        let outcome = outcome(timeout(CHANGE, admin.put_records(put(way.site, count, records, &why))).await);
        if !matches!(outcome, Outcome::Acknowledged(_)) {
            way.channel = None;
        }
        let change = Change { site: way.site, why, records, span: book.since(begin), outcome };
        book.open().changes.push(change);
    }
}

fn put(site: usize, count: u64, records: usize, why: &str) -> PutRecordsRequest {
    // Of nobody who is in the listing, and each once.
    let frn = |place: usize| 900_000_000 + site as u64 * 10_000_000 + count * 3 + place as u64;
    let record = |place| Record {
        provider: Some(Provider::Frn(format!("{:010}", frn(place)))),
        body: Some(Body::Override(Override { action: OverrideAction::Deny.into() })),
        why: why.to_owned(),
        ..Record::default()
    };
    PutRecordsRequest { records: (0..records).map(record).collect(), replace: false, by: "ann".to_owned() }
}

/// What an operator makes of what comes back.
fn outcome(made: Result<Result<tonic::Response<PutRecordsResponse>, tonic::Status>, Elapsed>) -> Outcome {
    match made {
        Err(_) => Outcome::Unknown(format!("no answer within {CHANGE:?}")),
        Ok(Ok(made)) => Outcome::Acknowledged(made.into_inner().events.iter().map(|event| event.serial).collect()),
        Ok(Err(status)) => {
            let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
            let said = format!("{reason}: {}", status.message());
            match reason.as_str() {
                // Whatever the site says, it does not say that nothing was changed.
                "" | "FLEET_OUTCOME_UNKNOWN" | "INTERNAL" => Outcome::Unknown(said),
                _ => Outcome::Refused(said),
            }
        }
    }
}
