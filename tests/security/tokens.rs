//! Tokens: who has none, a wrong one, one of each right.

use rmdd::api::client::{Bearer, Link, connect_tcp};
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::listing_service_client::ListingServiceClient;
use rmdd::api::grpc::v1::watch_changes_request::Start;
use rmdd::api::grpc::v1::{
    AnswerDetail, CheckProviderRequest, CheckProvidersRequest, CheckStreamRequest, CheckStreamResponse,
    ExportListingRequest, GetProviderRequest, GetStatusResponse, ReloadConfigRequest, Verdict, WatchChangesRequest,
    WatchChangesResponse, get_provider_request,
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::Secured;
use super::common::{Daemon, PATIENCE, by_number, json, status_of, stderr, stdout};

pub const QUERY: &str = "query-token-0123456789abcdef";
pub const OPERATOR: &str = "operator-token-0123456789abcdef";
pub const ADMIN: &str = "admin-token-0123456789abcdef";

impl Secured {
    /// A file with a token of each right, the operator's as its digest; and the setting that names it.
    pub fn tokens(&self) -> String {
        let digest: String = Sha256::digest(OPERATOR).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.write(
            "tokens.toml",
            &format!(
                "[[token]]\nname = \"switch-1\"\nright = \"query\"\ntoken = \"{QUERY}\"\n\n\
                 [[token]]\nname = \"noc\"\nright = \"operator\"\nsha256 = \"{digest}\"\n\n\
                 [[token]]\nname = \"chief\"\nright = \"admin\"\ntoken = \"{ADMIN}\"\n"
            ),
        );
        format!("tokens_file = {path:?}\n")
    }

    /// A token as a client has it: in a file of its own.
    pub fn bearer(&self, token: &str) -> Bearer {
        Bearer::read(&self.write("token", token)).expect("a token")
    }

    /// A connection that sends a token, or none.
    pub async fn link(&self, url: &str, token: Option<&str>) -> Link {
        let bearer = token.map_or_else(Bearer::default, |token| self.bearer(token));
        Link::new(connect_tcp(url).await.expect("a connection"), bearer)
    }
}

/// The code and the reason of a refusal.
pub fn refusal(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

/// What each of the query services' ways says to a client: nothing where it is answered.
async fn ways(link: Link, number: &str) -> Vec<Option<(Code, String)>> {
    let mut acceptance = AcceptanceServiceClient::new(link.clone());
    let mut listing = ListingServiceClient::new(link.clone());
    let got = get_provider_request::Identity::RmdNumber(number.to_owned());
    let refused = [
        acceptance.check_provider(by_number(number)).await.err(),
        acceptance.check_providers(CheckProvidersRequest::default()).await.err(),
        acceptance.check_stream(tokio_stream::empty()).await.err(),
        listing.get_provider(GetProviderRequest { identity: Some(got), ..GetProviderRequest::default() }).await.err(),
        listing.export_listing(ExportListingRequest::default()).await.err(),
        HealthClient::new(link).check(HealthCheckRequest { service: String::new() }).await.err(),
    ];
    refused.iter().map(|refused| refused.as_ref().map(refusal)).collect()
}

async fn get(daemon: &Daemon, path: &str, token: Option<&str>) -> reqwest::Response {
    let client = crate::common::web();
    let mut request = client.get(format!("{}{path}", daemon.http.as_deref().expect("HTTP")));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("an answer")
}

/// The page of metrics.
pub async fn metrics(daemon: &Daemon, token: Option<&str>) -> String {
    get(daemon, "/metrics", token).await.text().await.expect("a page")
}

async fn over_http(daemon: &Daemon, path: &str, token: Option<&str>) -> (u16, String, String) {
    let answer = get(daemon, path, token).await;
    let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned();
    (answer.status().as_u16(), header("rmdd-error"), header("www-authenticate"))
}

#[tokio::test]
async fn where_tokens_are_required_nobody_is_answered_without_a_known_one() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\nrequire = true\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    let missing = Some((Code::Unauthenticated, "TOKEN_MISSING".to_owned()));
    let unknown = Some((Code::Unauthenticated, "TOKEN_UNKNOWN".to_owned()));

    assert_eq!(ways(secured.link(&url, None).await, &secured.number).await, vec![missing; 6]);
    let close = format!("{}x", &QUERY[..QUERY.len() - 1]);
    for wrong in ["no-such-token-at-all-anywhere", &close, &QUERY[..QUERY.len() - 1], &format!("{QUERY}0")] {
        assert_eq!(ways(secured.link(&url, Some(wrong)).await, &secured.number).await, vec![unknown.clone(); 6]);
    }
    for good in [QUERY, OPERATOR, ADMIN] {
        let link = secured.link(&url, Some(good)).await;
        // Twice on one connection: the second time it is known.
        for _ in 0..2 {
            assert_eq!(ways(link.clone(), &secured.number).await, vec![None; 6], "{good}");
        }
    }

    let path = format!("/v1/check/{}", secured.number);
    let challenge = "Bearer realm=\"rmdd\"".to_owned();
    for path in [&path, "/metrics", "/openapi.json", "/v1/removals", "/nowhere"] {
        let denied = over_http(&daemon, path, None).await;
        assert_eq!(denied, (401, "TOKEN_MISSING".to_owned(), challenge.clone()), "{path}");
        let denied = over_http(&daemon, path, Some("no-such-token-at-all")).await;
        assert_eq!(denied, (401, "TOKEN_UNKNOWN".to_owned(), challenge.clone()), "{path}");
    }
    for path in [&path, "/metrics", "/openapi.json", "/v1/removals"] {
        assert_eq!(over_http(&daemon, path, Some(QUERY)).await.0, 200, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(over_http(&daemon, path, None).await.0, 200, "{path}");
    }

    // No token is ever shown.
    let (_, log) = daemon.terminate().await;
    let shown = stdout(&secured.site.run(&["--config", &secured.config(), "config", "check"]));
    assert!(shown.contains("access.tokens_file") && log.contains("was refused to"), "{shown}{log}");
    for token in [QUERY, OPERATOR, ADMIN, "no-such-token-at-all"] {
        assert!(!log.contains(token) && !shown.contains(token), "{log}{shown}");
    }
}

#[tokio::test]
async fn the_decision_log_names_whose_token_it_was_and_who_on_this_machine_asked() {
    let secured = Secured::new();
    secured.configure(&format!("[decision_log]\nlog = \"all\"\n[access]\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    // Both tokens on one connection: each query is its own's.
    let channel = connect_tcp(&url).await.expect("a connection");
    for token in [Some(QUERY), Some(OPERATOR), Some(QUERY), None] {
        let bearer = token.map_or_else(Bearer::default, |token| secured.bearer(token));
        let mut client = AcceptanceServiceClient::new(Link::new(channel.clone(), bearer));
        client.check_provider(by_number(&secured.number)).await.expect("a verdict");
        client
            .check_providers(CheckProvidersRequest { questions: vec![by_number(&secured.number)], at: None })
            .await
            .expect("verdicts");
    }
    let mut streamed = AcceptanceServiceClient::new(secured.link(&url, Some(ADMIN)).await);
    let question = CheckStreamRequest { id: 1, question: Some(by_number(&secured.number)) };
    let mut answers = streamed.check_stream(tokio_stream::iter([question])).await.expect("a stream").into_inner();
    answers.message().await.expect("no error").expect("an answer");
    let path = format!("/v1/check/{}", secured.number);
    assert_eq!(over_http(&daemon, &path, Some(QUERY)).await.0, 200);
    daemon.acceptance().await.check_provider(by_number(&secured.number)).await.expect("a verdict");
    daemon.terminate().await;
    let asked: Vec<String> = crate::common::decisions(&secured.site.state_dir().join("decisions.jsonl"))
        .iter()
        .map(|line| line["asked_by"].as_str().unwrap_or_default().to_owned())
        .collect();
    let both = |name: &'static str| [name, name];
    let mut expected: Vec<&str> =
        [both("token switch-1"), both("token noc"), both("token switch-1"), both("127.0.0.1")].concat();
    expected.extend(["token chief", "token switch-1"]);
    assert_eq!(asked[..10], expected[..]);
    assert!(asked[10].starts_with("user ") || asked[10] == "127.0.0.1", "{}", asked[10]);
}

#[tokio::test]
async fn where_none_is_required_only_a_wrong_one_is_refused() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    assert_eq!(ways(secured.link(&url, None).await, &secured.number).await, vec![None; 6]);
    let unknown = Some((Code::Unauthenticated, "TOKEN_UNKNOWN".to_owned()));
    let wrong = secured.link(&url, Some("no-such-token-at-all")).await;
    assert_eq!(ways(wrong, &secured.number).await, vec![unknown; 6]);
}

#[tokio::test]
async fn a_token_that_is_taken_away_stops_to_count_on_connections_that_are_open() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\nrequire = true\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let link = secured.link(daemon.tcp.as_deref().expect("gRPC"), Some(QUERY)).await;
    let mut acceptance = AcceptanceServiceClient::new(link);
    let answer = acceptance.check_provider(by_number(&secured.number)).await.expect("a verdict").into_inner();
    assert_eq!(answer.verdict(), Verdict::Accept);

    let mut admin = daemon.admin().await;
    secured.write("tokens.toml", "[[token]]\nname = \"x\"\nright = \"query\"\ntoken = \"short\"\n");
    let broken = admin.reload_config(ReloadConfigRequest {}).await.expect_err("a broken file");
    assert!(broken.message().contains("tokens.toml") && !broken.message().contains("short\""), "{broken:?}");
    acceptance.check_provider(by_number(&secured.number)).await.expect("those of before stay in force");
    let refused = |status: &GetStatusResponse| {
        status.alarms.iter().find(|alarm| alarm.code == "RELOAD_REFUSED").map(|alarm| alarm.message.clone())
    };
    let alarm = refused(&daemon.status().await).expect("an alarm, since they were to be taken away");
    assert!(alarm.contains("tokens.toml") && alarm.contains("openssl rand") && !alarm.contains("short\""), "{alarm}");
    let page = metrics(&daemon, Some(QUERY)).await;
    assert!(page.contains("rmdd_alarms{code=\"RELOAD_REFUSED\",severity=\"warning\"} 1"), "{page}");

    secured.write("tokens.toml", &format!("[[token]]\nname = \"x\"\nright = \"query\"\ntoken = \"{ADMIN}\"\n"));
    let reloaded = admin.reload_config(ReloadConfigRequest {}).await.expect("reloaded").into_inner();
    assert_eq!(reloaded.applied, ["access (other tokens)"]);
    assert_eq!(refused(&daemon.status().await), None);
    let gone = acceptance.check_provider(by_number(&secured.number)).await.expect_err("gone");
    assert_eq!(refusal(&gone), (Code::Unauthenticated, "TOKEN_UNKNOWN".to_owned()));
}

/// Streams that are open, with the same token or none.
struct Streams {
    link: Link,
    questions: mpsc::Sender<CheckStreamRequest>,
    answers: Streaming<CheckStreamResponse>,
    changes: Streaming<WatchChangesResponse>,
}

impl Streams {
    async fn open(link: Link) -> Self {
        let (questions, asked) = mpsc::channel(4);
        let answers = AcceptanceServiceClient::new(link.clone()).check_stream(ReceiverStream::new(asked)).await;
        let changes = ListingServiceClient::new(link.clone()).watch_changes(from_now()).await;
        let mut changes = changes.expect("a stream").into_inner();
        soon(changes.message()).await.expect("no end").expect("a checkpoint");
        Self { link, questions, answers: answers.expect("a stream").into_inner(), changes }
    }

    /// Whether both go on: a question is answered, and a sync is told.
    async fn assert_open(&mut self, daemon: &Daemon, number: &str) {
        self.ask(number).await;
        soon(self.answers.message()).await.expect("no end").expect("an answer");
        daemon.sync().await;
        soon(self.changes.message()).await.expect("no end").expect("a checkpoint");
    }

    async fn ask(&self, number: &str) {
        let question = CheckStreamRequest { id: 1, question: Some(by_number(number)) };
        self.questions.send(question).await.expect("sent");
    }

    /// That both end, and as a call does that begins now; the first at its next question, the other by itself.
    async fn assert_ended(mut self, number: &str, reason: &str) {
        let ended = soon(self.changes.message()).await.expect_err("the end");
        self.ask(number).await;
        let unanswered = soon(self.answers.message()).await.expect_err("the end");
        let begun = ListingServiceClient::new(self.link).watch_changes(from_now()).await.expect_err("refused");
        assert_eq!(refusal(&begun), (Code::Unauthenticated, reason.to_owned()));
        for ended in [ended, unanswered] {
            assert_eq!((refusal(&ended), ended.message()), (refusal(&begun), begun.message()));
        }
    }
}

fn from_now() -> WatchChangesRequest {
    WatchChangesRequest { start: Some(Start::FromNow(true)), known: None }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("something comes")
}

#[tokio::test]
async fn streams_that_are_open_end_with_the_right_to_them_and_others_go_on() {
    let secured = Secured::new();
    let tokens = secured.tokens();
    secured.configure(&format!("[access]\n{tokens}"));
    let daemon = secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    let mut admin = daemon.admin().await;
    let switch = Streams::open(secured.link(&url, Some(QUERY)).await).await;
    let mut nobody = Streams::open(secured.link(&url, None).await).await;
    let mut chief = Streams::open(secured.link(&url, Some(ADMIN)).await).await;

    secured.write("tokens.toml", &format!("[[token]]\nname = \"chief\"\nright = \"query\"\ntoken = \"{ADMIN}\"\n"));
    admin.reload_config(ReloadConfigRequest {}).await.expect("reloaded");
    switch.assert_ended(&secured.number, "TOKEN_UNKNOWN").await;
    nobody.assert_open(&daemon, &secured.number).await;
    soon(chief.changes.message()).await.expect("no end").expect("the checkpoint of the same sync");

    secured.configure(&format!("[access]\nrequire = true\n{tokens}"));
    admin.reload_config(ReloadConfigRequest {}).await.expect("reloaded");
    nobody.assert_ended(&secured.number, "TOKEN_MISSING").await;
    chief.assert_open(&daemon, &secured.number).await;
    admin.reload_config(ReloadConfigRequest {}).await.expect("reloaded, and nothing is another");
    chief.assert_open(&daemon, &secured.number).await;
}

#[tokio::test]
async fn commands_send_the_token_that_stands_in_a_file() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\nrequire = true\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    let token = secured.write("token", &format!("{QUERY}\n")).display().to_string();
    let check = ["check", &secured.number, "--connect", &url];
    let without = secured.site.run(&check);
    assert!(status_of(&without) == 2 && stderr(&without).contains("--token-file"), "{}", stderr(&without));
    let with = secured.site.run(&[&check[..], &["--token-file", &token]].concat());
    assert_eq!(status_of(&with), 0, "{}", stderr(&with));

    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o604)).expect("its mode set");
    let exposed = secured.site.run(&[&check[..], &["--token-file", &token]].concat());
    assert!(stderr(&exposed).contains("chmod o-rwx"), "{}", stderr(&exposed));
}

#[tokio::test]
async fn tokens_come_from_systemd_too_and_bad_settings_are_refused() {
    use std::os::unix::fs::PermissionsExt;

    let secured = Secured::new();
    secured.tokens();
    std::fs::rename(secured.path("tokens.toml"), secured.path("rmdd-tokens")).expect("renamed");
    secured.configure("[access]\nrequire = true\n");
    let mut command = super::common::rmdd();
    command.env("CREDENTIALS_DIRECTORY", secured.site.directory.path());
    command.args(["serve", "--grpc-listen", "127.0.0.1:0", "--config", &secured.config(), "--state-dir"]);
    let daemon = Daemon::spawn({
        command.arg(secured.site.state_dir());
        command
    });
    daemon.first_sync().await;
    let link = secured.link(daemon.tcp.as_deref().expect("gRPC"), Some(QUERY)).await;
    assert_eq!(ways(link, &secured.number).await, vec![None; 6]);
    daemon.terminate().await;

    let said = secured.refused(&["config", "check"]);
    assert!(said.contains("nobody could be let in") && said.contains("access.tokens_file"), "{said}");
    secured.configure(&format!("[access]\n{}", secured.tokens()));
    let tokens = secured.path("tokens.toml");
    std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o644)).expect("its mode set");
    for arguments in [&["config", "check"][..], &["serve", "--grpc-listen", "192.0.2.1:1"]] {
        let said = secured.refused(arguments);
        assert!(said.contains("tokens.toml") && said.contains("chmod o-rwx"), "{said}");
    }

    secured.configure("[grpc]\nlisten = \"0.0.0.0:0\"\n");
    let checked = secured.site.run(&["--config", &secured.config(), "config", "check"]);
    assert!(status_of(&checked) == 0 && stdout(&checked).contains("WARNING"), "{}", stdout(&checked));
    let reported = json(&secured.site.run(&["--config", &secured.config(), "config", "check", "--json"]));
    let warning = reported["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("grpc.listen") && warning.contains("access.require"), "{warning}");
}

#[tokio::test]
async fn a_token_that_is_not_known_keeps_no_call_to_911_from_its_answer_where_none_is_required() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let unknown = Some("rotated-out-long-ago-0123456789");
    let path = format!("/v1/check/{}", secured.number);
    assert_eq!(over_http(&daemon, &path, unknown).await.0, 401);
    assert_eq!(
        over_http(&daemon, &format!("{path}?emergency=true"), unknown).await,
        (200, String::new(), String::new())
    );

    let link = secured.link(daemon.tcp.as_deref().expect("gRPC"), unknown).await;
    let mut acceptance = AcceptanceServiceClient::new(link);
    let query = by_number(&secured.number);
    assert_eq!(refusal(&acceptance.check_provider(query.clone()).await.expect_err("refused")).1, "TOKEN_UNKNOWN");
    let emergency = CheckProviderRequest { emergency: true, ..query };
    let answer = acceptance.check_provider(emergency).await.expect("answered").into_inner();
    assert_eq!(answer.verdict(), Verdict::Accept);
}

#[tokio::test]
async fn what_operators_note_for_themselves_is_in_answers_to_operators_alone() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\n{}", secured.tokens()));
    let why = "fraud, ticket 4711";
    let override_it = ["overrides", "add", "deny", &secured.number, "--why", why, "--by", "mallory"];
    let config = secured.config();
    let daemon = secured.start().await;
    let added = secured.site.run(&[&["--config", config.as_str()][..], &override_it].concat());
    assert_eq!(status_of(&added), 0, "{}", stderr(&added));

    let path = format!("/v1/check/{}", secured.number);
    let mut acceptance =
        AcceptanceServiceClient::new(secured.link(daemon.tcp.as_deref().expect("gRPC"), Some(QUERY)).await);
    let full = CheckProviderRequest { detail: AnswerDetail::Full as i32, ..by_number(&secured.number) };
    let over_grpc = format!("{:?}", acceptance.check_provider(full).await.expect("answered"));
    for (token, shown) in [(None, false), (Some(QUERY), false), (Some(OPERATOR), true), (Some(ADMIN), true)] {
        for path in [path.clone(), format!("{path}?format=text")] {
            let answer = get(&daemon, &path, token).await.text().await.expect("a text");
            assert!(answer.contains("REFUSE") && answer.contains("OVERRIDE"), "{answer}");
            assert_eq!((answer.contains(why), answer.contains("mallory")), (shown, shown), "{token:?}: {answer}");
        }
    }
    assert!(
        over_grpc.contains("Override") && !over_grpc.contains(why) && !over_grpc.contains("mallory"),
        "{over_grpc}"
    );
    // Whoever is root here reads it.
    let asked = secured.site.run(&["--config", &config, "check", &secured.number]);
    assert!(stdout(&asked).contains(why), "{}", stdout(&asked));
}

#[test]
fn tokens_that_may_not_be_looked_at_are_not_as_if_there_were_none() {
    let secured = Secured::new();
    secured.configure("");
    // A file where a directory is named: no way leads into it, for root neither.
    let mut check = super::common::rmdd();
    check.env("CREDENTIALS_DIRECTORY", secured.config()).args(["--config", &secured.config(), "config", "check"]);
    let output = check.output().expect("it runs");
    assert_eq!(status_of(&output), 2, "{}", stdout(&output));
    assert!(stderr(&output).contains("rmdd-tokens"), "{}", stderr(&output));
}

#[tokio::test]
async fn who_guesses_tokens_is_soon_not_believed_any_more_nor_others_behind_the_same_address_but_for_those_that_were() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\nrequire = true\n{}", secured.tokens()));
    let daemon = secured.start().await;
    let url = daemon.tcp.clone().expect("a listener");
    let ask = async |token: &str| {
        let mut client = AcceptanceServiceClient::new(secured.link(&url, Some(token)).await);
        client.check_provider(by_number(&secured.number)).await.map(|_| ()).map_err(|status| refusal(&status))
    };
    ask(QUERY).await.expect("it is known");
    let mut refused = Vec::new();
    for guess in 0..40 {
        refused.push(ask(&format!("guess-{guess:030}")).await.expect_err("a guess"));
    }
    assert_eq!(refused[0], (Code::Unauthenticated, "TOKEN_UNKNOWN".to_owned()));
    let bounded = (Code::ResourceExhausted, "TOO_MANY_TRIES".to_owned());
    assert_eq!(refused.last(), Some(&bounded));
    assert_eq!(ask(ADMIN).await, Err(bounded), "a right guess tells nothing");
    ask(QUERY).await.expect("it was good from here before");
    let (_, log) = daemon.terminate().await;
    let lines = log.lines().filter(|line| line.contains("was refused to")).count();
    assert_eq!(lines, 1, "{log}");
    assert!(!log.contains("guess-"), "{log}");
}
