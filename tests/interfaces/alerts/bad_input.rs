use super::*;

use crate::common::{status_of, stderr};

#[test]
fn bad_channels_are_refused_with_their_key_and_the_nearest_right_word() {
    let (site, _) = site();
    let open = site.directory.path().join("open");
    std::fs::write(&open, SECRET).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&open, mode).expect("its mode");
    let shared = secret_file(&site, "shared", SECRET);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o660);
    std::fs::set_permissions(&shared, mode).expect("its mode");
    let hook = "name = \"a\"\ntype = \"webhook\"\nurl = \"https://hooks.example/x\"\n";
    let mail = "name = \"m\"\ntype = \"mail\"\nserver = \"mail.example\"\nfrom = \"a@b.example\"\n";
    let cases: Vec<(String, &[&str])> = vec![
        (format!("{hook}format = \"slak\"\n"), &["format", "slak", "\"slack\" is meant"]),
        (format!("{hook}events = [\"peer.refuse\"]\n"), &["events", "\"peer.refused\" is meant"]),
        (format!("{hook}min_severity = \"critcal\"\n"), &["min_severity", "\"critical\" is meant"]),
        ("name = \"a\"\ntype = \"webhok\"\n".to_owned(), &["type", "\"webhook\" is meant"]),
        (format!("{mail}to = []\n"), &["to", "is empty"]),
        (format!("{mail}to = [\"nobody\"]\n"), &["to", "no address"]),
        (format!("{mail}to = [\"x@y.example\"]\nformat = \"slack\"\n"), &["format", "type mail"]),
        (format!("{hook}secret_file = {open:?}\n"), &["everybody", "chmod o-rwx"]),
        (
            "name = \"a\"\ntype = \"webhook\"\nurl = \"https://u:hunter2@hooks.example/x\"\n".to_owned(),
            &["url", "password"],
        ),
        ("name = \"a\"\ntype = \"webhook\"\nurl = \"http://hooks.example/x\"\n".to_owned(), &["url", "plain = true"]),
        ("name = \"a\"\ntype = \"webhook\"\nurl = \"https://169.254.169.254/x\"\n".to_owned(), &["url", "link-local"]),
        ("name = \"a\"\ntype = \"webhook\"\n".to_owned(), &["url", "missing"]),
        (
            "name = \"m\"\ntype = \"mail\"\nserver = \"169.254.169.254\"\nfrom = \"a@b.example\"\nto = [\"x@y.example\"]\n"
                .to_owned(),
            &["server", "link-local"],
        ),
        (
            "name = \"m\"\ntype = \"mail\"\nserver = \"192.0.2.1\"\ntls = \"plain\"\nfrom = \"a@b.example\"\nto = [\"x@y.example\"]\n"
                .to_owned(),
            &["server", "relay on this machine", "starttls"],
        ),
        (format!("{hook}secret_file = {shared:?}\n"), &["group", "0660", "chmod g-w"]),
        (format!("{hook}\n[[alerts.channel]]\n{hook}"), &["two channels", "\"a\"", "1st", "2nd", "`name`"]),
        (format!("{hook}events = []\n"), &["events", "is empty", "leave it out"]),
        ("name = \"h\"\ntype = \"heartbeat\"\nurl = \"https://hc.example/x\"\nmin_severity = \"note\"\n".to_owned(), &["min_severity", "heartbeat"]),
        ("name = \"c\"\ntype = \"command\"\ncommand = []\n".to_owned(), &["command", "is empty"]),
        ("name = \"c\"\ntype = \"command\"\ncommand = [\"\"]\n".to_owned(), &["command", "is empty"]),
        ("name = \"c\"\ntype = \"command\"\ncommand = [\"/no/such/file\"]\n".to_owned(), &["command", "/no/such/file"]),
        (
            "name = \"c\"\ntype = \"command\"\ncommand = [\"/etc\"]\n".to_owned(),
            &["command", "no file that can be run"],
        ),
        ("name = \"c\"\ntype = \"command\"\ncommand = [\"true\"]\n".to_owned(), &["command", "absolute"]),
        ("name = \"\"\ntype = \"command\"\n".to_owned(), &["name"]),
        (format!("{hook}repeat = \"often\"\n"), &["repeat", "often"]),
        (format!("{hook}format = \"pagerduty\"\n"), &["secret_file", "routing key"]),
    ];
    for (channel, words) in cases {
        let config = site.configure(&format!("[[alerts.channel]]\n{channel}"));
        let checked = site.run(&["config", "check", "--config", &config]);
        let said = stderr(&checked);
        assert_ne!(status_of(&checked), 0, "{channel}");
        assert!(words.iter().all(|word| said.contains(word)), "{channel}\n{said}");
        assert!(!said.contains("hunter2") && said.trim().lines().count() == 1, "{said}");
        let source = site.listing().display().to_string();
        let started = site.run(&["serve", "--config", &config, "--source", &source, "--grpc-listen", "off"]);
        assert_eq!(status_of(&started), 1, "nothing starts half configured: {channel}");
    }
}

#[test]
fn settings_that_make_no_sense_and_keys_that_there_are_not_are_refused_with_what_is_meant() {
    let (site, _) = site();
    let channel = "[[alerts.channel]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"https://hooks.example/x\"\n";
    for (settings, words) in [
        ("[alerts]\nretry_after = []\n".to_owned(), &["alerts.retry_after", "1 to 100"][..]),
        ("[alerts]\nretry_after = [\"0s\"]\n".to_owned(), &["alerts.retry_after", "zero"]),
        ("[alerts]\ntimeout = \"0s\"\n".to_owned(), &["alerts.timeout", "too short"]),
        ("[alerts]\ngroup_wiat = \"30s\"\n".to_owned(), &["group_wiat", "`group_wait` is meant"]),
        (format!("{channel}evnts = [\"peer\"]\n"), &["evnts", "`events` is meant"]),
        (format!("{channel}secret-file = \"/x\"\n"), &["secret-file", "`secret_file` is meant"]),
    ] {
        let config = site.configure(&settings);
        let checked = site.run(&["config", "check", "--config", &config]);
        let said = stderr(&checked);
        assert_ne!(status_of(&checked), 0, "{settings}");
        assert!(words.iter().all(|word| said.contains(word)), "{settings}\n{said}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_shown_without_the_secret_in_it() {
    let (site, _) = site();
    for line in [
        "password = \"SEKRET\"",
        "secret = \"whsec_SEKRET\"",
        "routing_key = 'SEKRET'",
        "\"token\" = \"SEKRET\"",
        "password = \"SEKRET",
        "secret_file = [\"SEKRET\"]",
    ] {
        let config = site.configure(&format!("[[alerts.channel]]\nname = \"a\"\ntype = \"webhook\"\n{line}\n"));
        let checked = site.run(&["config", "check", "--config", &config]);
        assert_ne!(status_of(&checked), 0, "{line}");
        assert!(stderr(&checked).contains("***") && !stderr(&checked).contains("SEKRET"), "{}", stderr(&checked));
    }
}
