//! cron -> trigger: when the source is asked, in UTC.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

use crate::domain::SyncTrigger;
use crate::sync::SyncHandle;

/// When the source is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ScheduleConfig {
    /// A cron expression in UTC, of five fields or, with seconds in front, of six. Where there is none, hourly at a
    /// minute that was drawn once for this installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
}

/// A cron expression is none.
#[derive(Debug, Error)]
#[error(
    "{expression:?} is no cron expression: {detail}; give five fields (minute hour day month weekday), such as \"7 * * * *\", or six with seconds in front"
)]
pub struct ScheduleError {
    expression: String,
    detail: String,
}

/// The times at which the source is asked.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Six fields, seconds first, as the scheduler takes it.
    expression: String,
    cron: Box<Cron>,
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let refuse = |detail: String| ScheduleError { expression: text.to_owned(), detail };
        let fields = text.split_whitespace().count();
        let expression = match fields {
            5 => format!("0 {}", text.trim()),
            6 => text.trim().to_owned(),
            _ => return Err(refuse(format!("it has {fields} fields"))),
        };
        let cron = CronParser::builder()
            .seconds(Seconds::Required)
            .dom_and_dow(true)
            .build()
            .parse(&expression)
            .map_err(|error| refuse(error.to_string()))?;
        cron.find_next_occurrence(&Utc::now(), false).map_err(|_| refuse("it never comes true".to_owned()))?;
        Ok(Self { expression, cron: Box::new(cron) })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

fn to_chrono(at: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.as_second(), 0)
}

impl Schedule {
    /// The configured schedule, or hourly at this minute.
    ///
    /// # Errors
    ///
    /// If the configured expression is none.
    pub fn from_config(config: &ScheduleConfig, minute: u8) -> Result<Self, ScheduleError> {
        match &config.cron {
            Some(expression) => expression.parse(),
            None => format!("{} * * * *", minute % 60).parse(),
        }
    }

    /// The first time behind this one.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&to_chrono(at)?, false).ok()?;
        Timestamp::from_second(next.timestamp()).ok()
    }

    /// Whether a time has passed since the last cycle: one that was missed while the daemon was down is made up once.
    pub fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        match last {
            None => true,
            // A last cycle in the future: the clock was set back, and nothing is known.
            Some(last) if last > now => true,
            Some(last) => self.next_after(last).is_some_and(|next| next <= now),
        }
    }
}

/// Asks for a cycle whenever the schedule says so, until the shutdown. A schedule that is sent takes the place of the
/// one before.
///
/// # Errors
///
/// If the scheduler cannot be started.
pub async fn run(
    mut schedule: watch::Receiver<Arc<Schedule>>,
    sync: SyncHandle,
    shutdown: CancellationToken,
) -> Result<(), JobSchedulerError> {
    let mut scheduler = JobScheduler::new().await?;
    scheduler.start().await?;
    loop {
        let expression = schedule.borrow_and_update().expression.clone();
        let handle = sync.clone();
        let job = Job::new_async_tz(expression, Utc, move |_, _| {
            let handle = handle.clone();
            Box::pin(async move {
                // Fails only at shutdown. What came of the cycle is told by the cycle.
                let _ = handle.sync(SyncTrigger::Schedule).await;
            })
        })?;
        let job = scheduler.add(job).await?;
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = schedule.changed() => if changed.is_err() { break },
        }
        scheduler.remove(&job).await?;
    }
    scheduler.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn five_fields_and_six_mean_the_same_hour() {
        for expression in ["17 * * * *", "0 17 * * * *"] {
            let schedule: Schedule = expression.parse().expect(expression);
            assert_eq!(schedule.next_after(time("2026-01-05T10:17:00Z")), Some(time("2026-01-05T11:17:00Z")));
        }
    }

    #[test]
    fn the_default_is_hourly_at_the_installations_minute() {
        let schedule = Schedule::from_config(&ScheduleConfig::default(), 41).expect("a schedule");
        assert_eq!(schedule.to_string(), "0 41 * * * *");
    }

    #[test]
    fn what_is_no_cron_expression_is_refused_with_an_example() {
        for expression in ["", "hourly", "61 * * * *", "* * *", "0 0 31 2 *"] {
            let error = expression.parse::<Schedule>().expect_err(expression).to_string();
            assert!(error.contains("five fields"), "{error}");
        }
    }

    #[test]
    fn a_sync_is_due_if_a_time_was_missed_and_only_then() {
        let schedule: Schedule = "17 * * * *".parse().expect("a schedule");
        let now = time("2026-01-05T10:30:00Z");
        assert!(schedule.is_due(None, now));
        assert!(schedule.is_due(Some(time("2026-01-05T10:16:59Z")), now));
        assert!(schedule.is_due(Some(time("2025-12-01T00:00:00Z")), now));
        assert!(!schedule.is_due(Some(time("2026-01-05T10:17:01Z")), now));
        assert!(schedule.is_due(Some(time("2026-01-05T12:00:00Z")), now), "the clock was set back");
    }
}
