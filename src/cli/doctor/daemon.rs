//! What the daemon keeps and says: the store, the disk, the listing, alarms, peers, channels.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::status::alarm::{finding, what_to_do};
use super::super::{alerts, here};
use super::{Case, Report, text};
use crate::api::grpc::v1::{self, AlertChannelState, Severity};
use crate::daemon::config::default_state_dir;
use crate::domain::wording::were;
use crate::observe::clock;
use crate::service;
use crate::store::{FILE_NAME, Store, StoreError};
use crate::transport::CertificateState;

/// What alarms are about, where a line of its own tells of it.
const TOLD_ELSEWHERE: [(&str, &str); 6] = [
    ("CLOCK_", "clock"),
    ("TIMES_AHEAD", "clock"),
    ("CERTIFICATE_", "certificates"),
    ("DISK_LOW", "disk"),
    ("ALERTS_FAILING", "channels"),
    ("SOURCE_DOWN", "source"),
];

pub async fn examine(case: &Case<'_>, report: &mut Report) {
    let state_dir = match &case.status {
        Some(status) => Ok(PathBuf::from(&status.state_dir)),
        None => here::state_dir(case.loaded),
    };
    match state_dir {
        Ok(state_dir) => {
            store(case, &state_dir, report);
            owners(&state_dir, report);
            others(&state_dir, report);
            disk(case, &state_dir, report);
        }
        Err(error) => report.broken("store", error.to_string()),
    }
    listing(case, report);
}

fn store(case: &Case<'_>, state_dir: &Path, report: &mut Report) {
    const ABOUT: &str = "store";
    let path = state_dir.join(FILE_NAME);
    if let Some(status) = &case.status {
        report.good(ABOUT, format!("{} in {}", text::bytes(status.store_bytes), state_dir.display()));
        return;
    }
    match Store::open_existing(state_dir) {
        Ok(_) => report.good(ABOUT, format!("{} can be read", path.display())),
        Err(StoreError::NotAccessible { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
            report.not_examined(ABOUT, format!("{} is not for you to read", path.display()));
        }
        Err(StoreError::Missing { .. }) => {
            report.broken(ABOUT, format!("there is none at {}: start the daemon", path.display()))
        }
        // By a daemon that starts, or one that may not be asked.
        Err(StoreError::Held { .. }) => report.not_examined(ABOUT, format!("{} is in use", path.display())),
        Err(error) => report.broken(ABOUT, error.to_string()),
    }
}

/// Files of another user, as a command of root's may once have left them, are closed to the daemon.
fn owners(state_dir: &Path, report: &mut Report) {
    let Ok(own) = std::fs::metadata(state_dir) else { return };
    let entries = |directory: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let all = entries(state_dir);
    let archived = entries(&state_dir.join("archive"));
    let foreign = all
        .iter()
        .chain(&archived)
        .find(|path| std::fs::symlink_metadata(path).is_ok_and(|file| file.uid() != own.uid()));
    if let Some(foreign) = foreign {
        report.broken(
            "store",
            format!(
                "{} belongs to another user than {1}, and is closed to the daemon: chown -R --reference={1} {1}",
                foreign.display(),
                state_dir.display()
            ),
        );
    }
}

/// Stores elsewhere, of which somebody may believe that they are this one.
fn others(state_dir: &Path, report: &mut Report) {
    let own = state_dir.canonicalize().unwrap_or_else(|_| state_dir.to_owned());
    let candidates = [
        Some(PathBuf::from(here::SYSTEM_STATE)),
        default_state_dir().ok(),
        Some(PathBuf::from("/root/.local/state/rmdd")),
        Some(PathBuf::from("/var/lib/private/rmdd")),
    ];
    let others: BTreeSet<PathBuf> = candidates
        .into_iter()
        .flatten()
        // What may not be looked into is not taken for one.
        .filter(|other| other.join(FILE_NAME).try_exists().unwrap_or(false))
        .filter_map(|other| other.canonicalize().ok())
        .filter(|other| *other != own)
        .collect();
    for other in others {
        report.look(
            "store",
            format!(
                "there is another in {}, which this daemon does not use. Look what is in it (rmdd --state-dir {0} status, peers \
                 list), and take it away if that is nothing: a backup of the wrong one restores nothing",
                other.display()
            ),
        );
    }
}

fn disk(case: &Case<'_>, state_dir: &Path, report: &mut Report) {
    const ABOUT: &str = "disk";
    match nix::sys::statvfs::statvfs(state_dir) {
        Ok(disk) => {
            let free = disk.blocks_available().saturating_mul(disk.fragment_size());
            let low = case.loaded.config.disk.low_bytes;
            if disk.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
                report.broken(ABOUT, format!("that of {} can only be read: nothing new is kept", state_dir.display()));
            } else if free < low {
                let (free, low) = (text::bytes(free), text::bytes(low));
                report.look(ABOUT, format!("{free} are left for {}, less than {low}: make room", state_dir.display()));
            } else {
                report.good(ABOUT, format!("{} are left for {}", text::bytes(free), state_dir.display()));
            }
        }
        Err(error) => report.not_examined(ABOUT, format!("{}: {error}", state_dir.display())),
    }
}

fn listing(case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = "listing";
    match (&case.status, &case.daemon) {
        (Some(v1::GetStatusResponse { snapshot: Some(snapshot), filings, .. }), _) => report.good(
            ABOUT,
            format!(
                "{}, confirmed {}",
                text::count_of(*filings, "filing"),
                text::time_and_distance(snapshot.confirmed_at.as_ref())
            ),
        ),
        (Some(status), _) => match &status.last_sync {
            Some(sync) => report.broken(ABOUT, format!("none was ever loaded: {}", sync.error)),
            None => report.look(ABOUT, "none was loaded yet: the first sync runs"),
        },
        (None, Some(_)) => report.not_examined(ABOUT, "the daemon tells it to root and to members of its group"),
        (None, None) => report.not_examined(ABOUT, "no daemon answers"),
    }
}

/// What only the daemon knows.
pub async fn told(case: &Case<'_>, report: &mut Report) {
    if let Some(status) = &case.status {
        for alarm in &status.alarms {
            let about =
                TOLD_ELSEWHERE.iter().find(|(code, _)| alarm.code.starts_with(code)).map_or("alarm", |(_, of)| of);
            let says = format!("{}: {}", alarm.code, finding(alarm));
            match alarm.severity() {
                Severity::Critical => report.broken(about, says),
                Severity::Warning => report.look(about, says),
                Severity::Note | Severity::Unspecified => report.good(about, says),
            }
            report.say_what_to_do(what_to_do(alarm));
        }
        peers(status, report);
    } else {
        report.not_examined("peers", "the daemon tells of them to root and to members of its group");
    }
    certificates(case, report);
    channels(case, report).await;
}

const CERTIFICATES: &str = "certificates";

/// What is wrong with certificates as their files hold them.
pub fn about_certificates(certificates: &[CertificateState], report: &mut Report) {
    let now = clock::now();
    for alarm in certificates.iter().flat_map(|state| service::certificate(state, now)) {
        match alarm.severity {
            service::Severity::Critical => report.broken(CERTIFICATES, alarm.message),
            _ => report.look(CERTIFICATES, alarm.message),
        }
        report.say_what_to_do(Some(alarm.remedy));
    }
}

fn certificates(case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = CERTIFICATES;
    let config = &case.loaded.config;
    let listeners = [&config.grpc.tls, &config.http.tls, &config.admin.tls].into_iter().filter(|tls| tls.is_on());
    let of_fleet = config.fleet.iter().filter(|fleet| fleet.tls.certificate.is_some());
    let used = listeners.count() + of_fleet.count();
    if report.complains_of(ABOUT) {
    } else if used == 0 {
        report.good(ABOUT, "no listener has one");
    } else if case.status.is_some() {
        report.good(
            ABOUT,
            format!("{} in force, none of which expires soon", text::count_of(used as u64, "certificate")),
        );
    } else {
        report.not_examined(ABOUT, "no daemon tells of them");
    }
}

fn peers(status: &v1::GetStatusResponse, report: &mut Report) {
    const ABOUT: &str = "peers";
    let Some(peers) = &status.peers else {
        report.look(ABOUT, "none is on record: rmdd peers add NAME WHO tells whose calls those of a trunk group are");
        return;
    };
    let all = peers.refused + peers.unmatched + peers.attention + peers.accepted;
    if all == 0 {
        report.look(ABOUT, "none is on record: rmdd peers add NAME WHO tells whose calls those of a trunk group are");
        return;
    }
    if peers.unmatched > 0 {
        let unmatched = text::count(peers.unmatched);
        report.look(
            ABOUT,
            format!("{unmatched} of {all} match no filing, now or ever, as a typo would: rmdd peers report"),
        );
    }
    if peers.refused > 0 {
        let refused = text::count(peers.refused);
        report.look(ABOUT, format!("{refused} of {all} are refused now: rmdd status --peers"));
    }
    if peers.unmatched + peers.refused == 0 {
        report.good(ABOUT, format!("{} on record, none of them refused", text::count_of(all, "peer")));
    }
}

async fn channels(case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = "channels";
    let Some(daemon) = &case.daemon else {
        report.not_examined(ABOUT, "no daemon answers");
        return;
    };
    let Ok(answer) = alerts::channels_of(daemon).await else {
        report.not_examined(ABOUT, "the daemon tells of them to root and to members of its group");
        return;
    };
    for channel in &answer {
        let failed = format!("{}: {}", channel.name, channel.error);
        let to_do = match channel.state() {
            AlertChannelState::Failing => {
                report.look(ABOUT, failed);
                format!("try it with `rmdd alerts test {}`", channel.name)
            }
            AlertChannelState::Stopped => {
                report.broken(ABOUT, failed);
                format!("try it with `rmdd alerts test {}`", channel.name)
            }
            _ if channel.dead > 0 => {
                report.look(
                    ABOUT,
                    format!("{}: {} {} set aside", channel.name, text::count(channel.dead), were(channel.dead)),
                );
                "see `rmdd alerts list --dead`".to_owned()
            }
            _ => continue,
        };
        report.say_what_to_do(Some(to_do));
    }
    if answer.len() < 2 {
        report.look(
            ABOUT,
            "nobody is told of removals and alarms but the journal: see [[alerts.channel]] in docs/alerts.md",
        );
    } else if !report.complains_of(ABOUT) {
        report.good(ABOUT, format!("{}, all of which deliver", text::count_of(answer.len() as u64, "channel")));
    }
}
