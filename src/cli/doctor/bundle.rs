//! What a bug report needs, as one text, without secrets.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::super::alerts;
use super::super::here;
use super::super::output::{New, Output};
use super::super::own_files::OwnFiles;
use super::{Case, Report};
use crate::api::json;
use crate::daemon::config::Origin;
use crate::domain::visible;

/// So many lines of the log.
const LINES: &str = "500";

/// Writes it.
///
/// # Errors
///
/// If the file is there already, or cannot be written.
pub async fn write(path: &Path, force: bool, case: &Case<'_>, report: &Report) -> anyhow::Result<()> {
    let mut file =
        Output::open(path, New { mode: 0o600, over: force }, &OwnFiles::of(case.loaded)).with_context(|| {
            format!(
                "{} cannot be written: name another file, or overwrite one that is there with --force",
                path.display()
            )
        })?;
    let mut section =
        |heading: &str, body: String| write!(file, "==== {heading}\n{}\n\n", without_secrets(body.trim_end()));
    section("rmdd", env!("CARGO_PKG_VERSION").to_owned())?;
    let findings: Vec<String> =
        report.findings.iter().map(|found| format!("{:?} {}: {}", found.level, found.about, found.says)).collect();
    section("doctor", findings.join("\n"))?;
    section("system", said("uname", &["-srm"]) + &std::fs::read_to_string("/etc/os-release").unwrap_or_default())?;
    section("settings that are not the defaults", settings(case))?;
    if let Some(status) = &case.status {
        section("status", visible::to_json(&json::Status::from(status))?)?;
    }
    if let Some(daemon) = &case.daemon
        && let Ok(channels) = alerts::channels_of(daemon).await
    {
        let channels: Vec<String> = channels
            .iter()
            .map(|channel| {
                format!(
                    "{} {:?} queued {} dead {} {}",
                    channel.name,
                    channel.state(),
                    channel.queued,
                    channel.dead,
                    channel.error
                )
            })
            .collect();
        section("channels", channels.join("\n"))?;
    }
    section("state directory", state_dir(case))?;
    section("units", said("systemctl", &["cat", "rmdd.service", "rmdd.socket"]))?;
    section(
        "how the units are",
        said("systemctl", &["status", "--no-pager", "--lines=0", "rmdd.service", "rmdd.socket"]),
    )?;
    section("log", said("journalctl", &["-u", "rmdd", "-n", LINES, "--no-pager", "-o", "short-iso"]))?;
    file.finish().with_context(|| format!("{} cannot be written", path.display()))
}

/// What another program says; what it could not be asked, too.
fn said(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => {
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        }
        Err(error) => format!("{program}: {error}\n"),
    }
}

fn settings(case: &Case<'_>) -> String {
    let loaded = case.loaded;
    let set = loaded.config.settings().into_iter().filter(|(name, _)| loaded.origin(name) != Origin::Default);
    let lines: Vec<String> = set
        .map(|(name, value)| format!("{name} = {} # {}", value.unwrap_or_default(), loaded.origin(&name).as_str()))
        .collect();
    lines.join("\n")
}

fn state_dir(case: &Case<'_>) -> String {
    let directory = match &case.status {
        Some(status) => status.state_dir.clone().into(),
        None => here::state_dir(case.loaded).unwrap_or_default(),
    };
    let mut lines: Vec<String> = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let file = entry.metadata().ok()?;
            let name = entry.file_name();
            Some(format!(
                "{:04o} {}:{} {:>12} {}",
                file.permissions().mode() & 0o7777,
                file.uid(),
                file.gid(),
                file.len(),
                name.to_string_lossy()
            ))
        })
        .collect();
    lines.sort_unstable_by(|left, right| left.rsplit(' ').next().cmp(&right.rsplit(' ').next()));
    format!("{}\n{}", directory.display(), lines.join("\n"))
}

/// A text without what logs in: passwords in addresses, the values of variables of a unit, bearer tokens, signing secrets.
fn without_secrets(text: &str) -> String {
    text.lines().map(without_secret).collect::<Vec<_>>().join("\n")
}

fn without_secret(line: &str) -> String {
    // What a unit gives to its environment may be anything; which variables they are is of use.
    if let Some(set) = line.trim_start().strip_prefix("Environment=") {
        let names: Vec<String> = set
            .split_whitespace()
            .map(|pair| pair.split_once('=').map_or("***".to_owned(), |(name, _)| format!("{name}=***")))
            .collect();
        return format!("Environment={}", names.join(" "));
    }
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = behind.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`' | ')' | ','));
        let (authority, behind) = behind.split_at(end.unwrap_or(behind.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => shown.push_str(&format!("***@{host}")),
            None => shown.push_str(authority),
        }
        rest = behind;
    }
    shown.push_str(rest);
    for sign in ["Bearer ", "whsec_"] {
        if let Some(at) = shown.find(sign) {
            shown.truncate(at + sign.len());
            shown.push_str("***");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_in_is_not_in_a_bundle() {
        for (line, shown) in [
            ("proxy http://me:s3cret@10.0.0.1:8080/ is used", "proxy http://***@10.0.0.1:8080/ is used"),
            ("https://rmd.example/a.csv answers", "https://rmd.example/a.csv answers"),
            ("  Environment=RMDD_FETCH__PROXY=http://a:b@c LANG=C", "Environment=RMDD_FETCH__PROXY=*** LANG=***"),
            ("authorization: Bearer abc.def", "authorization: Bearer ***"),
            ("secret whsec_abcd= there", "secret whsec_***"),
        ] {
            assert_eq!(without_secret(line), shown);
        }
    }
}
