use super::*;

use crate::common::http::Server;
use crate::common::{status_of, stdout};

#[tokio::test(flavor = "multi_thread")]
async fn a_test_tells_what_the_other_end_answered_and_keeps_the_address() {
    let (site, _) = site();
    let server = Server::start(taken()).await;
    let settings = format!("{QUICK}{}", webhook("noc", &server, "events = [\"peer.refused\"]"));
    let daemon = site.start_configured(&settings);
    daemon.first_sync().await;
    let config = site.config();
    let tested = site.run(&["alerts", "test", "noc", "--config", &config]);
    assert_eq!((status_of(&tested), stdout(&tested).as_str()), (0, "DELIVERED  noc: 200 OK: ok\n"));
    server.answer(answered("403 Forbidden"));
    let tested = site.run(&["alerts", "test", "noc", "--config", &config]);
    let host = server.address();
    assert_eq!(stdout(&tested), format!("NOT DELIVERED  noc: http://{host}/*** answered 403 Forbidden: no\\u{{1b}}\n"));
    assert_eq!(status_of(&tested), 1);
    let unknown = site.run(&["alerts", "test", "nok", "--config", &config]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("journal, noc"), "{unknown:?}");
    assert_eq!(server.requests(), 2, "nothing else is sent to a channel that asked for other events");
    // The same without a daemon.
    daemon.terminate().await;
    server.answer(taken());
    let tested = site.run(&["alerts", "test", "noc", "--config", &config]);
    assert!(stdout(&tested).starts_with("DELIVERED"), "{tested:?}");
    let listed = site.run(&["alerts", "--config", &config]);
    assert!(stdout(&listed).lines().any(|line| line.starts_with("noc ")), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_shown_by_its_host_alone() {
    let (site, _) = site();
    let settings = "[[alerts.channel]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://hooks.example/services/T0/B0/XSECRETX\"\n";
    let config = site.configure(settings);
    for arguments in
        [&["config", "check", "--config", &config][..], &["config", "check", "--json", "--config", &config]]
    {
        let checked = site.run(arguments);
        let said = format!("{}{}", stdout(&checked), String::from_utf8_lossy(&checked.stderr));
        assert!(said.contains("hooks.example/***") && !said.contains("XSECRETX"), "{said}");
    }
    // Also where the file cannot be read for another reason.
    let config = site.configure(&format!("{settings}url = \"https://hooks.example/services/XSECRETX\"\n"));
    let checked = site.run(&["config", "check", "--config", &config]);
    assert!(!String::from_utf8_lossy(&checked.stderr).contains("XSECRETX"), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_end_repeats_of_the_address_and_the_key_is_shown_nowhere() {
    let (site, _) = site();
    let server = Server::start(Answer::by(|request| {
        let said = format!("Cannot POST {} with {}", request.target, String::from_utf8_lossy(&request.body));
        Answer::response("404 Not Found", &format!("Content-Length: {}\r\n", said.len()), said.as_bytes())
    }))
    .await;
    let key = secret_file(&site, "key", "R0UTINGKEY");
    let channel = format!(
        "\n[[alerts.channel]]\nname = \"pager\"\ntype = \"webhook\"\nurl = \"http://{}/services/T000/SEKRETKEY?q=SEKRETQUERY\"\n\
         format = \"pagerduty\"\nsecret_file = {key:?}\nmin_severity = \"note\"\n",
        server.address()
    );
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    site.publish(b"no listing");
    daemon.sync().await;
    let config = site.config();
    let shown = eventually("it failed", || async {
        let listed = site.run(&["alerts", "list", "--dead", "--json", "--config", &config]);
        stdout(&listed).contains("404").then(|| stdout(&listed))
    })
    .await;
    let reported = stdout(&site.run(&["alerts", "--json", "--config", &config]));
    for said in [shown, reported] {
        assert!(said.contains("Cannot POST ***") && !said.contains("SEKRET") && !said.contains("R0UTING"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_repeats_of_its_arguments_is_shown_nowhere() {
    let (site, _) = site();
    let program = site.directory.path().join("says.sh");
    std::fs::write(&program, "#!/bin/sh\necho \"usage: $*\"\nexit 3\n").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("its mode");
    let channel = format!(
        "\n[[alerts.channel]]\nname = \"run\"\ntype = \"command\"\ncommand = [{program:?}, \"--token\", \"SEKRET-1\", \"--key=SEKRET-2\"]\n"
    );
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    let config = site.config();
    let dead = eventually("it failed", || async {
        let listed = stdout(&site.run(&["alerts", "list", "--dead", "--json", "--config", &config]));
        listed.contains("usage").then_some(listed)
    })
    .await;
    let tested = stdout(&site.run(&["alerts", "test", "run", "--config", &config]));
    let (_, log) = daemon.terminate().await;
    for said in [dead, tested, log] {
        assert!(said.contains("usage: --token *** --key=***") && !said.contains("SEKRET"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_in_every_format() {
    let (site, _) = site();
    let server = Server::start(taken()).await;
    let key = secret_file(&site, "key", "R0UTINGKEY");
    let channels = ["cloudevents", "slack", "alertmanager"]
        .map(|format| webhook(format, &server, &format!("format = {format:?}")))
        .concat()
        + &webhook("pagerduty", &server, &format!("format = \"pagerduty\"\nsecret_file = {key:?}"));
    let config = site.configure(&format!("{QUICK}{channels}"));
    site.make_store();
    assert_eq!(
        status_of(&site.run(&["sync", "--config", &config, "--source", &site.listing().display().to_string()])),
        0
    );
    for (place, format) in ["cloudevents", "slack", "alertmanager", "pagerduty"].into_iter().enumerate() {
        let tested = site.run(&["alerts", "test", format, "--config", &config]);
        assert_eq!(stdout(&tested), format!("DELIVERED  {format}: 200 OK: ok\n"), "{tested:?}");
        assert_eq!(server.requests(), place + 1, "{format}");
        let sent = server.seen().pop().expect("one").body;
        assert!(String::from_utf8_lossy(&sent).contains("this is a test of channel"), "{format}");
    }
}
