//! Many questions at once: batches, and streams of questions, over real sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::common::{Daemon, Site, by_frn, by_number, eventually, status_of, stderr};
use jiff::Timestamp;
use prost::Message;
use rmdd::api::grpc::time_to_wire;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::check_stream_response::Outcome;
use rmdd::api::grpc::v1::checked_provider::Outcome as Checked;
use rmdd::api::grpc::v1::{
    AnswerDetail, CheckProviderRequest, CheckProviderResponse, CheckProvidersRequest, CheckStreamRequest,
    CheckStreamResponse, Error, ProviderRole, Reason, SnapshotRef, Ternary, Verdict,
};
use rmdd_testkit::{Step, World};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

/// A daemon with a second listing, in which some are removed, and with peers on record; and when the first one stood.
struct Scene {
    site: Site,
    daemon: Daemon,
    world: World,
    removed: Vec<String>,
    first_at: Timestamp,
}

async fn scene(seed: u64, settings: &str) -> Scene {
    let mut world = World::new(seed, 200);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start_configured(settings);
    daemon.first_sync().await;
    let first_at = crate::common::now();
    let removed = world.advance(Step { list: 2, amend: 9, remove: 5, ..Step::default() }).removed;
    site.publish(&world.to_csv());
    daemon.sync().await;
    let frn = world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned();
    for peer in [&["TG-1", &frn][..], &["591E", &frn, "--kind", "ocn", "--role", "gateway"], &["TG-gone", &removed[0]]]
    {
        let added = site.run(&[&["peers", "add"], peer, &["--by", "alice"]].concat());
        assert_eq!(status_of(&added), 0, "{}", stderr(&added));
    }
    Scene { site, daemon, world, removed, first_at }
}

fn named(identity: Identity) -> CheckProviderRequest {
    CheckProviderRequest { identity: Some(identity), ..CheckProviderRequest::default() }
}

/// Questions of every kind, good and bad.
fn questions(scene: &Scene) -> Vec<CheckProviderRequest> {
    let mut questions = vec![
        by_frn("9999999999"),
        by_number(&scene.removed[0]),
        named(Identity::Peer("tg-1".to_owned())),
        named(Identity::Peer("TG-gone".to_owned())),
        named(Identity::Ocn("591e".to_owned())),
        named(Identity::Peer("TG-nobody".to_owned())),
        named(Identity::Ocn("12".to_owned())),
        named(Identity::Peer(String::new())),
        by_frn("12AB"),
        by_number("RMD12"),
        CheckProviderRequest::default(),
    ];
    for row in scene.world.rows().take(40) {
        questions.push(by_number(row.get("number")));
        questions.push(by_frn(row.get("frn")));
        for role in [ProviderRole::VoiceService, ProviderRole::Gateway, ProviderRole::NonGatewayIntermediate] {
            questions.push(CheckProviderRequest { role: role.into(), ..by_number(row.get("number")) });
        }
    }
    for caller_id in ["+442079460018", "+12125550100", "anonymous", "abc", ""] {
        let mut abroad = CheckProviderRequest { caller_id: caller_id.to_owned(), ..by_frn("9999999999") };
        abroad.set_foreign(Ternary::Yes);
        questions.push(abroad);
    }
    let full: Vec<_> = questions
        .iter()
        .take(60)
        .map(|question| CheckProviderRequest { detail: AnswerDetail::Full.into(), ..question.clone() })
        .collect();
    questions.extend(full);
    let emergencies: Vec<_> = questions
        .iter()
        .take(12)
        .map(|question| CheckProviderRequest { emergency: true, ..question.clone() })
        .collect();
    questions.extend(emergencies);
    questions
}

/// What a call for each question alone comes to. The answers are without their snapshots.
async fn one_by_one(daemon: &Daemon, questions: &[CheckProviderRequest]) -> Vec<Result<CheckProviderResponse, Error>> {
    let mut acceptance = daemon.acceptance().await;
    let mut answers = Vec::new();
    for question in questions {
        answers.push(match acceptance.check_provider(question.clone()).await {
            Ok(answer) => Ok(CheckProviderResponse { snapshot: None, ..answer.into_inner() }),
            Err(status) => Err(Error {
                reason: status.get_details_error_info().expect("details").reason,
                code: status.code().into(),
                message: status.message().to_owned(),
            }),
        });
    }
    answers
}

async fn batch(
    daemon: &Daemon,
    questions: &[CheckProviderRequest],
    at: Option<Timestamp>,
) -> Result<(Vec<Result<CheckProviderResponse, Error>>, Option<SnapshotRef>), Status> {
    let request = CheckProvidersRequest { questions: questions.to_vec(), at: at.map(time_to_wire) };
    let response = daemon.acceptance().await.check_providers(request).await?.into_inner();
    let results = response.results.into_iter().map(|result| match result.outcome.expect("an outcome") {
        Checked::Answer(answer) => Ok(answer),
        Checked::Error(error) => Err(error),
    });
    Ok((results.collect(), response.snapshot))
}

fn reason_of(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn reasons(results: &[Result<CheckProviderResponse, Error>]) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for result in results {
        let reason = match result {
            Ok(answer) => answer.reason().as_str_name().to_owned(),
            Err(error) => error.reason.clone(),
        };
        *seen.entry(reason).or_default() += 1;
    }
    seen
}

#[tokio::test]
async fn a_batch_gives_every_question_the_answer_or_the_error_that_it_would_get_alone() {
    let scene = scene(81, "").await;
    let questions = questions(&scene);
    let alone = one_by_one(&scene.daemon, &questions).await;
    let (together, snapshot) = batch(&scene.daemon, &questions, None).await.expect("answers");
    assert_eq!(together.len(), questions.len());
    for ((question, alone), together) in questions.iter().zip(&alone).zip(&together) {
        assert_eq!(together, alone, "{question:?}");
    }
    assert_eq!(snapshot.expect("the listing").serial, 2);
    let seen = reasons(&together);
    for reason in [
        "REASON_LISTED",
        "REASON_NOT_LISTED",
        "REASON_REMOVED",
        "REASON_CALL_NOT_COVERED",
        "REASON_EMERGENCY_CALL",
        "INVALID_FRN",
        "INVALID_RMD_NUMBER",
        "INVALID_OCN",
        "INVALID_PEER",
        "PEER_UNKNOWN",
        "IDENTITY_MISSING",
    ] {
        assert!(seen.contains_key(reason), "{reason} is among them: {seen:?}");
    }
    let emergencies = questions.iter().zip(&together).filter(|(question, _)| question.emergency);
    for (question, answer) in emergencies {
        assert_eq!(answer.as_ref().map(|answer| answer.verdict()), Ok(Verdict::Accept), "{question:?}");
    }
    let (none, snapshot) = batch(&scene.daemon, &[], None).await.expect("no answers");
    assert!(none.is_empty() && snapshot.is_some());
}

#[tokio::test]
async fn before_the_first_listing_a_batch_and_a_stream_accept_calls_to_911_and_nothing_else() {
    let site = Site::new();
    let daemon = site.start();
    let questions = [
        by_frn("20237343"),
        CheckProviderRequest { emergency: true, ..by_frn("20237343") },
        CheckProviderRequest { emergency: true, ..CheckProviderRequest::default() },
    ];
    let (answers, snapshot) = batch(&daemon, &questions, None).await.expect("answers");
    assert!(snapshot.is_none());
    assert_eq!(answers[0].as_ref().expect_err("nothing is known").reason, "SNAPSHOT_NOT_LOADED");
    let (ask, mut answered) = stream(&daemon).await;
    for (place, answer) in answers.iter().enumerate() {
        if let Ok(answer) = answer {
            assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::EmergencyCall));
        }
        ask.send(asked(place as u64, &questions[place])).await.expect("taken");
        let streamed = next(&mut answered).await;
        assert_eq!(streamed.snapshot_serial, 0);
        assert_eq!(result(streamed), *answer);
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
}

#[tokio::test]
async fn a_batch_above_the_limit_is_refused_whole_and_one_at_the_limit_is_answered() {
    let scene = scene(82, "[limits]\nbatch = 7\n").await;
    let questions: Vec<_> = scene.world.rows().take(8).map(|row| by_number(row.get("number"))).collect();
    let (answers, _) = batch(&scene.daemon, &questions[..7], None).await.expect("answers");
    assert_eq!(reasons(&answers), BTreeMap::from([("REASON_LISTED".to_owned(), 7)]));
    let refused = batch(&scene.daemon, &questions, None).await.expect_err("too many");
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::InvalidArgument, "BATCH_TOO_LARGE"));
    assert!(refused.message().contains('8') && refused.message().contains('7'), "{}", refused.message());
}

#[tokio::test]
async fn a_full_batch_of_the_wordiest_questions_fits_a_request() {
    let scene = scene(83, "").await;
    let wordy = CheckProviderRequest {
        caller_id: "+12125550100".to_owned(),
        role: ProviderRole::NonGatewayIntermediate.into(),
        foreign: Ternary::No.into(),
        ..named(Identity::Peer("n".repeat(80)))
    };
    let (answers, _) = batch(&scene.daemon, &vec![wordy; 2000], None).await.expect("answers");
    assert_eq!(reasons(&answers), BTreeMap::from([("PEER_UNKNOWN".to_owned(), 2000)]));
}

#[tokio::test]
async fn a_batch_has_one_time_and_a_question_none_of_its_own() {
    let scene = scene(84, "").await;
    let mut questions = questions(&scene);
    let (answers, snapshot) = batch(&scene.daemon, &questions, Some(scene.first_at)).await.expect("answers");
    assert_eq!(snapshot.expect("the listing of then").serial, 1);
    let at = Some(time_to_wire(scene.first_at));
    let dated: Vec<_> = questions.iter().map(|question| CheckProviderRequest { at, ..question.clone() }).collect();
    // The moment stands once, with the batch.
    let mut single = one_by_one(&scene.daemon, &dated).await;
    single.iter_mut().flatten().for_each(|answer| answer.at = None);
    assert_eq!(answers, single);
    assert_eq!(answers[1].as_ref().expect("an answer").reason(), Reason::Listed, "it was removed later");

    questions[1].at = at;
    let (answers, _) = batch(&scene.daemon, &questions[..3], None).await.expect("answers");
    assert_eq!(answers[1].as_ref().expect_err("no time of its own").reason, "INVALID_TIME");
    assert_eq!(answers[0].as_ref().expect("its neighbour").reason(), Reason::NotListed);

    let future = crate::common::now() + jiff::SignedDuration::from_hours(1);
    let refused = batch(&scene.daemon, &questions, Some(future)).await.expect_err("still to come");
    assert_eq!(reason_of(&refused), "INVALID_TIME");
}

fn asked(id: u64, question: &CheckProviderRequest) -> CheckStreamRequest {
    CheckStreamRequest { id, question: Some(question.clone()) }
}

async fn streamed(
    daemon: &Daemon,
    questions: impl Stream<Item = CheckStreamRequest> + Send + 'static,
) -> Streaming<CheckStreamResponse> {
    daemon.acceptance().await.check_stream(questions).await.expect("a stream").into_inner()
}

async fn stream(daemon: &Daemon) -> (mpsc::Sender<CheckStreamRequest>, Streaming<CheckStreamResponse>) {
    let (ask, questions) = mpsc::channel(1);
    (ask, streamed(daemon, ReceiverStream::new(questions)).await)
}

async fn next(answers: &mut Streaming<CheckStreamResponse>) -> CheckStreamResponse {
    answers.message().await.expect("an answer").expect("one more")
}

fn result(response: CheckStreamResponse) -> Result<CheckProviderResponse, Error> {
    match response.outcome.expect("an outcome") {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Error(error) => Err(error),
    }
}

#[tokio::test]
async fn a_stream_answers_in_order_goes_on_after_errors_and_ends_when_the_last_is_answered() {
    let scene = scene(85, "").await;
    let questions = questions(&scene);
    let alone = one_by_one(&scene.daemon, &questions).await;
    // More than are answered in one go.
    let many: Vec<_> = (0..3000).map(|id| asked(id * 7, &questions[id as usize % questions.len()])).collect();
    let mut answers = streamed(&scene.daemon, tokio_stream::iter(many)).await;
    for id in 0..3000 {
        let answer = next(&mut answers).await;
        assert_eq!((answer.id, answer.snapshot_serial), (id * 7, 2));
        assert!(answer.snapshot_age.is_some());
        assert_eq!(answer.snapshot.is_some(), id == 0, "told once");
        assert_eq!(result(answer), alone[id as usize % questions.len()]);
    }
    assert_eq!(answers.message().await.expect("no error"), None);
}

/// A CheckStreamRequest whose question is given as bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct AskedAsBytes {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(bytes = "vec", tag = "2")]
    question: Vec<u8>,
}

#[tokio::test]
async fn a_text_that_is_none_ends_no_stream() {
    let scene = scene(89, "").await;
    let question = by_number(&scene.removed[0]);
    let bytes = |caller_id: &[u8]| {
        let mut bytes = question.encode_to_vec();
        // The field of the calling number, as a switch passes it on.
        bytes.extend([10 << 3 | 2, u8::try_from(caller_id.len()).expect("short")]);
        bytes.extend(caller_id);
        bytes
    };
    let asked = [(1, bytes(b"+1212\xff5550100")), (2, bytes(b"+12125550100")), (3, bytes(b"\xff\xfe"))];
    let asked = asked.map(|(id, question)| AskedAsBytes { id, question });
    let channel = rmdd::api::client::connect_tcp(scene.daemon.tcp.as_deref().expect("a listener")).await;
    let mut client = tonic::client::Grpc::new(channel.expect("connected"));
    client.ready().await.expect("ready");
    let codec = tonic_prost::ProstCodec::<AskedAsBytes, CheckStreamResponse>::new();
    let path = http::uri::PathAndQuery::from_static("/rmdd.v1.AcceptanceService/CheckStream");
    let request = tonic::Request::new(tokio_stream::iter(asked));
    let mut answers = client.streaming(request, path, codec).await.expect("a stream").into_inner();
    let alone = one_by_one(&scene.daemon, &[question]).await;
    for id in 1..=3 {
        let answer = next(&mut answers).await;
        assert_eq!(answer.id, id);
        assert_eq!(result(answer).expect("an answer").verdict, alone[0].as_ref().expect("an answer").verdict);
    }
    assert_eq!(answers.message().await.expect("no error"), None);
}

#[tokio::test]
async fn a_stream_tells_the_listing_anew_when_another_is_applied_or_confirmed() {
    let mut scene = scene(86, "").await;
    let (ask, mut answers) = stream(&scene.daemon).await;
    let mut reported = Vec::new();
    for step in 0..4 {
        match step {
            2 => {
                scene.world.advance(Step { remove: 1, ..Step::default() });
                scene.site.publish(&scene.world.to_csv());
                scene.daemon.sync().await;
            }
            3 => {
                scene.daemon.sync().await;
            }
            _ => {}
        }
        ask.send(asked(step, &by_frn("9999999999"))).await.expect("taken");
        let answer = next(&mut answers).await;
        reported.push((answer.snapshot_serial, answer.snapshot.map(|snapshot| snapshot.serial)));
    }
    assert_eq!(reported, [(2, Some(2)), (2, None), (3, Some(3)), (3, Some(3))]);
}

#[tokio::test]
async fn questions_about_the_past_come_out_of_order_and_hold_nothing_up() {
    let scene = scene(87, "").await;
    let (ask, mut answers) = stream(&scene.daemon).await;
    let number = &scene.removed[0];
    let then = CheckProviderRequest { at: Some(time_to_wire(scene.first_at)), ..by_number(number) };
    for id in 0..40 {
        ask.send(asked(id, &then)).await.expect("taken");
    }
    ask.send(asked(40, &by_number(number))).await.expect("taken");
    drop(ask);
    let mut seen = BTreeMap::new();
    while let Some(answer) = answers.message().await.expect("an answer") {
        assert!(seen.insert(answer.id, answer.clone()).is_none(), "once");
    }
    assert_eq!(seen.len(), 41, "half-closed, and all answered all the same");
    let now = result(seen.remove(&40).expect("the last")).expect("an answer");
    assert_eq!((now.reason(), now.snapshot), (Reason::Removed, None));
    let mut answered = 0;
    for answer in seen.into_values() {
        let serial = answer.snapshot_serial;
        match result(answer) {
            Ok(answer) => {
                assert_eq!((answer.reason(), serial), (Reason::Listed, 1), "it stood then");
                assert_eq!(answer.snapshot.expect("its own").serial, 1);
                answered += 1;
            }
            Err(error) => assert_eq!(error.reason, "HISTORY_BUSY"),
        }
    }
    assert!(answered >= 16, "{answered}");
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_read_no_further_and_loses_none() {
    const ALL: u64 = 30_000;
    let scene = scene(88, "").await;
    let read = Arc::new(AtomicU64::new(0));
    // Long ones, that fill what a connection holds the sooner.
    let question = CheckProviderRequest { caller_id: "?".repeat(500), ..by_number(&scene.removed[0]) };
    let counted = {
        let read = Arc::clone(&read);
        tokio_stream::iter(0..ALL).map(move |id| {
            read.store(id + 1, Ordering::Relaxed);
            asked(id, &question)
        })
    };
    let mut answers = streamed(&scene.daemon, counted).await;
    // The client of this test sends on its own task. It has come to a halt once it got no further for a while.
    let mut last = (0, 0);
    let halted_at = eventually("the daemon stops reading", || {
        let now = read.load(Ordering::Relaxed);
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        std::future::ready((last.1 == 100 && now > 0).then_some(now))
    })
    .await;
    assert!(halted_at < ALL, "questions without end are not taken in: {halted_at}");
    assert_eq!(
        crate::common::ask(&mut scene.daemon.acceptance().await, by_frn("9999999999")).await.reason(),
        Reason::NotListed
    );
    for id in 0..ALL {
        assert_eq!(next(&mut answers).await.id, id);
    }
    assert_eq!(answers.message().await.expect("no error"), None);
}

#[tokio::test]
async fn clients_that_disappear_leave_the_daemon_as_it_was() {
    let scene = scene(89, "shutdown_grace = \"30s\"\n").await;
    let then = CheckProviderRequest { at: Some(time_to_wire(scene.first_at)), ..by_frn("9999999999") };
    for round in 0..50 {
        let (ask, mut answers) = stream(&scene.daemon).await;
        ask.send(asked(round, &by_frn("9999999999"))).await.expect("taken");
        assert_eq!(next(&mut answers).await.id, round);
        // One is under way, and one is half sent, when the connection goes.
        ask.send(asked(round, &then)).await.expect("taken");
        let _ = ask.try_send(asked(round, &then));
    }
    assert_eq!(
        crate::common::ask(&mut scene.daemon.acceptance().await, by_frn("9999999999")).await.reason(),
        Reason::NotListed
    );
    let (status, log) = scene.daemon.terminate().await;
    assert!(status.success() && !log.contains("the grace is over") && !log.contains("panic"), "{log}");
}

#[tokio::test]
async fn a_stop_ends_streams_at_once_with_the_reason() {
    let scene = scene(90, "shutdown_grace = \"30s\"\n").await;
    let (ask, mut answers) = stream(&scene.daemon).await;
    ask.send(asked(1, &by_frn("9999999999"))).await.expect("taken");
    assert_eq!(next(&mut answers).await.id, 1);
    scene.daemon.signal("-TERM");
    let end = tokio::time::timeout(Duration::from_secs(20), answers.message()).await.expect("within the grace");
    let end = end.expect_err("it is over");
    assert_eq!((end.code(), reason_of(&end).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    drop((ask, answers));
    let (status, log) = scene.daemon.wait().await;
    assert!(status.success() && !log.contains("the grace is over"), "{log}");
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_a_stream_with_the_reason_that_it_has_everywhere() {
    let site = Site::with_listing(&World::new(44, 20).to_csv());
    let daemon = site.start_configured("[limits]\nmessage_bytes = 60\n");
    daemon.first_sync().await;
    let question = CheckProviderRequest { caller_id: "1".repeat(100), ..by_frn("20237343") };
    let alone = daemon.acceptance().await.check_provider(question.clone()).await.expect_err("too long");
    let asked = tokio_stream::iter([CheckStreamRequest { id: 1, question: Some(question) }]);
    let mut stream = daemon.acceptance().await.check_stream(asked).await.expect("a stream").into_inner();
    let ended = stream.message().await.expect_err("too long");
    assert_eq!((ended.code(), reason_of(&ended)), (alone.code(), reason_of(&alone)));
    assert_eq!(reason_of(&alone), "MESSAGE_TOO_LONG");
}
