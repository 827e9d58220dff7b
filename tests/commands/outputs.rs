//! What commands write: a disk that is full is an error with a status, a reader that has seen enough is none, and files
//! that a user names stay what they are.

use std::fs::{File, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::canonical::export_of;
use crate::common::{Site, rmdd, status_of, stderr};
use rmdd_testkit::World;

fn site(world: &World) -> Site {
    let site = Site::with_listing(&world.to_csv());
    site.make_store();
    let synced = site.run(&["sync", "--source", &site.listing().display().to_string()]);
    assert_eq!(status_of(&synced), 0, "{}", stderr(&synced));
    site
}

fn onto(site: &Site, arguments: &[&str], out: Stdio) -> Output {
    let mut command = rmdd();
    command.arg("--state-dir").arg(site.state_dir()).args(arguments).stdout(out).stderr(Stdio::piped());
    command.spawn().expect("it starts").wait_with_output().expect("it ends")
}

/// Every kind of command that prints, and its status where it fails.
fn printing(site: &Site, number: &str) -> Vec<(Vec<String>, i32)> {
    let list = site.directory.path().join("upstreams.csv");
    std::fs::write(&list, format!("frn,role\n{number},\n")).expect("written");
    let list = list.display().to_string();
    let commands: [(&[&str], i32); 22] = [
        (&["status"], 3),
        (&["status", "--json"], 3),
        (&["check", number], 2),
        (&["check", number, "--json"], 2),
        (&["check", "--file", &list], 2),
        (&["show", number], 2),
        (&["show", number, "--json"], 2),
        (&["search", "e"], 2),
        (&["removals"], 2),
        (&["history"], 2),
        (&["history", number, "--json"], 2),
        (&["snapshots"], 2),
        (&["export"], 2),
        (&["export", "--format", "jsonl"], 2),
        (&["overrides", "list"], 2),
        (&["overrides", "export"], 2),
        (&["peers", "report"], 2),
        (&["verify"], 2),
        (&["config", "check"], 3),
        (&["man"], 2),
        (&["completions", "bash"], 2),
        (&["--help"], 2),
    ];
    commands
        .iter()
        .map(|(command, status)| (command.iter().map(|word| (*word).to_owned()).collect(), *status))
        .collect()
}

#[test]
fn output_onto_a_full_disk_is_an_error_and_has_the_status_of_one() {
    let world = World::new(91, 80);
    let site = site(&world);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    for (command, status) in printing(&site, &number) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let full = File::options().write(true).open("/dev/full").expect("opened");
        let output = onto(&site, &words, full.into());
        let told = stderr(&output);
        // Where nothing is to be printed, nothing can fail.
        if onto(&site, &words, Stdio::piped()).stdout.is_empty() {
            continue;
        }
        assert_eq!(status_of(&output), status, "{words:?}: {told}");
        assert!(told.contains("standard output cannot be written: No space left on device"), "{words:?}: {told}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_and_is_told_nothing() {
    let world = World::new(92, 80);
    let site = site(&world);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    for (command, _) in printing(&site, &number) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = onto(&site, &words, writer.into());
        let told = stderr(&output);
        assert!([0, 1].contains(&status_of(&output)), "{words:?}: {told}");
        assert!(!told.contains("panicked") && !told.contains("cannot be written"), "{words:?}: {told}");
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn a_file_that_a_user_names_stays_what_it_is() {
    let world = World::new(93, 80);
    let site = site(&world);
    let expected = export_of(&world.to_csv());
    let at = |name: &str| site.directory.path().join(name);
    let export = |path: &Path| {
        let output = site.run(&["export", "--output", &path.display().to_string()]);
        assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    };
    // A link stays one, and the file that it leads to keeps its mode.
    std::fs::write(at("file"), "old").expect("written");
    std::fs::set_permissions(at("file"), Permissions::from_mode(0o606)).expect("set");
    symlink("file", at("link")).expect("linked");
    // What stood beside it under the name that once was used is nobody's business.
    std::fs::write(at("victim"), "mine").expect("written");
    symlink("victim", at("link.part")).expect("linked");
    symlink("victim", at("file.part")).expect("linked");
    export(&at("link"));
    assert!(at("link").symlink_metadata().expect("there").is_symlink());
    assert!(std::fs::read(at("file")).expect("read") == expected);
    assert_eq!((mode(&at("file")), std::fs::read(at("victim")).expect("read")), (0o606, b"mine".to_vec()));

    // An owner stays, where this user may give files away at all.
    if std::os::unix::fs::chown(at("file"), Some(12), Some(13)).is_ok() {
        export(&at("file"));
        let owner = std::fs::metadata(at("file")).expect("there");
        assert_eq!((owner.uid(), owner.gid(), mode(&at("file"))), (12, 13, 0o606));
    }

    // A pipe gets it as it comes.
    assert!(Command::new("mkfifo").arg(at("pipe")).status().expect("mkfifo runs").success());
    let pipe = at("pipe");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        File::open(pipe).expect("opened").read_to_end(&mut bytes).expect("read");
        bytes
    });
    export(&at("pipe"));
    assert!(reader.join().expect("read") == expected);
    assert!(at("pipe").symlink_metadata().expect("there").file_type().is_fifo());

    // So does a device: one of its own, since the one of the machine would be everybody's loss.
    let made = Command::new("mknod").arg(at("null")).args(["c", "1", "3"]).stderr(Stdio::null()).status();
    if made.is_ok_and(|made| made.success()) && File::options().write(true).open(at("null")).is_ok() {
        export(&at("null"));
        assert!(at("null").symlink_metadata().expect("there").file_type().is_char_device());
    }
    let refused = site.run(&["export", "--output", &site.directory.path().display().to_string()]);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("a directory"), "{}", stderr(&refused));
    let full = site.run(&["export", "--output", "/dev/full"]);
    assert!(status_of(&full) == 2 && stderr(&full).contains("No space left"), "{}", stderr(&full));
    let left: Vec<_> = std::fs::read_dir(site.directory.path()).expect("read").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with('.')), "{left:?}");
}

#[tokio::test]
async fn whatever_the_umask_files_have_a_mode_of_their_own() {
    for umask in ["0", "022", "077"] {
        let site = Site::with_listing(&World::new(94, 60).to_csv());
        let run = |arguments: &str| {
            let mut command = Command::new("sh");
            let binary = env!("CARGO_BIN_EXE_rmdd");
            let state_dir = site.state_dir().display().to_string();
            let script = format!("umask {umask}; exec {binary} --state-dir {state_dir} {arguments}");
            let output = command.arg("-c").arg(script).output().expect("it runs");
            assert_eq!(status_of(&output), 0, "{}", stderr(&output));
        };
        let mut serve = Command::new("sh");
        serve.env("RMDD_HTTP__LISTEN", "off").env("RMDD_GRPC__LISTEN", "off").env("RMDD_DECISION_LOG__LOG", "all");
        serve.arg("-c").arg(format!(
            "umask {umask}; exec {} --state-dir {} serve --source {}",
            env!("CARGO_BIN_EXE_rmdd"),
            site.state_dir().display(),
            site.listing().display()
        ));
        let daemon = crate::common::Daemon::spawn(serve);
        daemon.first_sync().await;
        daemon.terminate().await;
        let backup = site.directory.path().join("backup");
        run(&format!("backup {}", backup.display()));
        let state = site.state_dir();
        let mut files = vec![
            (state.join("rmdd.redb"), 0o600),
            (state.join("records.jsonl"), 0o600),
            (state.join("removals.jsonl"), 0o600),
            (state.join("decisions.jsonl"), 0o640),
            (backup, 0o600),
            (state.join("archive"), 0o750),
            (state.join("incoming"), 0o750),
            (state.clone(), 0o750),
        ];
        let archived = std::fs::read_dir(state.join("archive")).expect("read").map(|entry| entry.expect("one").path());
        files.extend(archived.map(|path| (path, 0o640)));
        assert!(files.len() > 5, "a listing is archived");
        for (path, expected) in files {
            assert_eq!(mode(&path), expected, "umask {umask}: {}", path.display());
        }
    }
}

#[test]
fn of_several_state_directories_of_a_unit_the_first_is_used() {
    let site = site(&World::new(95, 60));
    let mut command = rmdd();
    let directories = format!("{}:/nowhere/at/all", site.state_dir().display());
    let output = command.env("STATE_DIRECTORY", directories).args(["snapshots"]).output().expect("it runs");
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
}

/// All that a state directory holds, with the bytes of it.
fn held(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut held = Vec::new();
    for entry in std::fs::read_dir(directory).expect("read") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a kind") {
            kind if kind.is_dir() => held.extend(self::held(&entry.path())),
            kind if kind.is_file() => held.push((entry.path(), std::fs::read(entry.path()).expect("read"))),
            _ => {}
        }
    }
    held.sort();
    held
}

/// The commands that write a file for a person, without its name, and the status with which they fail.
const WRITING: [(&[&str], i32); 5] = [
    (&["export", "--output"], 2),
    (&["deadlines", "--ics"], 2),
    (&["backup"], 2),
    (&["backup", "--force"], 2),
    // Where 2 is an answer.
    (&["doctor", "--offline", "--force", "--bundle"], 3),
];

#[test]
fn no_command_writes_over_what_rmdd_keeps_for_itself() {
    let world = World::new(94, 80);
    let site = site(&world);
    let number = world.rows().next().expect("a filing").get("number").to_owned();
    let noted = site.run(&["overrides", "add", "deny", &number, "--why", "a ticket", "--by", "alice"]);
    assert_eq!(status_of(&noted), 0, "{}", stderr(&noted));
    let state = site.state_dir();
    let at = |name: &str| site.directory.path().join(name);
    for kept in
        ["rmdd.redb.damaged-20260101T000000Z", "rmdd.redb.format-3", "records.jsonl.other-1", "decisions.jsonl.1"]
    {
        std::fs::write(state.join(kept), "kept").expect("written");
    }
    symlink(state.join("rmdd.redb"), at("link")).expect("linked");
    symlink("link", at("further")).expect("linked");
    symlink(&state, at("directory")).expect("linked");
    std::fs::hard_link(state.join("records.jsonl"), at("hard")).expect("linked");
    let archived =
        std::fs::read_dir(state.join("archive")).expect("read").next().expect("one").expect("an entry").path();
    let before = held(&state);
    let name = state.file_name().expect("a name");
    let places = [
        state.join("rmdd.redb"),
        state.join("records.jsonl"),
        state.join("removals.jsonl"),
        // None of these is there yet.
        state.join("decisions.jsonl"),
        state.join("rmdd.sock"),
        state.join("archive/new.csv.zst"),
        archived,
        state.join("rmdd.redb.damaged-20260101T000000Z"),
        state.join("rmdd.redb.format-3"),
        state.join("records.jsonl.other-1"),
        state.join("decisions.jsonl.1"),
        at("link"),
        at("further"),
        at("directory/rmdd.redb"),
        at("hard"),
        state.join("archive/..").join("..").join(name).join("rmdd.redb"),
    ];
    for place in places {
        for (command, status) in WRITING {
            let output = site.run(&[command, &[&*place.display().to_string()]].concat());
            let told = stderr(&output);
            assert_eq!(status_of(&output), status, "{command:?} {}: {told}", place.display());
            assert!(told.contains("it is rmdd's own"), "{command:?} {}: {told}", place.display());
            assert!(!told.contains("--force"), "{told}");
        }
    }
    let mut relative = rmdd();
    relative.current_dir(&state).arg("--state-dir").arg(&state).args(["export", "--output", "rmdd.redb"]);
    assert_eq!(status_of(&relative.output().expect("it runs")), 2);
    assert!(held(&state) == before, "nothing has changed");
}

#[test]
fn a_store_that_is_in_use_is_spared_by_commands_that_know_another_and_a_backup_of_its_name_is_not() {
    let world = World::new(95, 80);
    let (site, other) = (self::site(&world), self::site(&world));
    let running = other.start();
    let before = held(&other.state_dir());
    for (command, status) in WRITING {
        for name in ["rmdd.redb", "records.jsonl"] {
            let place = other.state_dir().join(name).display().to_string();
            let output = site.run(&[command, &[&*place]].concat());
            assert_eq!(status_of(&output), status, "{command:?}: {}", stderr(&output));
        }
    }
    std::fs::hard_link(other.state_dir().join("rmdd.redb"), site.directory.path().join("hard")).expect("linked");
    let hard = site.directory.path().join("hard").display().to_string();
    assert_eq!(status_of(&site.run(&["export", "--output", &hard])), 2);
    // The daemon begins its decision log when it has come so far.
    let decisions = other.state_dir().join("decisions.jsonl");
    let names = |held: &[(PathBuf, Vec<u8>)]| {
        held.iter().map(|(path, _)| path.clone()).filter(|path| *path != decisions).collect::<Vec<_>>()
    };
    let after = held(&other.state_dir());
    assert_eq!(names(&after), names(&before));
    drop(running);

    // Of the same names, and nobody's: a directory for copies.
    let copies = site.directory.path().join("copies");
    std::fs::create_dir(&copies).expect("made");
    std::fs::copy(site.state_dir().join("records.jsonl"), copies.join("records.jsonl")).expect("copied");
    let copy = copies.join("rmdd.redb").display().to_string();
    for command in [&["backup"][..], &["backup", "--force"]] {
        let output = site.run(&[command, &[&*copy]].concat());
        assert_eq!(status_of(&output), 0, "{command:?}: {}", stderr(&output));
    }
    // And in the state directory itself, a name of one's own.
    let own = site.state_dir().join("backup.redb").display().to_string();
    for command in [&["backup"][..], &["backup", "--force"]] {
        assert_eq!(status_of(&site.run(&[command, &[&*own]].concat())), 0);
    }
}
