//! Verdict and reason are the provider's, whichever of its numbers or names is asked, and whoever answers.

use std::collections::{BTreeMap, HashMap};

use rmdd::api::grpc::role_to_wire;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::check_stream_response::Outcome as Streamed;
use rmdd::api::grpc::v1::checked_provider::Outcome;
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{
    self, CheckProviderRequest, CheckProviderResponse, CheckProvidersRequest, CheckStreamRequest, Peer,
    PutRecordsRequest, Record, SyncOutcome,
};
use rmdd::decide::{Policy, Query, decide};
use rmdd::domain::{Frn, Identity as Named, ProviderRole, RmdNumber, Ternary};
use rmdd::listing::index::Index;
use rmdd::records::Records;
use rmdd_testkit::World;
use serde_json::Value;
use tokio_stream::StreamExt;

use crate::common::indexed::index;
use crate::common::real::week;
use crate::common::{Daemon, Site, status_of, stderr, stdout};

/// What a question says besides whom it is about: the role, whether it is foreign, whether the caller is a US number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    role: Option<ProviderRole>,
    foreign: Ternary,
    us: Ternary,
}

fn all_asked() -> Vec<Asked> {
    let roles = [None].into_iter().chain(ProviderRole::ALL.map(Some));
    let known = [(Ternary::Unknown, Ternary::Unknown), (Ternary::Unknown, Ternary::No), (Ternary::Yes, Ternary::No)];
    roles.flat_map(|role| known.map(|(foreign, us)| Asked { role, foreign, us })).collect()
}

fn to_wire(ternary: Ternary) -> v1::Ternary {
    match ternary {
        Ternary::Unknown => v1::Ternary::Unspecified,
        Ternary::Yes => v1::Ternary::Yes,
        Ternary::No => v1::Ternary::No,
    }
}

/// A way to name the provider of one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum By {
    Frn(String),
    Number(String),
    /// A peer that is bound to the row's FRN.
    PeerOfFrn(String),
    /// A peer that is bound to the row's number.
    PeerOfNumber(String),
}

impl By {
    fn identity(&self) -> Identity {
        match self {
            Self::Frn(text) => Identity::Frn(text.clone()),
            Self::Number(text) => Identity::RmdNumber(text.clone()),
            Self::PeerOfFrn(number) => Identity::Peer(format!("TG-frn-{number}")),
            Self::PeerOfNumber(number) => Identity::Peer(format!("TG-num-{number}")),
        }
    }

    /// As it stands in a list or an address.
    fn text(&self) -> String {
        match self.identity() {
            Identity::Frn(text) | Identity::RmdNumber(text) | Identity::Ocn(text) | Identity::Peer(text) => text,
        }
    }

    fn request(&self, asked: Asked) -> CheckProviderRequest {
        let mut request = CheckProviderRequest { identity: Some(self.identity()), ..CheckProviderRequest::default() };
        request.set_role(asked.role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
        request.set_foreign(to_wire(asked.foreign));
        request.set_us_caller_id(to_wire(asked.us));
        request
    }
}

/// A row: its number, its FRN where it has one, and all that its provider is known by.
struct Row {
    number: RmdNumber,
    frn: Option<Frn>,
}

impl Row {
    fn names(&self, with_peers: bool) -> Vec<By> {
        let number = self.number.to_string();
        let mut names = vec![By::Number(number.clone())];
        names.extend(self.frn.map(|frn| By::Frn(frn.to_string())));
        if with_peers {
            names.push(By::PeerOfNumber(number.clone()));
            names.extend(self.frn.map(|_| By::PeerOfFrn(number)));
        }
        names
    }
}

type Answer = (String, String);

fn reported(answer: &CheckProviderResponse) -> Answer {
    (word(answer.verdict().as_str_name()), word(answer.reason().as_str_name()))
}

fn word(name: &str) -> String {
    name.split_once('_').map_or(name, |(_, word)| word).to_owned()
}

/// What is decided in this process, of every row by all its numbers; they must agree.
fn decided(index: &Index, rows: &[Row]) -> HashMap<(RmdNumber, Asked), Answer> {
    let (records, policy) = (Records::default(), Policy::default());
    let mut answers = HashMap::new();
    let mut of_frns: HashMap<(Frn, Asked), Answer> = HashMap::new();
    for row in rows {
        for asked in all_asked() {
            let Asked { role, foreign, us } = asked;
            let ask = |identity| {
                let query = Query { role, foreign, us_caller_id: us, ..Query::about(identity) };
                let reported = decide(index, &records, &query, &policy, index.confirmed_at()).expect("a verdict");
                (reported.verdict.as_str().to_owned(), reported.reason.as_str().to_owned())
            };
            let answer = ask(Named::RmdNumber(row.number));
            if let Some(frn) = row.frn {
                assert_eq!(ask(Named::Frn(frn)), answer, "{} by FRN: {asked:?}", row.number);
                let before = of_frns.entry((frn, asked)).or_insert_with(|| answer.clone());
                assert_eq!(*before, answer, "{} by its number: {asked:?}", row.number);
            }
            answers.insert((row.number, asked), answer);
        }
    }
    answers
}

fn rows(index: &Index) -> Vec<Row> {
    let filings = &index.snapshot().filings;
    filings.iter().map(|filing| Row { number: filing.number(), frn: filing.frn() }).collect()
}

/// A world in which some providers have several filings that say all manner of things.
fn quirky_world() -> World {
    let mut world = World::new(23, 90);
    let numbers: Vec<String> = world.rows().map(|row| row.get("number").to_owned()).collect();
    let (roles, answers) = (
        ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"],
        ["Yes", "No", "", "N/A", "Maybe", " no "],
    );
    for (place, number) in numbers.iter().enumerate() {
        let frn = world.rows().nth(place - place % 3).expect("a row").get("frn").to_owned();
        let row = world.row_mut(number).expect("it stands");
        // Two thirds share an FRN with another, and answer in all the ways that there are.
        if place % 3 > 0 {
            if !frn.is_empty() {
                row.set("frn", frn);
            }
            for (role, turn) in roles.iter().zip([1, 7, 31]) {
                row.set(role, answers[place * turn / 2 % answers.len()]);
            }
            row.set("foreign_voice_provider", ["Yes", "No", "", "Perhaps", "Yes"][place % 5]);
        }
    }
    world
}

async fn bind_peers(daemon: &Daemon, rows: &[Row]) {
    let peer = |name: String, provider| Record {
        provider: Some(provider),
        body: Some(Body::Peer(Peer { kind: 0, name, role: 0 })),
        ..Record::default()
    };
    let mut records = Vec::new();
    for row in rows {
        let number = row.number.to_string();
        records.push(peer(format!("TG-num-{number}"), Provider::RmdNumber(number.clone())));
        records.extend(row.frn.map(|frn| peer(format!("TG-frn-{number}"), Provider::Frn(frn.to_string()))));
    }
    let put = PutRecordsRequest { records, replace: false, by: "alice".to_owned() };
    daemon.admin().await.put_records(put).await.expect("put");
}

/// Every question that there is about these rows, with its answer.
fn questions(
    rows: &[Row],
    with_peers: bool,
    answers: &HashMap<(RmdNumber, Asked), Answer>,
) -> Vec<(By, Asked, Answer)> {
    let all = rows.iter().flat_map(|row| row.names(with_peers).into_iter().map(move |by| (row.number, by)));
    all.flat_map(|(number, by)| {
        all_asked().into_iter().map(move |asked| (by.clone(), asked, answers[&(number, asked)].clone()))
    })
    .collect()
}

async fn by_batch(daemon: &Daemon, questions: &[(By, Asked, Answer)]) {
    let mut client = daemon.acceptance().await;
    for part in questions.chunks(2000) {
        let asked = part.iter().map(|(by, asked, _)| by.request(*asked)).collect();
        let answer = client.check_providers(CheckProvidersRequest { questions: asked, at: None }).await;
        let results = answer.expect("answers").into_inner().results;
        assert_eq!(results.len(), part.len());
        for (result, (by, asked, expected)) in results.iter().zip(part) {
            let Some(Outcome::Answer(answer)) = &result.outcome else { panic!("{by:?}: {result:?}") };
            assert_eq!(reported(answer), *expected, "{by:?} in a batch: {asked:?}");
        }
    }
}

async fn by_stream(daemon: &Daemon, questions: &[(By, Asked, Answer)]) {
    let asked: Vec<_> = questions.iter().zip(0..).collect();
    let asked =
        asked.into_iter().map(|((by, asked, _), id)| CheckStreamRequest { id, question: Some(by.request(*asked)) });
    let stream = tokio_stream::iter(asked.collect::<Vec<_>>());
    let mut answers = daemon.acceptance().await.check_stream(stream).await.expect("a stream").into_inner();
    for (by, asked, expected) in questions {
        let answer = answers.next().await.expect("an answer").expect("no error");
        let Some(Streamed::Answer(answer)) = &answer.outcome else { panic!("{by:?}: {answer:?}") };
        assert_eq!(reported(answer), *expected, "{by:?} on a stream: {asked:?}");
    }
}

async fn by_call_and_http(daemon: &Daemon, questions: &[(By, Asked, Answer)]) {
    let mut client = daemon.acceptance().await;
    let web = crate::common::web();
    let address = daemon.http.as_deref().expect("an HTTP listener");
    for (by, asked, expected) in questions {
        let answer = client.check_provider(by.request(*asked)).await.expect("an answer").into_inner();
        assert_eq!(reported(&answer), *expected, "{by:?} by a call: {asked:?}");
        let role = asked.role.map_or("", ProviderRole::as_str);
        let (foreign, us) = (asked.foreign.as_str(), asked.us.as_str());
        let url = format!("{address}/v1/check/{}?role={role}&foreign={foreign}&us_caller_id={us}", by.text());
        let response = web.get(url).send().await.expect("an answer");
        let json: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
        let answer = (json["verdict"].as_str().unwrap_or_default(), json["reason"].as_str().unwrap_or_default());
        assert_eq!(answer, (expected.0.as_str(), expected.1.as_str()), "{by:?} over HTTP: {asked:?}");
    }
}

/// A list says who and in which role; whether an upstream is foreign it does not.
fn by_file(site: &Site, column: &str, questions: &[(By, Asked, Answer)]) {
    let listed: Vec<_> = questions
        .iter()
        .filter(|(_, asked, _)| asked.foreign == Ternary::Unknown && asked.us == Ternary::Unknown)
        .filter(|(by, ..)| matches!(by.identity(), Identity::Peer(_)) == (column == "peer"))
        .collect();
    let mut list = format!("upstream,{column},role\n");
    for ((by, asked, _), place) in listed.iter().zip(1..) {
        list += &format!("{place},{},{}\n", by.text(), asked.role.map_or("", ProviderRole::as_str));
    }
    let file = site.directory.path().join("upstreams.csv");
    std::fs::write(&file, list).expect("written");
    let output = site.run(&["check", "--file", &file.display().to_string(), "--json"]);
    assert!(status_of(&output) < 2, "{}", stderr(&output));
    let answers: BTreeMap<String, Answer> = stdout(&output)
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).expect("JSON");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&answer["upstream"]["upstream"]), (text(&answer["verdict"]), text(&answer["reason"])))
        })
        .collect();
    assert_eq!(answers.len(), listed.len());
    for ((by, asked, expected), place) in listed.iter().zip(1..) {
        assert_eq!(answers[&place.to_string()], *expected, "{by:?} in a list: {asked:?}");
    }
}

#[tokio::test]
async fn every_row_has_one_answer_by_each_of_its_numbers_and_names_wherever_it_is_asked() {
    let bytes = quirky_world().to_csv();
    let index = index(&bytes, crate::common::now());
    let rows = rows(&index);
    let answers = decided(&index, &rows);
    let site = Site::with_listing(&bytes);
    let daemon = site.start();
    let first = daemon.first_sync().await;
    assert_eq!(first.outcome(), SyncOutcome::Applied, "{}", first.error);
    bind_peers(&daemon, &rows).await;
    let questions = questions(&rows, true, &answers);
    let mut reasons: Vec<&str> = questions.iter().map(|(.., (_, reason))| reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons, ["CALL_NOT_COVERED", "LISTED", "ROLE_NOT_CERTIFIED"], "the world holds them all");
    by_batch(&daemon, &questions).await;
    by_stream(&daemon, &questions).await;
    let some: Vec<_> = questions.iter().step_by(23).cloned().collect();
    by_call_and_http(&daemon, &some).await;
    by_file(&site, "provider", &questions);
    by_file(&site, "peer", &questions);
}

#[tokio::test]
async fn every_row_of_a_real_week_has_one_answer_by_each_of_its_numbers() {
    let Some(bytes) = week("2024-02-26.csv") else { return };
    let index = index(&bytes, crate::common::now());
    let rows = rows(&index);
    let answers = decided(&index, &rows);
    let site = Site::with_listing(&bytes);
    let daemon = site.start();
    daemon.first_sync().await;
    let shared = |row: &&Row| row.frn.is_some_and(|frn| index.by_frn(frn).count() > 1);
    let some: Vec<Row> = rows
        .iter()
        .enumerate()
        .filter(|(place, row)| place % 40 == 0 || (place % 4 == 0 && shared(row)))
        .map(|(_, row)| Row { number: row.number, frn: row.frn })
        .collect();
    by_batch(&daemon, &questions(&some, false, &answers)).await;
}
