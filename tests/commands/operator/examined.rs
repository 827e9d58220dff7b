//! `rmdd doctor` against what is broken, and `rmdd connect`.

use std::path::Path;
use std::process::Output;

use rmdd_testkit::World;
use serde_json::Value;

use crate::common::{Daemon, Site, rmdd, status_of, stderr, stdout};

/// Whose home is the site: nothing of this machine's own is looked at but systemd, if it runs.
fn doctor(site: &Site, arguments: &[&str]) -> Output {
    let mut command = rmdd();
    command.env("HOME", site.directory.path()).env_remove("XDG_STATE_HOME").arg("doctor").args(arguments);
    command.args(["--config", &site.config()]).output().expect("it runs")
}

/// What was found of each thing, the worst of it.
fn found(output: &Output) -> Vec<(String, String, String)> {
    let text = |value: &Value, name: &str| value[name].as_str().expect("text").to_owned();
    stdout(output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|value| (text(&value, "about"), text(&value, "level"), text(&value, "says")))
        .collect()
}

fn says(output: &Output, about: &str, level: &str, words: &str) {
    let found = found(output);
    assert!(
        found.iter().any(|(of, how, says)| of == about && how == level && says.contains(words)),
        "{about} {level} {words}: {found:#?} {}",
        stderr(output)
    );
}

fn configure(site: &Site, more: &str) {
    let (state, listing) = (site.state_dir(), site.listing());
    site.configure(&format!("state_dir = {state:?}\nsource = {listing:?}\n{more}"));
}

async fn start(site: &Site) -> Daemon {
    let daemon = site.start_with(&["--config", &site.config()]);
    daemon.first_sync().await;
    daemon
}

#[tokio::test]
async fn the_doctor_finds_what_is_good_and_what_is_to_be_looked_at() {
    let world = World::new(311, 60);
    let site = Site::with_listing(&world.to_csv());
    configure(&site, "");
    let daemon = start(&site).await;
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let added = site.run(&["peers", "add", "TG-1", &number, "--by", "test"]);
    assert_eq!(status_of(&added), 0, "{}", stderr(&added));
    let examined = doctor(&site, &["--json"]);
    for (about, words) in [
        ("configuration", "can be used"),
        ("socket", "answers at unix:"),
        ("store", "in"),
        ("disk", "are left"),
        ("listing", "60 filings"),
        ("source", "can be read"),
        ("listeners", "none is reached from outside"),
        ("certificates", "no listener has one"),
    ] {
        says(&examined, about, "good", words);
    }
    says(&examined, "channels", "look", "nobody is told");
    says(&examined, "clock", "not_examined", "no time of its own");
    assert_eq!(status_of(&examined), 1, "something is to be looked at");

    // A typo in a binding, a listener for all the world, a source that is gone: none of them stops the daemon.
    let typo = site.run(&["peers", "add", "TG-2", "0099999999", "--by", "test"]);
    assert_eq!(status_of(&typo), 0, "{}", stderr(&typo));
    std::fs::rename(site.listing(), site.directory.path().join("elsewhere.csv")).expect("moved");
    configure(&site, "[grpc]\nlisten = \"0.0.0.0:7633\"\n[disk]\nlow_bytes = 1000000000000000\n");
    let examined = doctor(&site, &["--json"]);
    says(&examined, "peers", "look", "1 of 2 match no filing");
    says(&examined, "listeners", "look", "without TLS and for everybody");
    says(&examined, "source", "broken", "cannot be read");
    says(&examined, "disk", "look", "make room");
    assert_eq!(status_of(&examined), 2);

    // A configuration that cannot be used, and another store in the home of whoever asks.
    configure(&site, "[vet]\nmax_los_percent = 3\n");
    let other = site.directory.path().join(".local/state/rmdd");
    drop(rmdd::store::Store::open(&other).expect("made"));
    let examined = doctor(&site, &["--json"]);
    says(&examined, "configuration", "broken", "max_los_percent");
    says(&examined, "configuration", "broken", "goes on by the settings that it has");
    says(&examined, "store", "look", "there is another in");

    daemon.kill();
    configure(&site, "");
    let examined = doctor(&site, &["--json"]);
    says(&examined, "socket", "broken", "no daemon answers");
    says(&examined, "store", "good", "can be read");
    assert_eq!(status_of(&examined), 2);
    std::fs::write(site.state_dir().join("rmdd.redb"), "no store").expect("written");
    says(&doctor(&site, &["--json"]), "store", "broken", "left as it is");
    let slip = doctor(&site, &["--jsno"]);
    assert_eq!(status_of(&slip), 3);
}

/// What a server answers to every request: its status, its content's type, its body.
fn answering(body: &'static str) -> String {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = format!("http://{}/rmd.csv", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    at
}

#[test]
fn the_doctor_looks_at_what_a_source_gives() {
    let site = Site::with_listing(&World::new(313, 20).to_csv());
    let examined = |source: &str, more: &str| {
        site.configure(&format!("state_dir = {:?}\nsource = {source:?}\n{more}", site.state_dir()));
        doctor(&site, &["--json"])
    };
    let listing = std::fs::read_to_string(site.listing()).expect("a listing");
    let path = site.listing().display().to_string();
    says(&examined(&path, ""), "source", "good", "can be read: 20 filings");
    says(&examined(&site.directory.path().display().to_string(), ""), "source", "broken", "is not a regular file");
    for (content, said) in [
        ("", "the source is empty"),
        ("frn,x\n0001,2\n", "lacks"),
        ("a,b\n1,2\n", "names none of the listing's columns"),
        ("<html>maintenance</html>", "an HTML page"),
        (listing.lines().next().expect("a header"), "holds no filing"),
    ] {
        std::fs::write(site.listing(), content).expect("written");
        says(&examined(&path, ""), "source", "broken", said);
    }
    let html = answering("<!doctype html><title>maintenance</title>");
    says(&examined(&html, ""), "source", "broken", "answers, with no listing: the source is an HTML page");
    says(&examined(&answering(""), ""), "source", "broken", "the source is empty");
    says(&examined(&answering(listing.leak()), ""), "source", "good", "answers, with a listing");

    // What is dead is the proxy, and not the source.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let proxied = examined(&html, &format!("[fetch]\nproxy = \"http://u:s3cret@{closed}\"\n"));
    says(&proxied, "proxy", "broken", "takes no connection");
    says(&proxied, "source", "not_examined", "by way of that proxy alone");
    assert!(!stdout(&proxied).contains("s3cret"));
    let synced = site.run(&["--config", &site.config(), "sync"]);
    let said = stderr(&synced) + &stdout(&synced);
    assert!(status_of(&synced) != 0 && !said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_bundle_holds_what_a_report_needs_and_no_secret() {
    let site = Site::with_listing(&World::new(312, 60).to_csv());
    configure(&site, "[fetch]\nproxy = \"http://me:s3cret@127.0.0.1:9\"\n");
    let daemon = start(&site).await;
    let path = site.directory.path().join("bundle.txt");
    let bundle = path.display().to_string();
    let examined = doctor(&site, &["--bundle", &bundle]);
    assert!(stdout(&examined).contains("Read it before you send it"), "{}", stdout(&examined));
    let text = std::fs::read_to_string(&path).expect("written");
    for words in
        ["==== doctor", "Good configuration", "==== settings", "fetch.proxy", "==== status", "rmdd.redb", "==== log"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    let again = doctor(&site, &["--bundle", &bundle]);
    assert_eq!(status_of(&again), 3);
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    daemon.terminate().await;
}

#[tokio::test]
async fn where_the_port_is_any_a_switch_gets_that_of_the_daemon_that_runs() {
    let site = Site::with_listing(&World::new(314, 20).to_csv());
    configure(&site, "[http]\nlisten = \"127.0.0.1:0\"\n");
    let connect = || {
        let mut command = rmdd();
        command.env_remove("RMDD_HTTP__LISTEN").env("HOME", site.directory.path());
        command.args(["connect", "kamailio", "--config", &site.config()]).output().expect("it runs")
    };
    let none = connect();
    assert_eq!(status_of(&none), 2, "{}", stdout(&none));
    assert!(stderr(&none).contains("has port 0"), "{}", stderr(&none));
    let daemon = site.start_with(&["--config", &site.config(), "--http-listen", "127.0.0.1:0"]);
    daemon.first_sync().await;
    let address = daemon.http.clone().expect("it listens").replace("http://", "");
    let printed = connect();
    assert!(stdout(&printed).contains(&address), "{address}: {} {}", stdout(&printed), stderr(&printed));
    assert!(stderr(&printed).contains("of no other start"), "{}", stderr(&printed));
    daemon.terminate().await;
}

#[test]
fn what_a_switch_needs_is_printed_with_this_daemons_address() {
    let site = Site::new();
    let connect = |settings: &str, arguments: &[&str]| {
        site.configure(settings);
        rmdd()
            .env_remove("RMDD_HTTP__LISTEN")
            .arg("connect")
            .args(arguments)
            .args(["--config", &site.config()])
            .output()
    };
    for switch in ["kamailio", "opensips", "asterisk", "freeswitch", "freeradius"] {
        let printed = connect("[http]\nlisten = \"10.0.0.5:7700\"\n", &[switch]).expect("it runs");
        assert_eq!(status_of(&printed), 0, "{}", stderr(&printed));
        let text = stdout(&printed);
        assert!(text.contains("10.0.0.5:7700") && !text.contains("127.0.0.1:7634"), "{switch}: {text}");
        assert!(text.contains("While rmdd is down") && text.contains("/v1/check/") || switch == "kamailio", "{switch}");
        assert!(stderr(&printed).contains("rmdd peers add"), "{}", stderr(&printed));
    }
    let text = stdout(&connect("[http]\nlisten = \"0.0.0.0:7700\"\n", &["kamailio"]).expect("it runs"));
    assert!(text.contains("127.0.0.1:7700"), "an address to listen on is none to ask: {text}");
    // Where queries need a token, the snippet has a place for it, and what is needed is said in it and beside it.
    let needs =
        "[access]\nrequire = true\ntokens_file = \"/etc/rmdd/tokens.toml\"\n[http]\nlisten = \"10.0.0.5:7700\"\n";
    for switch in ["kamailio", "opensips", "asterisk", "freeswitch", "freeradius"] {
        let printed = connect(needs, &[switch]).expect("it runs");
        let (text, beside) = (stdout(&printed), stderr(&printed));
        let shows = text.contains("NAME:TOKEN@10.0.0.5:7700") || text.contains("password = 'TOKEN'");
        assert!(shows && text.contains("access.require"), "{switch}: {text}");
        assert!(
            beside.contains("/etc/rmdd/tokens.toml") && beside.contains("curl -i -u NAME:TOKEN 'http://"),
            "{beside}"
        );
        let open = connect("", &[switch]).expect("it runs");
        assert!(!(stdout(&open) + &stderr(&open)).contains("TOKEN"), "{switch}");
    }
    let named = connect("[http]\nlisten = \"off\"\n", &["kamailio", "--address", "rmdd.example:1"]).expect("it runs");
    assert!(stdout(&named).contains("rmdd.example:1"));
    let off = connect("[http]\nlisten = \"off\"\n", &["kamailio"]).expect("it runs");
    assert_eq!(status_of(&off), 2);
    assert!(stderr(&off).contains("--address"), "{}", stderr(&off));
    assert!(crate::common::exists(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/freeradius/test.sh"))));
}
