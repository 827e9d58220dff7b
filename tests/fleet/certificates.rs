//! The certificate by which etcd knows a site.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use jiff::SignedDuration;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use crate::common::{Site, json, now, status_of, stdout};

/// A site whose certificate ends after so many days, and whose etcd is away.
fn site(days: i64) -> Site {
    let site = Site::new();
    let end = now() + SignedDuration::from_hours(24 * days);
    let end = jiff::tz::TimeZone::UTC.to_datetime(end).date();
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "ams");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(i32::from(end.year()), end.month() as u8, end.day() as u8);
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    let directory = PathBuf::from(site.config()).parent().expect("a directory").to_owned();
    let put = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    };
    let (pem, key) = (put("ams.pem", &certificate), put("ams.key", &key.serialize_pem()));
    site.configure(&format!(
        "[fleet]\nname = \"east\"\nsite = \"ams\"\nengine = [\"https://127.0.0.1:9\"]\n[fleet.tls]\nca = {pem:?}\n\
         certificate = {pem:?}\nkey = {key:?}\n"
    ));
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_sites_certificate_is_announced_as_that_of_a_listener_is() {
    for (days, code, says, level) in [
        (10, Some("CERTIFICATE_EXPIRES"), "the certificate of fleet.tls is good until", "look"),
        (-2, Some("CERTIFICATE_EXPIRED"), "etcd does not believe it any more", "broken"),
        (300, None, "", "good"),
    ] {
        let site = site(days);
        let config = site.config();
        let run = |arguments: &[&str]| {
            let all: Vec<&str> = ["--config", &config].iter().chain(arguments).copied().collect();
            tokio::task::block_in_place(|| site.run(&all))
        };
        let checked = run(&["config", "check", "--json"]);
        assert_eq!(status_of(&checked), 0, "a clock may be wrong");
        let warnings = json(&checked)["warnings"].to_string();
        assert_eq!(warnings.contains("fleet.tls"), code.is_some(), "{warnings}");
        assert!(warnings.contains(says), "{warnings}");

        let about = || {
            let report = run(&["doctor", "--json"]);
            let findings = report.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let mut findings = findings.map(|line| serde_json::from_slice::<serde_json::Value>(line).expect("JSON"));
            findings.find(|finding| finding["about"] == "certificates").expect("of certificates")
        };
        if code.is_some() {
            let finding = about();
            assert!(finding["level"] == level && finding["says"].to_string().contains(says), "{finding}");
        }
        let daemon = site.start_with(&["--config", &config]);
        let alarms = daemon.status().await.alarms;
        let found: Vec<_> = alarms.iter().filter(|alarm| alarm.code.starts_with("CERTIFICATE_")).collect();
        assert_eq!(found.iter().map(|alarm| alarm.code.as_str()).collect::<Vec<_>>(), code.as_slice(), "{found:?}");
        assert!(found.iter().all(|alarm| alarm.message.contains(says)), "{found:?}");
        let finding = about();
        assert_eq!(finding["level"], level, "{finding}{}", stdout(&run(&["doctor"])));
    }
}
