//! What was found, one line each.

use serde::Serialize;

use super::text::{self, say};

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Good,
    NotExamined,
    Look,
    Broken,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::NotExamined => "-",
            Self::Look => "look",
            Self::Broken => "BROKEN",
        }
    }
}

/// One thing that was examined.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub level: Level,
    pub about: &'static str,
    /// What it is, or what is wrong and, but for alarms, what to do.
    pub says: String,
    /// What to do about an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
}

/// All that was.
#[derive(Debug, Default)]
pub struct Report {
    pub findings: Vec<Finding>,
}

/// So wide is what stands before a finding.
const BESIDE: usize = 24;

impl Report {
    fn add(&mut self, level: Level, about: &'static str, says: impl Into<String>) {
        self.findings.push(Finding { level, about, says: text::one_line(&says.into()), what_to_do: None });
    }

    /// What to do about what was added last.
    pub fn say_what_to_do(&mut self, what: Option<String>) {
        if let Some(last) = self.findings.last_mut() {
            last.what_to_do = what;
        }
    }

    pub fn good(&mut self, about: &'static str, says: impl Into<String>) {
        self.add(Level::Good, about, says);
    }

    pub fn not_examined(&mut self, about: &'static str, says: impl Into<String>) {
        self.add(Level::NotExamined, about, says);
    }

    pub fn look(&mut self, about: &'static str, says: impl Into<String>) {
        self.add(Level::Look, about, says);
    }

    pub fn broken(&mut self, about: &'static str, says: impl Into<String>) {
        self.add(Level::Broken, about, says);
    }

    /// Whether something about this is not good.
    pub fn complains_of(&self, about: &str) -> bool {
        self.findings.iter().any(|found| found.about == about && found.level > Level::NotExamined)
    }

    pub fn worst(&self) -> Level {
        self.findings.iter().map(|found| found.level).max().unwrap_or(Level::Good)
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        for found in &self.findings {
            if json {
                text::whole!("{}", crate::domain::visible::to_json(found)?);
                continue;
            }
            let level = format!("{:<6}", found.level.word());
            let level = match found.level {
                Level::Good => text::good(&level),
                Level::NotExamined => level,
                Level::Look => text::doubtful(&level),
                Level::Broken => text::bad(&level),
            };
            let mut lines = text::wrapped(&found.says, BESIDE).into_iter();
            say!("{level}  {:<15} {}", found.about, lines.next().unwrap_or_default());
            for line in lines {
                say!("{:BESIDE$}{line}", "");
            }
            let to_do = found.what_to_do.as_ref().map(|what| format!("do: {what}"));
            for line in to_do.iter().flat_map(|what| text::wrapped(what, BESIDE)) {
                say!("{:BESIDE$}{line}", "");
            }
        }
        Ok(())
    }
}
