//! Questions work for everybody: whatever the socket, the configuration and the home of who asks are like.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use rmdd_testkit::World;

use crate::common::{Site, exists, rmdd, status_of, stderr, stdout};

/// Someone without any right of the daemon's.
const SOMEBODY: u32 = 4712;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("a process").uid() == 0
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("its mode set");
}

/// Runs the command as somebody whose home is the site. Only root can.
fn as_somebody(site: &Site, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let program = site.directory.path().join("rmdd");
    if !exists(&program) {
        // By another process: a program that this one has open to write cannot be started, nor while a child of another test
        // still holds that.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_rmdd")).arg(&program).status();
        assert!(copied.expect("it runs").success());
    }
    let mut command = Command::new(&program);
    command.env_clear().env("HOME", site.directory.path()).env("NO_COLOR", "1").uid(SOMEBODY).gid(SOMEBODY);
    command.envs(variables.iter().copied()).args(arguments).output().expect("it runs")
}

#[tokio::test]
async fn a_question_whose_socket_is_closed_to_who_asks_goes_to_the_listener_and_says_so() {
    if !is_root() {
        println!("left out: only root can become another user");
        return;
    }
    let world = World::new(301, 60);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let site = Site::with_listing(&world.to_csv());
    let state_dir = site.directory.path().join(".local/state/rmdd");
    let mut serve = rmdd();
    serve.args(["serve", "--grpc-listen", "127.0.0.1:0", "--source"]).arg(site.listing());
    serve.arg("--state-dir").arg(&state_dir);
    let daemon = crate::common::Daemon::spawn(serve);
    daemon.first_sync().await;
    for path in [&state_dir, &site.directory.path().join(".local"), &site.directory.path().join(".local/state")] {
        open_to_all(path);
    }
    open_to_all(site.directory.path());
    let url = daemon.tcp.clone().expect("a listener");
    let listen = [("RMDD_GRPC__LISTEN", url.trim_start_matches("http://"))];

    let asked = as_somebody(&site, &listen, &["check", &number]);
    assert_eq!(status_of(&asked), 0, "{}", stderr(&asked));
    assert!(stdout(&asked).starts_with("ACCEPT  LISTED"), "{}", stdout(&asked));
    let said = stderr(&asked);
    assert!(said.contains("is for its owner, its group and root") && said.contains(&url), "{said}");

    // What is no question is refused, and says who may.
    let refused = as_somebody(&site, &listen, &["status"]);
    assert_eq!(status_of(&refused), 3);
    assert!(stderr(&refused).contains("which root, its owner and its group may use"), "{}", stderr(&refused));
    let refused = as_somebody(&site, &listen, &["overrides", "add", "deny", &number, "--why", "x"]);
    assert_eq!(status_of(&refused), 2);
    assert!(stderr(&refused).contains("may use the daemon's socket"), "{}", stderr(&refused));

    // One installation that is named is not taken for another that happens to listen.
    let named = [listen[0], ("RMDD_STATE_DIR", state_dir.to_str().expect("UTF-8"))];
    let refused = as_somebody(&site, &named, &["check", &number]);
    assert_eq!(status_of(&refused), 2);
    assert!(stderr(&refused).contains("may use the daemon's socket"), "{}", stderr(&refused));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_a_warning_while_a_daemon_answers_and_an_error_without() {
    let site = Site::with_listing(&World::new(302, 60).to_csv());
    let state_dir = site.state_dir();
    let good = format!("state_dir = {state_dir:?}\n");
    let daemon = site.start_configured(&good);
    daemon.first_sync().await;
    let config = site.config();
    for broken in ["[vet]\nmax_los_percent = 3\n", "shutdown_grace = \n", "[grpc]\nlisten = \"nowhere\"\n", "[[[\n"] {
        site.configure(&format!("{good}{broken}"));
        let asked = rmdd().args(["status", "--config", &config]).output().expect("it runs");
        assert_eq!(status_of(&asked), 0, "{broken}: {}", stderr(&asked));
        assert!(stdout(&asked).starts_with("FRESH"), "{}", stdout(&asked));
        let said = stderr(&asked);
        assert!(said.starts_with("WARNING:") && said.contains(&config), "{said}");
        let checked = rmdd().args(["config", "check", "--config", &config]).output().expect("it runs");
        assert_eq!(status_of(&checked), 2, "{broken}");
    }
    // Nothing can be read of one that is not there, and it may have meant another daemon than any that runs here.
    let gone = rmdd().args(["status", "--config", "/nonexistent/rmdd.toml"]).output().expect("it runs");
    assert_eq!(status_of(&gone), 3);
    let named = rmdd().args(["status", "--config", "/nonexistent/rmdd.toml", "--state-dir"]).arg(&state_dir).output();
    let named = named.expect("it runs");
    assert_eq!(status_of(&named), 0, "{}", stderr(&named));
    // A variable or a flag is a slip of who asks, and not the daemon's.
    let slip = rmdd().args(["status", "--config", &config]).env("RMDD_NO__SUCH", "x").output().expect("it runs");
    assert_eq!(status_of(&slip), 3);

    daemon.terminate().await;
    site.configure(&format!("{good}[policy]\nrole_blank = \"perhaps\"\n"));
    let refused = rmdd().args(["status", "--config", &config]).output().expect("it runs");
    assert_eq!((status_of(&refused), stdout(&refused).as_str()), (3, ""));
    assert!(stderr(&refused).contains("no daemon runs, and the configuration file"), "{}", stderr(&refused));
}

#[test]
fn what_root_does_to_a_store_of_the_daemons_user_stays_that_users() {
    if !is_root() {
        println!("left out: only root can work for another user");
        return;
    }
    let site = Site::with_listing(&World::new(303, 60).to_csv());
    site.make_store();
    open_to_all(site.directory.path());
    open_to_all(&site.listing());
    let state_dir = site.state_dir();
    let entries = || {
        let below =
            |directory: &Path| std::fs::read_dir(directory).expect("read").map(|entry| entry.expect("one").path());
        let top: Vec<_> = below(&state_dir).collect();
        let archived: Vec<_> =
            top.iter().filter(|path| path.ends_with("archive")).flat_map(|path| below(path)).collect();
        [vec![state_dir.clone()], top, archived].concat()
    };
    for path in entries() {
        std::os::unix::fs::chown(&path, Some(SOMEBODY), Some(SOMEBODY)).expect("given away");
    }
    let source = site.listing().display().to_string();
    let synced = site.run(&["sync", "--source", &source]);
    assert_eq!(status_of(&synced), 0, "{}", stderr(&synced));
    let added = site.run(&["overrides", "add", "deny", "0020237343", "--why", "x", "--by", "test"]);
    assert_eq!(status_of(&added), 0, "{}", stderr(&added));
    let all = entries();
    assert!(all.len() > 3, "{all:?}");
    for path in all {
        assert_eq!(std::fs::metadata(&path).expect("there").uid(), SOMEBODY, "{}", path.display());
    }
}
