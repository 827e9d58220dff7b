//! The tables' names and types. See the module above for what they hold.

use redb::TableDefinition;

pub const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub const FILINGS: TableDefinition<u32, &[u8]> = TableDefinition::new("filings");
pub const SNAPSHOTS: TableDefinition<u64, &[u8]> = TableDefinition::new("snapshots");
pub const REMOVALS: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("removals");
pub const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
pub const CHANGES_BY_FILING: TableDefinition<(u32, u64), ()> = TableDefinition::new("changes_by_filing");
pub const SYNC_STATE: TableDefinition<u8, &[u8]> = TableDefinition::new("sync_state");
pub const HELD: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("held");
pub const SOURCES: TableDefinition<&str, &[u8]> = TableDefinition::new("sources");
/// Snapshot serial, and a time in milliseconds at which its source published it again.
pub const CONFIRMATIONS: TableDefinition<(u64, i64), ()> = TableDefinition::new("confirmations");
/// Filing number, and the time in milliseconds at which it was first seen, where the change that tells it was dropped.
pub const FIRST_SIGHTS: TableDefinition<u32, i64> = TableDefinition::new("first_sights");
pub const RECORDS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("records");
pub const RECORD_EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("record_events");

/// The fleet's ID, and where the store stands in each of its logs. There in format 5 alone.
pub const FLEET: TableDefinition<&str, &[u8]> = TableDefinition::new("fleet");

/// What was last reported, by subject.
pub const ALERT_REPORTED: TableDefinition<&str, &[u8]> = TableDefinition::new("alert_reported");
pub const ALERT_EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("alert_events");
/// Channel and event: a delivery that waits.
pub const ALERT_QUEUE: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("alert_queue");
/// Channel and event: a delivery that was set aside.
pub const ALERT_DEAD: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("alert_dead");
pub const ALERT_CHANNELS: TableDefinition<&str, &[u8]> = TableDefinition::new("alert_channels");
/// Channel and subject: what the channel was told of.
pub const ALERT_TOLD: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("alert_told");

/// Names in `meta`.
pub const META_FORMAT: &str = "format";
pub const META_SCHEDULE_MINUTE: &str = "schedule_minute";
pub const META_LAST_CHANGE: &str = "last_change";
/// The newest event of operators' records that was saved out of a damaged store: up to it, some may be missing.
pub const META_EVENTS_SALVAGED: &str = "events_salvaged";
/// The beginning of the digest of the journal's line of the newest event of operators' records.
pub const META_JOURNAL: &str = "journal";
pub const META_REMOVALS_SUM: &str = "removals_sum";
pub const META_RECORDS_SUM: &str = "records_sum";
/// When the oldest listing of all was fetched, in milliseconds, where its record was dropped.
pub const META_BEGAN_AT: &str = "began_at";
pub const META_HISTORY_FLOOR: &str = "history_floor";
/// Tells this store's events from those of all others.
pub const META_ALERTS_INSTALLATION: &str = "alerts_installation";
/// The newest event.
pub const META_ALERTS_SEQUENCE: &str = "alerts_sequence";
/// The newest change of the listing that was reported.
pub const META_ALERTS_CURSOR: &str = "alerts_cursor";

/// Keys in `sync_state`.
pub const SYNC_STATE_NOW: u8 = 0;
pub const SYNC_STATE_PASSED_OVER: u8 = 1;
/// What vetting remembers of the steps before.
pub const SYNC_STATE_STEPS: u8 = 2;
/// What was lost of operators' records, or mended, until somebody acknowledges it.
pub const SYNC_STATE_RECORDS_NOTICE: u8 = 3;
/// Of which stretches of the past it is not known which listing stood.
pub const SYNC_STATE_GAPS: u8 = 4;
