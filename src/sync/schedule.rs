//! cron -> trigger: when the source is asked, in UTC.
//!
//! The cron crate starts cycles at their times. It does not see that the wall clock was set back, and would be silent until
//! the old time comes again; so the clock is looked at besides, and a time that passed without a cycle is made up, once.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;

use crate::domain::SyncTrigger;
use crate::observe::clock;
use crate::sync::SyncHandle;

/// How often the wall clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// A time counts as missed once it is past by so long: until then the cycle that cron starts is awaited.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// When the source is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ScheduleConfig {
    /// A cron expression in UTC, of five fields or, with seconds in front, of six. Where there is none, hourly at a
    /// minute that was drawn once for this installation.
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
        #[expect(clippy::disallowed_methods, reason = "whether it ever comes true is no matter of when that is asked")]
        let now = Utc::now();
        cron.find_next_occurrence(&now, false).map_err(|_| refuse("it never comes true".to_owned()))?;
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

    /// The schedule as a person says it: "hourly at minute 29". One that has no such words is told as it is written.
    pub fn in_words(&self) -> String {
        let fields: Vec<&str> = self.expression.split_whitespace().collect();
        let [second, minute, hour, "*", "*", "*"] = fields[..] else { return self.as_written() };
        let number = |field: &str| field.parse::<u8>().ok();
        let clock = |hour: u8, minute: u8| match number(second) {
            Some(0) => format!("{hour:02}:{minute:02}"),
            _ => format!("{hour:02}:{minute:02}:{second:0>2}"),
        };
        let every = |field: &str| field.strip_prefix("*/").and_then(number);
        match (number(second), number(minute), number(hour)) {
            (Some(_), Some(minute), Some(hour)) => format!("daily at {} UTC", clock(hour, minute)),
            (Some(0), Some(minute), None) if hour == "*" => format!("hourly at minute {minute}"),
            (Some(0), None, None) if hour == "*" && minute == "*" => "every minute".to_owned(),
            (Some(0), None, None) if hour == "*" => match every(minute) {
                Some(minutes) => format!("every {minutes} minutes"),
                None if minute.split(',').all(|minute| number(minute).is_some()) => {
                    format!("hourly at minutes {}", minute.replace(',', ", "))
                }
                None => self.as_written(),
            },
            (Some(0), Some(minute), None) => match every(hour) {
                Some(hours) => format!("every {hours} hours at minute {minute}"),
                None => self.as_written(),
            },
            _ => self.as_written(),
        }
    }

    fn as_written(&self) -> String {
        format!("by {:?}, cron in UTC", self.expression.strip_prefix("0 ").unwrap_or(&self.expression))
    }

    /// The first time behind this one.
    pub(crate) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&to_chrono(at)?, false).ok()?;
        Timestamp::from_second(next.timestamp()).ok()
    }

    /// Whether a time has passed since the last cycle: one that was missed while the daemon was down is made up once.
    pub(crate) fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        match last {
            None => true,
            // A last cycle in the future: the clock was set back, and nothing is known.
            Some(last) if last > now => true,
            Some(last) => self.next_after(last).is_some_and(|next| next <= now),
        }
    }

    /// Whether a time has passed without a cycle while the daemon ran: the machine slept, or its clock was set.
    fn is_missed(&self, look: &Look) -> bool {
        let Look { last, since, running, now } = *look;
        let (Ok(settled), Ok(ahead)) = (now.checked_sub(SLACK), now.checked_add(SLACK)) else { return false };
        if running {
            return false;
        }
        // The clock was set back: how long ago the last cycle was is not known. The one that is made up now is on record
        // under the new clock.
        if last.is_some_and(|last| last > ahead) {
            return true;
        }
        let last = last.map(|last| last.min(now));
        let since = Some(since).filter(|since| *since <= now);
        last.max(since).and_then(|from| self.next_after(from)).is_some_and(|next| next <= settled)
    }
}

/// What a look at the clock rests on.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// When the last cycle ended, whatever started it and whatever came of it.
    last: Option<Timestamp>,
    /// Since when the schedule is in force.
    since: Timestamp,
    /// Whether a cycle runs.
    running: bool,
    /// What the clock says.
    now: Timestamp,
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
    // A start makes up for what was missed before it.
    let mut since = clock::now();
    loop {
        let current = schedule.borrow_and_update().clone();
        let handle = sync.clone();
        let job = Job::new_async_tz(current.expression.clone(), Utc, move |_, _| {
            let handle = handle.clone();
            Box::pin(async move {
                // Fails only at shutdown. What came of the cycle is told by the cycle.
                let _ = handle.sync(SyncTrigger::Schedule).await;
            })
        })?;
        let job = scheduler.add(job).await?;
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = schedule.changed() => {
                if changed.is_err() {
                    break;
                }
                since = clock::now();
            }
            // The job knows only the old clock.
            now = set_back(&current, since, &sync, LOOK_EVERY, clock::now) => since = now,
        }
        scheduler.remove(&job).await?;
    }
    scheduler.shutdown().await
}

/// Looks at the wall clock every so often and makes up for what was missed. Ends with what the clock says when it was set
/// back.
async fn set_back(
    schedule: &Schedule,
    since: Timestamp,
    sync: &SyncHandle,
    every: Duration,
    clock: impl Fn() -> Timestamp,
) -> Timestamp {
    let mut looks = interval_at(Instant::now() + every, every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = clock();
    loop {
        looks.tick().await;
        let now = clock();
        let last = sync.state().last.as_ref().map(|last| last.at);
        let look = Look { last, since, running: sync.progress().is_some(), now };
        if sync.fetches() && schedule.is_missed(&look) {
            tracing::info!("a time of the schedule has passed without a sync, or the clock was set: it is made up now");
            sync.start(SyncTrigger::Schedule);
        }
        if now < before {
            return now;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests;
