//! What is installed on this machine: the configuration, the unit, its user, the socket.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid, getgroups, getuid};

use super::super::here;
use super::{Case, Report, Target};
use crate::daemon::config::{ConfigError, Overrides};

/// The unit of the package, and that of whoever made one by hand, which goes before it.
const UNIT: &str = "rmdd.service";
const PACKAGED: [&str; 2] = ["/usr/lib/systemd/system/rmdd.service", "/lib/systemd/system/rmdd.service"];

/// The user of the unit, and its group.
const USER: &str = "rmdd";

pub fn examine(case: &Case<'_>, report: &mut Report) {
    configuration(case, report);
    let unit = unit();
    match &unit {
        Some(unit) => about_unit(unit, case, report),
        None => report.not_examined("unit", "systemd does not run here"),
    }
    user(unit.as_ref(), report);
    socket(case, report);
}

fn configuration(case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = "configuration";
    let loaded = match case.global.load(Overrides::new()) {
        Ok(loaded) => loaded,
        Err(ConfigError::Unreadable { path, source }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
            let path = path.display();
            report.look(ABOUT, format!("{path} is not for you to read: run this as root, or as the daemon's user"));
            return;
        }
        Err(error) => {
            let goes_on = if case.daemon.is_some() { "; the daemon goes on by the settings that it has" } else { "" };
            report.broken(ABOUT, format!("{error}{goes_on}. Mend it, and try `rmdd config check`"));
            return;
        }
    };
    match crate::daemon::check_files(&loaded.config) {
        Err(error) if !geteuid().is_root() && error.to_string().to_ascii_lowercase().contains("permission denied") => {
            report.look(ABOUT, format!("{error}. You may not look into it: run this as root, or as the daemon's user"));
        }
        Err(error) => report.broken(ABOUT, error.to_string()),
        Ok(certificates) => {
            let good = loaded.file.map_or("no file: the defaults are in force".to_owned(), |file| {
                format!("{} can be used", file.display())
            });
            report.good(ABOUT, good);
            // The daemon tells of those that it has in force.
            if case.status.is_none() {
                super::daemon::about_certificates(&certificates, report);
            }
        }
    }
}

type Properties = BTreeMap<String, String>;

/// What systemd says of the unit, where it runs.
fn unit() -> Option<Properties> {
    Path::new("/run/systemd/system").try_exists().unwrap_or(false).then_some(())?;
    let properties = "LoadState,ActiveState,SubState,UnitFileState,FragmentPath,NRestarts,Result,User,DynamicUser";
    let mut command = Command::new("systemctl");
    let said = command.args(["show", UNIT, "--property", properties]).stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout);
    Some(said.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

fn about_unit(unit: &Properties, case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = "unit";
    let of = |name: &str| unit.get(name).map(String::as_str).unwrap_or_default();
    match (of("LoadState"), of("ActiveState")) {
        ("not-found", _) => {
            report.not_examined(ABOUT, format!("there is no {UNIT}: `rmdd serve` runs by itself, or not at all"));
            return;
        }
        ("masked", _) => report.look(ABOUT, format!("it is masked, and does not start: systemctl unmask {UNIT}")),
        (_, "active" | "reloading") => {}
        (_, "activating") => report.look(
            ABOUT,
            format!("it is being started ({}): if that lasts, journalctl -u rmdd says why", of("SubState")),
        ),
        (_, "failed") => report.broken(
            ABOUT,
            format!("it failed ({}): journalctl -u rmdd -n 20 says why; then systemctl restart rmdd", of("Result")),
        ),
        _ if case.daemon.is_some() => {
            report.look(ABOUT, "it does not run, and another daemon answers, which somebody started by hand");
        }
        _ => report.broken(ABOUT, "it does not run: systemctl start rmdd"),
    }
    let fragment = of("FragmentPath");
    if fragment.starts_with("/etc/")
        && PACKAGED.iter().any(|packaged| Path::new(packaged).try_exists().unwrap_or(false))
    {
        report.look(
            ABOUT,
            format!(
                "{fragment} was put there by hand and is in force in place of the package's: keep what you changed as a \
                 drop-in (systemctl edit rmdd), then rm {fragment} && systemctl daemon-reload && systemctl restart rmdd"
            ),
        );
    }
    if of("DynamicUser") == "yes" {
        report.look(
            ABOUT,
            "it has DynamicUser=yes: no key can be given to its user, and nobody be put into its group. Take the package's unit",
        );
    }
    if of("UnitFileState") == "disabled" {
        report.look(ABOUT, "it is not started when the machine is: systemctl enable rmdd");
    }
    if of("NRestarts").parse::<u32>().is_ok_and(|restarts| restarts > 0) {
        report
            .look(ABOUT, format!("it was restarted {} times after it broke off: journalctl -u rmdd", of("NRestarts")));
    }
    if !report.complains_of(ABOUT) {
        report.good(ABOUT, format!("{UNIT} runs ({fragment})"));
    }
}

fn user(unit: Option<&Properties>, report: &mut Report) {
    const ABOUT: &str = "user";
    let installed = unit.is_some_and(|unit| unit.get("LoadState").is_some_and(|state| state == "loaded"));
    match User::from_name(USER).ok().flatten() {
        None if installed => {
            report.look(ABOUT, "there is no user rmdd: systemd-sysusers rmdd.conf makes it, and its groups");
        }
        None => report.not_examined(ABOUT, "there is no user rmdd: the daemon is not installed as a service"),
        Some(_) if getuid().is_root() => report.good(ABOUT, "you are root; members of the group rmdd may ask, too"),
        Some(user) if getuid() == user.uid => report.good(ABOUT, "you are the daemon's own user"),
        Some(user) => {
            let member = getgroups().is_ok_and(|groups| groups.contains(&user.gid));
            if member {
                report.good(ABOUT, "you are in the group rmdd, which may ask and look");
            } else {
                let you = User::from_uid(getuid()).ok().flatten().map_or("YOU".to_owned(), |user| user.name);
                report.look(
                    ABOUT,
                    format!("you are not in the group rmdd, which may ask and look: usermod -aG rmdd {you}, then log in anew"),
                );
            }
        }
    }
}

fn socket(case: &Case<'_>, report: &mut Report) {
    const ABOUT: &str = "socket";
    let closed = here::closed(case.global, case.loaded);
    match (&case.daemon, closed) {
        (Some(Target::Daemon { at, .. }), Some(closed)) if !at.starts_with("unix:") => {
            report.look(ABOUT, format!("{closed}. Questions go to {at}"));
        }
        (Some(Target::Daemon { at, .. }), _) => report.good(ABOUT, format!("a daemon answers at {at}")),
        (_, Some(closed)) => report.broken(ABOUT, closed.to_string()),
        _ => {
            let is_socket =
                |path: &std::path::PathBuf| std::fs::metadata(path).is_ok_and(|it| it.file_type().is_socket());
            match here::sockets(case.loaded).into_iter().find(is_socket) {
                Some(left) => report.broken(
                    ABOUT,
                    format!(
                        "{} is there, and no daemon answers: systemctl restart rmdd, or rmdd serve",
                        left.display()
                    ),
                ),
                None => report.broken(ABOUT, "no daemon runs here: systemctl start rmdd, or rmdd serve"),
            }
        }
    }
}
