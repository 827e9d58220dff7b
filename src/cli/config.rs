//! `rmdd config check`

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use super::text::{self, say};
use super::{Global, YES, screen};
use crate::daemon::config::{Loaded, Overrides};
use crate::decide::matrix::MATRIX;
use crate::domain::eastern_day;
use crate::observe::clock::now;
use crate::service::certificate;

#[derive(Debug, Args)]
pub struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the configuration and print the effective one, with where each setting comes from; secrets are hidden.
    Check {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl ConfigCommand {
    pub fn run(self, global: &Global) -> anyhow::Result<u8> {
        let Action::Check { json } = self.action;
        let loaded = global.load(Overrides::new())?;
        let lacking = crate::sync::fetch::check_client(&loaded.config.fetch)?;
        let certificates = crate::daemon::check_files(&loaded.config)?;
        let mut warnings = loaded.config.warnings();
        // No reason to refuse a start: a clock may be wrong.
        let alarms = certificates.iter().flat_map(|state| certificate(state, now()));
        warnings.extend(alarms.map(|alarm| alarm.message));
        warnings.extend(loaded.config.me.validate(eastern_day(now())).err());
        warnings.extend(lacking.map(|lacking| lacking.to_string()));
        let settings = loaded.config.settings();
        if json {
            print_json(&loaded, &settings, &warnings);
        } else {
            print(&loaded, &settings, &warnings);
        }
        Ok(YES)
    }
}

type Settings = BTreeMap<String, Option<String>>;

fn print_json(loaded: &Loaded, settings: &Settings, warnings: &[String]) {
    let settings: serde_json::Map<String, serde_json::Value> = settings
        .iter()
        .map(|(name, value)| {
            let origin = loaded.origin(name).as_str();
            (name.clone(), serde_json::json!({ "value": value, "origin": origin }))
        })
        .collect();
    let file = loaded.file.as_ref().map(|file| file.display().to_string());
    let matrix: Vec<_> = MATRIX
        .iter()
        .map(|row| {
            serde_json::json!({
                "upstream": row.upstream,
                "state": row.state,
                "verdict": (row.says)(&loaded.config.policy),
                "basis": row.basis,
                "setting": row.setting,
            })
        })
        .collect();
    text::whole!(
        "{}",
        serde_json::json!({ "file": file, "settings": settings, "matrix": matrix, "warnings": warnings })
    );
}

/// From this column on a setting is wide, and the remarks of the others do not go after it.
const WIDEST: usize = 60;

/// So many columns a remark takes.
const BESIDE: usize = "  # environment".len();

fn print(loaded: &Loaded, settings: &Settings, warnings: &[String]) {
    match &loaded.file {
        Some(file) => remark(&format!("The configuration is good. File: {}", file.display())),
        None => {
            let default = crate::daemon::config::DEFAULT_FILE;
            remark(&format!("The configuration is good. No file: {default} does not exist."));
        }
    }
    for warning in warnings {
        remark(&format!("{} {warning}", text::doubtful("WARNING:")));
    }
    print_settings(loaded, settings);
    let unset: Vec<&str> =
        settings.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
    if !unset.is_empty() {
        remark(&format!("Not set: {}", unset.join(", ")));
    }
    if let Ok(state_dir) = loaded.config.state_dir()
        && loaded.config.state_dir.is_none()
    {
        remark(&format!("state_dir is not set: {} is used", state_dir.display()));
    }
    if loaded.config.schedule.cron.is_none() {
        remark("schedule.cron is not set: hourly, at a minute drawn once for each installation");
    }
    say!("#");
    remark("What is decided under this policy, the first line that applies:");
    for row in &MATRIX {
        let says = (row.says)(&loaded.config.policy);
        let setting = row.setting.map_or(String::new(), |setting| format!(" [{setting}]"));
        let when = format!("{} | {} ({}){setting}", row.upstream, row.state, row.basis);
        match screen::columns() {
            None => say!("#   {says:<29} {when}"),
            Some(_) => {
                say!("#   {}", text::strong(says));
                text::wrapped(&when, "#       ".len()).iter().for_each(|line| say!("#       {line}"));
            }
        }
    }
}

/// A comment, each of its lines with its sign: all that is printed may stand in a configuration file.
fn remark(remark: &str) {
    text::wrapped(remark, "# ".len()).iter().for_each(|line| say!("# {line}"));
}

/// The settings, each with where it comes from: beside it where there is room on the terminal, else above it.
fn print_settings(loaded: &Loaded, settings: &Settings) {
    let lines: Vec<(String, &str)> = settings
        .iter()
        .filter_map(|(name, value)| Some((format!("{name} = {}", value.as_ref()?), loaded.origin(name).as_str())))
        .collect();
    let widest = screen::columns().map_or(WIDEST, |columns| columns.saturating_sub(BESIDE).min(WIDEST));
    // A long one pushes only its own remark to the right.
    let width = lines.iter().map(|(line, _)| line.len()).filter(|length| *length <= widest).max().unwrap_or_default();
    for (line, origin) in lines {
        match line.len() <= widest || screen::columns().is_none() {
            true => say!("{line:<width$}  # {origin}"),
            false => {
                say!("# {origin}:");
                // Folded it would be no setting any more.
                text::whole!("{line}");
            }
        }
    }
}
