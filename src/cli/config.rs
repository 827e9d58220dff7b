//! `rmdd config check`

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use super::text::{self, say};
use super::{Global, YES};
use crate::daemon::config::{Loaded, Overrides};
use crate::decide::matrix::MATRIX;
use crate::domain::eastern_day;
use crate::observe::clock::now;

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
        crate::daemon::check_files(&loaded.config)?;
        let mut warnings = loaded.config.warnings();
        // No reason to refuse a start: a clock may be wrong.
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
    say!("{}", serde_json::json!({ "file": file, "settings": settings, "matrix": matrix, "warnings": warnings }));
}

/// From this column on a setting is wide, and the remarks of the others do not go after it.
const WIDEST: usize = 60;

fn print(loaded: &Loaded, settings: &Settings, warnings: &[String]) {
    match &loaded.file {
        Some(file) => say!("# The configuration is good. File: {}", file.display()),
        None => {
            say!("# The configuration is good. No file: {} does not exist.", crate::daemon::config::DEFAULT_FILE)
        }
    }
    for warning in warnings {
        say!("# {} {warning}", text::doubtful("WARNING:"));
    }
    let lines: Vec<(String, &str)> = settings
        .iter()
        .filter_map(|(name, value)| Some((format!("{name} = {}", value.as_ref()?), loaded.origin(name).as_str())))
        .collect();
    // A long one pushes only its own remark to the right.
    let width = lines.iter().map(|(line, _)| line.len()).filter(|length| *length <= WIDEST).max().unwrap_or_default();
    for (line, origin) in lines {
        say!("{line:<width$}  # {origin}");
    }
    let unset: Vec<&str> =
        settings.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
    if !unset.is_empty() {
        say!("# Not set: {}", unset.join(", "));
    }
    if let Ok(state_dir) = loaded.config.state_dir()
        && loaded.config.state_dir.is_none()
    {
        say!("# state_dir is not set: {} is used", state_dir.display());
    }
    if loaded.config.schedule.cron.is_none() {
        say!("# schedule.cron is not set: hourly, at a minute drawn once for each installation");
    }
    say!("#");
    say!("# What is decided under this policy, the first line that applies:");
    for row in &MATRIX {
        let setting = row.setting.map_or(String::new(), |setting| format!(" [{setting}]"));
        say!("#   {:<29} {} | {} ({}){setting}", (row.says)(&loaded.config.policy), row.upstream, row.state, row.basis);
    }
}
