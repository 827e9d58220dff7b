use std::collections::BTreeSet;

use super::*;

use crate::common::http::Server;

#[tokio::test(flavor = "multi_thread")]
async fn each_format_is_what_its_other_end_takes() {
    let (site, world) = site();
    let (slack, pager, manager) =
        (Server::start(taken()).await, Server::start(taken()).await, Server::start(taken()).await);
    let key = secret_file(&site, "key", "R0UTINGKEY");
    let channels = webhook("slack", &slack, "format = \"slack\"")
        + &webhook("pager", &pager, &format!("format = \"pagerduty\"\nsecret_file = {key:?}"))
        + &webhook("manager", &manager, "format = \"alertmanager\"\nrepeat = \"10s\"");
    let daemon = site.start_configured(&format!("{QUICK}{channels}"));
    daemon.first_sync().await;
    site.publish(b"no listing");
    daemon.sync().await;
    let found = |server: &Server, text: &str| {
        server.seen().iter().find(|request| String::from_utf8_lossy(&request.body).contains(text)).map(event)
    };
    let said = eventually("slack", || async { found(&slack, "SYNC_REFUSED") }).await;
    let text = said["text"].as_str().expect("a text");
    assert!(text.starts_with("*[rmdd] alarm SYNC_REFUSED*\n```\n") && text.ends_with("```"), "{text}");
    let said = eventually("pagerduty", || async { found(&pager, "SYNC_REFUSED") }).await;
    assert_eq!((said["event_action"].as_str(), said["routing_key"].as_str()), (Some("trigger"), Some("R0UTINGKEY")));
    assert_eq!(said["payload"]["severity"], "warning");
    let dedup_key = said["dedup_key"].clone();
    let said = eventually("alertmanager", || async { found(&manager, "SYNC_REFUSED") }).await;
    let firing =
        said.as_array().expect("alerts").iter().find(|alert| alert["labels"]["severity"] == "warning").expect("one");
    assert_eq!(firing["labels"]["alertname"], "rmdd_SYNC_REFUSED");
    assert!(firing["endsAt"].as_str() > firing["startsAt"].as_str(), "{firing}");

    site.publish(&world.to_csv());
    daemon.sync().await;
    let said = eventually("pagerduty", || async { found(&pager, "\"resolve\"") }).await;
    assert_eq!(said["dedup_key"], dedup_key);
    eventually("alertmanager", || async {
        let over =
            |alert: &Value| alert["labels"] == firing["labels"] && alert["endsAt"].as_str() < firing["endsAt"].as_str();
        let seen = manager.seen();
        seen.iter().map(event).any(|said| said.as_array().is_some_and(|alerts| alerts.iter().any(over))).then_some(())
    })
    .await;
    let wanted = "alarm SYNC_REFUSED is over";
    eventually("slack", || async { found(&slack, wanted) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_pagerduty_each_subject_is_an_incident_of_its_own_and_a_refused_one_holds_no_other() {
    let (site, mut world) = site();
    // One of them PagerDuty does not want, and it asks for patience in between.
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let pager = Server::start(Answer::by(move |request| {
        let unwanted = event(request)["dedup_key"].as_str().is_some_and(|key| key.ends_with("/tg-1"));
        match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 {
            _ if unwanted => answered("400 Bad Request"),
            0 => answered("429 Too Many Requests"),
            _ => Answer::response("202 Accepted", "Content-Length: 2\r\n", b"ok"),
        }
    }))
    .await;
    let key = secret_file(&site, "key", "R0UTINGKEY");
    let only = "events = [\"peer\"]";
    let channel = webhook("pager", &pager, &format!("format = \"pagerduty\"\nsecret_file = {key:?}\n{only}"));
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    let numbers = super::peers::bind(&site, &world, 60);
    let gone: Vec<_> = numbers.iter().take(3).filter_map(|number| world.remove(number)).collect();
    site.publish(&world.to_csv());
    daemon.sync().await;
    let said = |action: &str| {
        let seen = pager.seen();
        let of_action = seen.iter().map(event).filter(|said| said["event_action"] == action);
        of_action.map(|said| said["dedup_key"].as_str().expect("a key").to_owned()).collect::<BTreeSet<_>>()
    };
    let config = site.config();
    let dead = eventually("what is not wanted is set aside", || async {
        let waiting = site.run(&["alerts", "list", "--json", "--config", &config]).stdout;
        let dead = site.run(&["alerts", "list", "--dead", "--json", "--config", &config]).stdout;
        let waits = String::from_utf8_lossy(&waiting).contains("\"pager\"");
        (!waits && !dead.is_empty()).then(|| serde_json::from_slice::<Value>(&dead).expect("one delivery"))
    })
    .await;
    assert!(dead["subject"].as_str().is_some_and(|subject| subject.ends_with("/tg-1")), "{dead}");
    let triggered = said("trigger");
    let names: Vec<&str> = triggered.iter().filter_map(|key| key.rsplit('/').next()).collect();
    assert_eq!(names, ["tg-0", "tg-1", "tg-2"]);
    let first = pager.seen().iter().map(event).next().expect("one");
    assert_eq!((&first["payload"]["group"], &first["payload"]["severity"]), (&"peer".into(), &"critical".into()));
    assert!(first["payload"]["summary"].as_str().is_some_and(|said| said.contains("peer.refused: TG-0")), "{first}");

    for row in gone {
        world.insert(row);
    }
    site.publish(&world.to_csv());
    daemon.sync().await;
    let resolved = eventually("all three are over", || async {
        let resolved = said("resolve");
        (resolved.len() == 3).then_some(resolved)
    })
    .await;
    assert_eq!(resolved, triggered, "under the keys under which they were opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_pagerduty_a_wave_that_takes_many_peers_away_is_one_incident_until_the_last_is_back() {
    let (site, mut world) = site();
    let pager = Server::start(taken()).await;
    let key = secret_file(&site, "key", "R0UTINGKEY");
    let settings = format!("format = \"pagerduty\"\nsecret_file = {key:?}\nevents = [\"peer\"]");
    let daemon = site.start_configured(&format!("{QUICK}{}", webhook("pager", &pager, &settings)));
    daemon.first_sync().await;
    let numbers = super::peers::bind(&site, &world, 60);
    let gone: Vec<_> = numbers.iter().take(12).filter_map(|number| world.remove(number)).collect();
    site.publish(&world.to_csv());
    daemon.sync().await;
    let config = site.config();
    let delivered = || async {
        let waiting = site.run(&["alerts", "list", "--json", "--config", &config]).stdout;
        (!String::from_utf8_lossy(&waiting).contains("\"pager\"")).then_some(())
    };
    eventually("one is told", || async { (!pager.seen().is_empty()).then_some(()) }).await;
    eventually("all is delivered", delivered).await;
    let opened = event(&pager.seen()[0]);
    assert_eq!(pager.seen().len(), 1, "twelve peers, one call");
    assert_eq!((&opened["event_action"], &opened["payload"]["severity"]), (&"trigger".into(), &"critical".into()));
    assert_eq!(opened["payload"]["summary"], "[rmdd] 12 of your 60 upstreams may no longer hand you calls");
    let told = opened["payload"]["custom_details"]["told"].as_array().expect("which").len();
    assert_eq!(told, 12);

    let mut back = gone.into_iter();
    world.insert(back.next().expect("the first"));
    site.publish(&world.to_csv());
    daemon.sync().await;
    back.for_each(|row| world.insert(row));
    site.publish(&world.to_csv());
    daemon.sync().await;
    eventually("it is over", || async { (pager.seen().len() > 1).then_some(()) }).await;
    eventually("all is delivered", delivered).await;
    let seen: Vec<Value> = pager.seen().iter().map(event).collect();
    assert_eq!(seen.len(), 2, "the last of them ends it, and nobody before: {seen:?}");
    assert_eq!((&seen[1]["event_action"], &seen[1]["dedup_key"]), (&"resolve".into(), &opened["dedup_key"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_event_in_a_clean_environment_and_none_of_its_processes_is_left() {
    let (site, _) = site();
    let (program, seen) = (site.directory.path().join("told.sh"), site.directory.path().join("told"));
    let script =
        format!("#!/bin/sh\ncat >> {0}.json\nenv >> {0}.env\nsleep 1000 &\necho $! >> {0}.pid\n", seen.display());
    std::fs::write(&program, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("its mode");
    let channel =
        format!("\n[[alerts.channel]]\nname = \"run\"\ntype = \"command\"\ncommand = [{program:?}, \"--x\"]\n");
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    let read = |ending: &str| std::fs::read_to_string(seen.with_extension(ending)).unwrap_or_default();
    eventually("it ran", || async { read("pid").ends_with('\n').then_some(()) }).await;
    let event: Value = serde_json::from_str(&read("json")).expect("one event");
    assert_eq!(event["type"], "rmdd.baseline.taken");
    let environment = read("env");
    assert!(environment.contains("PATH=/usr/bin:/bin") && !environment.contains("HOME="), "{environment}");
    let pid = read("pid").trim().to_owned();
    eventually("its process is gone", || async {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    })
    .await;
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_comes_while_all_is_well_and_only_then() {
    let (site, _) = site();
    let server = Server::start(taken()).await;
    let channel = format!(
        "\n[[alerts.channel]]\nname = \"alive\"\ntype = \"heartbeat\"\nurl = {:?}\nevery = \"1s\"\n",
        server.url
    );
    // Without a listing it is not well.
    std::fs::remove_file(site.listing()).expect("removed");
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    assert_eq!(server.requests(), 0);
    site.publish(&World::new(31, 60).to_csv());
    daemon.sync().await;
    eventually("a heartbeat", || async { (server.requests() > 0).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_one_message_with_the_list_and_an_answer_to_the_one_before() {
    let (site, world) = site();
    let smtp = Smtp::start().await;
    let channel = format!(
        "\n[[alerts.channel]]\nname = \"mail\"\ntype = \"mail\"\nserver = {:?}\ntls = \"plain\"\nfrom = \"rmdd \
         <rmdd@carrier.example>\"\nto = [\"noc@carrier.example\", \"compliance@carrier.example\"]\n",
        smtp.address
    );
    let daemon = site.start_configured(&format!("{QUICK}{channel}"));
    daemon.first_sync().await;
    site.publish(b"no listing");
    daemon.sync().await;
    let raising = smtp.mail("SYNC_REFUSED").await;
    site.publish(&world.to_csv());
    daemon.sync().await;
    let clearing = smtp.mail("is over").await;
    let header = |mail: &str, name: &str| {
        let line = mail.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    assert_eq!(header(&raising, "subject").as_deref(), Some("[rmdd] alarm SYNC_REFUSED"));
    assert_eq!(header(&raising, "auto-submitted").as_deref(), Some("auto-generated"));
    assert!(raising.contains("text/csv") && raising.contains("text/plain"), "{raising}");
    assert!(header(&raising, "message-id").is_some_and(|id| id.ends_with("@carrier.example>")));
    assert_eq!(header(&clearing, "in-reply-to"), header(&raising, "message-id"), "{clearing}");
}

/// A mail server that takes all that comes.
struct Smtp {
    address: String,
    mails: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Smtp {
    async fn start() -> Self {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let mails = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = std::sync::Arc::clone(&kept);
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut lines = BufReader::new(read).lines();
                    let _ = write.write_all(b"220 mail.example\r\n").await;
                    let mut data: Option<String> = None;
                    while let Ok(Some(line)) = lines.next_line().await {
                        let said = match &mut data {
                            Some(mail) if line == "." => {
                                kept.lock().expect("not poisoned").push(std::mem::take(mail));
                                data = None;
                                "250 taken\r\n"
                            }
                            Some(mail) => {
                                mail.push_str(&line);
                                mail.push('\n');
                                continue;
                            }
                            None if line.starts_with("DATA") => {
                                data = Some(String::new());
                                "354 go on\r\n"
                            }
                            None if line.starts_with("QUIT") => "221 bye\r\n",
                            None => "250 good\r\n",
                        };
                        if write.write_all(said.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, mails }
    }

    async fn mail(&self, text: &str) -> String {
        eventually(text, || async {
            self.mails.lock().expect("not poisoned").iter().find(|mail| mail.contains(text)).cloned()
        })
        .await
    }
}
