//! The administration: where it is, where it is not, and who may do what there.

use rmdd::api::client::{Link, TlsFiles, connect_tls};
use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::{
    BackupRequest, CompactRequest, GetStatusRequest, ListRecordsRequest, PutRecordsRequest, ReloadConfigRequest,
    TriggerSyncRequest, VerifyRequest,
};
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::Secured;
use super::common::{Daemon, json, status_of, stderr, stdout};
use super::pki::{self, Pki};
use super::tokens::{ADMIN, OPERATOR, QUERY, refusal};

/// What a client is told, of operators' RPCs and then of admins'.
async fn reported(link: Link) -> (Vec<Option<(Code, String)>>, Vec<Option<(Code, String)>>) {
    let mut admin = AdminServiceClient::new(link);
    let operators = [
        admin.get_status(GetStatusRequest {}).await.err(),
        admin.trigger_sync(TriggerSyncRequest {}).await.err(),
        admin.list_records(ListRecordsRequest { kind: 1, ..ListRecordsRequest::default() }).await.err(),
        admin.verify(VerifyRequest {}).await.err(),
    ];
    let admins = [
        admin.reload_config(ReloadConfigRequest {}).await.err(),
        admin.compact(CompactRequest {}).await.err(),
        admin.backup(BackupRequest {}).await.err(),
        // An empty list is an error of another kind for those who may.
        admin
            .put_records(PutRecordsRequest::default())
            .await
            .err()
            .filter(|error| !matches!(error.code(), Code::InvalidArgument)),
    ];
    let codes =
        |reported: &[Option<tonic::Status>]| reported.iter().map(|reported| reported.as_ref().map(refusal)).collect();
    (codes(&operators), codes(&admins))
}

async fn services(link: Link) -> Vec<String> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(link);
    let answer = client.server_reflection_info(tokio_stream::once(request)).await.expect("reflection");
    match answer.into_inner().message().await.expect("an answer").expect("one").message_response {
        Some(MessageResponse::ListServicesResponse(listed)) => {
            listed.service.into_iter().map(|service| service.name).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn start_with_admin(secured: &Secured) -> Daemon {
    secured.site.start_with(&["--config", &secured.config(), "--admin-listen", "127.0.0.1:0"])
}

#[tokio::test]
async fn by_default_it_is_on_the_unix_socket_alone() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\n{}", secured.tokens()));
    let daemon = secured.start().await;
    assert_eq!(daemon.administration, None);
    // Not even for those who may do everything.
    let link = secured.link(daemon.tcp.as_deref().expect("gRPC"), Some(ADMIN)).await;
    let refused = AdminServiceClient::new(link.clone()).get_status(GetStatusRequest {}).await.expect_err("not here");
    assert_eq!(refused.code(), Code::Unimplemented);
    let listed = services(link).await;
    assert!(listed.contains(&"rmdd.v1.AcceptanceService".to_owned()), "{listed:?}");
    assert!(!listed.iter().any(|name| name.contains("Admin")), "{listed:?}");
    let here = services(Link::new(daemon.unix().await, Default::default())).await;
    assert!(here.contains(&"rmdd.v1.AdminService".to_owned()), "{here:?}");
}

#[tokio::test]
async fn on_a_listener_of_its_own_each_right_reaches_as_far_as_it_does() {
    let secured = Secured::new();
    secured.configure(&format!("[access]\n{}", secured.tokens()));
    let daemon = start_with_admin(&secured);
    daemon.first_sync().await;
    let url = daemon.administration.clone().expect("the administration");
    let missing = Some((Code::PermissionDenied, "RIGHT_MISSING".to_owned()));
    let none = Some((Code::Unauthenticated, "TOKEN_MISSING".to_owned()));
    let (operators, admins) = reported(secured.link(&url, None).await).await;
    assert_eq!((operators, admins), (vec![none.clone(); 4], vec![none; 4]));
    let (operators, admins) = reported(secured.link(&url, Some(QUERY)).await).await;
    assert_eq!((operators, admins), (vec![missing.clone(); 4], vec![missing.clone(); 4]));
    let (operators, admins) = reported(secured.link(&url, Some(OPERATOR)).await).await;
    assert_eq!((operators, admins), (vec![None; 4], vec![missing; 4]));
    let (operators, admins) = reported(secured.link(&url, Some(ADMIN)).await).await;
    assert_eq!((operators, admins), (vec![None; 4], vec![None; 4]));

    // A command says who lacks what.
    let token = secured.write("token", OPERATOR).display().to_string();
    let run =
        |arguments: &[&str]| secured.site.run(&[&["--connect", &url, "--token-file", &token], arguments].concat());
    assert_eq!(json(&run(&["status", "--json"]))["state"], "fresh");
    let said = stderr(&run(&["compact"]));
    assert!(said.contains("the token noc has the right operator") && said.contains("needs admin"), "{said}");
    // ... and what it needs for all that it does.
    secured.write("token", QUERY);
    let said = stderr(&run(&["overrides", "add", "deny", "0041000001", "--why", "a test", "--by", "ann"]));
    assert!(said.contains("nothing was changed: the token") && said.contains("admin to change records"), "{said}");
    assert!(!said.contains("WHO"), "{said}");
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("Compact was asked for by the token chief"), "{log}");
    for token in [QUERY, OPERATOR, ADMIN] {
        assert!(!log.contains(token), "{log}");
    }
}

#[tokio::test]
async fn certificates_have_the_rights_that_their_names_are_given() {
    let pki = Pki::new();
    let secured = &pki.secured;
    let rights = "certificates = [{ name = \"noc.example\", right = \"operator\" }, { name = \"chief.example\", right = \
                  \"admin\" }]";
    secured.configure(&format!(
        "[access]\nrequire = true\n{rights}\n{}\n{}{}{}",
        secured.tokens(),
        pki.settings("admin", &pki.mutual(true)),
        pki.settings("grpc", &pki.mutual(true)),
        pki.settings("http", &pki.mutual(true)),
    ));
    let daemon = start_with_admin(secured);
    daemon.first_sync().await;
    let url = daemon.administration.clone().expect("the administration");
    assert!(url.starts_with("https://"), "{url}");
    let link = |files: TlsFiles| {
        let url = url.clone();
        async move { Link::new(connect_tls(&url, &files).await.expect("a connection"), Default::default()) }
    };
    let missing = Some((Code::PermissionDenied, "RIGHT_MISSING".to_owned()));
    let (operators, admins) = reported(link(pki.showing(&pki.clients, &["switch.example"], pki::GOOD)).await).await;
    assert_eq!((operators, admins), (vec![missing.clone(); 4], vec![missing.clone(); 4]));
    let (operators, admins) = reported(link(pki.showing(&pki.clients, &["noc.example"], pki::GOOD)).await).await;
    assert_eq!((operators, admins), (vec![None; 4], vec![missing; 4]));
    let (operators, admins) =
        reported(link(pki.showing(&pki.clients, &["x.example", "Chief.example"], pki::GOOD)).await).await;
    assert_eq!((operators, admins), (vec![None; 4], vec![None; 4]));

    // With a token of a lower right it is the certificate's that counts.
    let files = pki.showing(&pki.clients, &["chief.example"], pki::GOOD);
    let both = Link::new(connect_tls(&url, &files).await.expect("a connection"), secured.bearer(OPERATOR));
    assert_eq!(reported(both).await.1, vec![None; 4]);

    // As a person does it.
    pki.showing(&pki.clients, &["noc.example"], pki::GOOD);
    let path = |name: &str| secured.path(name).display().to_string();
    let (ca, certificate, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let files = ["--ca-file", &ca, "--client-cert", &certificate, "--client-key", &key];
    let status = secured.site.run(&[&["status", "--connect", &url][..], &files].concat());
    assert_eq!(status_of(&status), 0, "{} {}", stdout(&status), stderr(&status));
    let said = stderr(&secured.site.run(&[&["compact", "--connect", &url][..], &files].concat()));
    assert!(said.contains("the certificate of noc.example"), "{said}");
    let bare = secured.site.run(&["status", "--connect", &url, "--ca-file", &ca]);
    assert!(status_of(&bare) == 3 && stderr(&bare).contains("--client-cert"), "{}", stderr(&bare));
    // Questions need no more than a certificate.
    let queries = daemon.tcp.clone().expect("gRPC");
    let check = secured.site.run(&[&["check", &secured.number, "--connect", &queries][..], &files].concat());
    assert_eq!(status_of(&check), 0, "{}", stderr(&check));
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("asked for by the certificate of chief.example, with the token noc"), "{log}");
}

#[test]
fn a_listener_that_would_be_open_to_whoever_comes_is_refused() {
    let pki = Pki::new();
    let secured = &pki.secured;
    let refused = |listen: &str, settings: &str, said: &str| {
        secured.configure(&format!("{settings}\n[admin]\nlisten = \"{listen}\"\n"));
        let reported = secured.refused(&["config", "check"]);
        assert!(reported.contains("admin.listen") && reported.contains(said), "{reported}");
    };
    refused("127.0.0.1:0", "", "access.tokens_file");
    // Tokens that give no right to it.
    let query = secured
        .write("query.toml", "[[token]]\nname = \"q\"\nright = \"query\"\ntoken = \"a-token-that-is-long-enough\"\n");
    refused("127.0.0.1:0", &format!("[access]\ntokens_file = {query:?}\n"), "operator or admin");
    // Certificates that give none.
    refused("127.0.0.1:0", &pki.settings("admin", &pki.mutual(true)), "access.certificates");
    // Tokens in the clear.
    refused("0.0.0.0:0", &format!("[access]\n{}", secured.tokens()), "over TLS only");
    secured.configure(&format!(
        "[access]\n{}{}[admin]\nlisten = \"0.0.0.0:0\"\n",
        secured.tokens(),
        pki.settings("admin", "")
    ));
    let good = secured.site.run(&["--config", &secured.config(), "config", "check"]);
    assert_eq!(status_of(&good), 0, "{}", stderr(&good));
}
