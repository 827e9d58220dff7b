//! Whatever lasts over a second says on a terminal what is being done, and takes that away again.

use std::io::copy;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{SyncSender, sync_channel};

use rmdd_testkit::terminal::Terminal;
use rmdd_testkit::{Step, World};

use crate::common::{Daemon, Site, rmdd, stdout};

/// A daemon that takes its time: a socket behind which nothing is answered until somebody says so.
struct Slow {
    socket: PathBuf,
    go_on: SyncSender<()>,
}

impl Slow {
    fn before(daemon: &Path, name: &str) -> Self {
        let socket = daemon.with_file_name(format!("slow-{name}.sock"));
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (go_on, told) = sync_channel(1);
        let daemon = daemon.to_owned();
        std::thread::spawn(move || {
            let (client, _) = listener.accept().expect("a client");
            // Nobody who tells is as good as one who does.
            let _ = told.recv();
            let daemon = UnixStream::connect(daemon).expect("the daemon answers");
            let (mut asked, mut asks) = (daemon.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
            std::thread::spawn(move || copy(&mut asks, &mut asked));
            let (mut answers, mut answered) = (daemon, client);
            let _ = copy(&mut answers, &mut answered);
        });
        Self { socket, go_on }
    }
}

fn on_terminal(site: &Site, arguments: &[&str]) -> Terminal {
    let mut command: Command = rmdd();
    command.env("TERM", "xterm-256color").arg("--state-dir").arg(site.state_dir()).args(arguments);
    Terminal::start(command, 80, 24).expect("a terminal")
}

/// Where a line of progress stood, it is cleared.
const CLEARED: &str = "\u{1b}[2K";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_takes_over_a_second_for_shows_what_is_being_done_and_leaves_nothing_of_that() {
    let world = World::new(23, 60);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let number = world.filings().next().expect("a filing").get("number").to_owned();
    let at = |name: &str| site.directory.path().join(name).display().to_string();
    let (list, peers, copy, exported) = (at("list.csv"), at("peers.csv"), at("copy.redb"), at("listing.csv"));
    std::fs::write(&list, format!("rmd_number\n{number}\n")).expect("written");
    std::fs::write(&peers, format!("trunk_group,rmd_number\nTG-1,{number}\n")).expect("written");
    let cases: [(&str, &[&str], &str); 7] = [
        ("sync", &["sync"], "waiting for the sync that runs"),
        ("verify", &["verify"], "checking the store"),
        ("backup", &["backup", &copy], "preparing a copy of the store"),
        ("compact", &["compact"], "compacting the store"),
        ("export", &["export", "--output", &exported], "writing the listing"),
        ("check", &["check", "--file", &list], "asking"),
        ("import", &["peers", "import", &peers, "--by", "alice"], "putting 1 record on record"),
    ];
    let socket = site.state_dir().join("rmdd.sock");
    let running: Vec<_> = cases
        .iter()
        .map(|(name, arguments, said)| {
            let slow = Slow::before(&socket, name);
            let at = format!("unix:{}", slow.socket.display());
            (slow, on_terminal(&site, &[*arguments, &["--connect", at.as_str()][..]].concat()), *arguments, *said)
        })
        .collect();
    for (slow, mut terminal, arguments, said) in running {
        terminal.wait_for(said);
        slow.go_on.send(()).expect("it waits");
        let (status, shown, as_it_was) = terminal.end();
        assert!(status.success() && as_it_was, "{arguments:?}: {status}\n{shown}");
        let last = shown.rfind(said).expect("it was shown");
        assert!(shown[last..].contains(CLEARED), "{arguments:?}: {shown:?}");
    }
    // What is done at once, and what goes to a pipe, shows nothing.
    let (_, shown, _) = on_terminal(&site, &["check", &number]).end();
    assert!(!shown.contains("asking") && !stdout(&site.run(&["verify"])).contains("checking the store"), "{shown}");
}

#[tokio::test]
async fn the_wait_for_a_second_copy_is_counted_down() {
    let mut world = World::new(24, 400);
    let site = Site::with_listing(&world.to_csv());
    let mut patient = rmdd();
    patient.env("RMDD_VET__CORROBORATE_AFTER", "8s").arg("serve").arg("--state-dir").arg(site.state_dir());
    patient.args(["--grpc-listen", "off", "--source"]).arg(site.listing());
    let daemon = Daemon::spawn(patient);
    daemon.first_sync().await;
    world.advance(Step { remove: 30, ..Step::default() });
    site.publish(&world.to_csv());
    let mut terminal = on_terminal(&site, &["sync"]);
    terminal.wait_for("a second copy is fetched in");
    let (status, shown, as_it_was) = terminal.end();
    let ended = shown.rsplit(CLEARED).next().unwrap_or_default();
    assert!(status.success() && as_it_was && ended.contains("APPLIED"), "{status}: {ended}");
}
