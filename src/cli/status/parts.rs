//! The status in one look: a part a line or a few, each with its name in front.

use jiff::Timestamp;

use super::Look;
use super::alarm::{finding, what_to_do};
use super::trouble::Trouble;
use crate::api::grpc::v1::{
    AlertChannel, AlertChannelState, DeadlineKind, GetStatusResponse, HeldListing, OwnState, PeerStanding,
    PeersAffected, PeersSummary, RecertificationState, Severity, State, SyncOutcome, SyncReport, Week,
};
use crate::api::json;
use crate::cli::from_wire::{self, time};
use crate::cli::screen::{self, spark};
use crate::cli::{standing, text};
use crate::observe::clock;
use crate::sync::schedule::Schedule;

/// What stands before the lines of a part.
const NAMES: usize = 8;

/// Content that is older than so many days is told of.
const OLD_CONTENT: i64 = 7;

/// So wide are names of peers and providers, at most, where there is no more room.
const PEER: usize = 14;
const PROVIDER: usize = 22;

/// So many weeks are shown at least.
const LEAST_WEEKS: usize = 8;

/// Stands between what is beside one another.
const BETWEEN: &str = "    ";

/// Words that a part begins with are so wide.
const WORD: usize = 10;

/// The screen as lines. Colours and all, but not cut.
pub struct Screen {
    lines: Vec<String>,
    /// How many columns there are; nothing for a pipe.
    columns: Option<usize>,
}

impl Screen {
    /// What is shown of a look.
    pub fn of(look: &Look, columns: Option<usize>) -> Self {
        let status = &look.status;
        let mut screen = Self { lines: Vec::new(), columns };
        screen.state(status);
        screen.alarms(status);
        if let Some(peers) = &status.peers {
            screen.peers(peers);
        }
        status.own_filings.iter().for_each(|own| screen.own(own));
        screen.weeks(&status.weeks);
        status.held.iter().for_each(|held| screen.held(held));
        screen.sync(status);
        if let Some(fleet) = &status.fleet {
            screen.part("FLEET", super::super::fleet::in_brief(fleet, status.snapshot.is_some()));
        }
        screen.channels(&look.channels);
        screen
    }

    /// Its lines; where there is a terminal, none is wider.
    pub fn lines(&self) -> Vec<String> {
        match self.columns {
            None => self.lines.clone(),
            Some(columns) => {
                self.lines.iter().flat_map(|line| screen::fitted(line, columns, screen::hanging(line))).collect()
            }
        }
    }

    /// A part's lines, the first with its name.
    fn part(&mut self, name: &str, lines: Vec<String>) {
        for (line, place) in lines.into_iter().zip(0..) {
            let name = if place == 0 { text::strong(name) } else { String::new() };
            let gap = " ".repeat(NAMES.saturating_sub(screen::width(&name)));
            for (piece, of_line) in self.fitted(&line).into_iter().zip(0..) {
                let before = if of_line == 0 { format!("{name}{gap}") } else { " ".repeat(NAMES + 2) };
                self.lines.push(format!("{before}{piece}").trim_end().to_owned());
            }
        }
    }

    /// Pieces beside one another as far as there is room, none of them broken that fits.
    fn beside_one_another(&self, pieces: &[String]) -> Vec<String> {
        let room = self.columns.map_or(usize::MAX, |columns| columns.saturating_sub(NAMES + 2));
        let mut lines: Vec<String> = Vec::new();
        for piece in pieces {
            match lines.last_mut() {
                Some(line) if screen::width(line) + BETWEEN.len() + screen::width(piece) <= room => {
                    line.push_str(BETWEEN);
                    line.push_str(piece);
                }
                _ => lines.push(piece.clone()),
            }
        }
        lines
    }

    /// A line on lines that leave room for the name.
    fn fitted(&self, line: &str) -> Vec<String> {
        match self.columns {
            Some(columns) if columns > 3 * NAMES => screen::fitted(line, columns - NAMES - 2, 0),
            _ => vec![line.to_owned()],
        }
    }

    fn state(&mut self, status: &GetStatusResponse) {
        let word = from_wire::state(status.state()).to_uppercase();
        let styled = match status.state() {
            State::Fresh => text::good(&word),
            State::Warning => text::doubtful(&word),
            _ => text::bad(&word),
        };
        let gap = " ".repeat(NAMES.saturating_sub(word.len()).max(2));
        let Some(snapshot) = &status.snapshot else {
            self.lines.push(format!("{styled}{gap}no listing was ever loaded"));
            return;
        };
        let confirmed = ago(time(snapshot.confirmed_at.as_ref()));
        let said = format!("{}, confirmed {confirmed}", text::count_of(status.filings, "filing"));
        let old = content_age(&status.content_as_of).unwrap_or_default();
        let serial = format!("snapshot {}", text::count(snapshot.serial));
        // At the right, where there is room.
        let taken = word.len() + gap.len() + said.len() + old.len() + serial.len();
        let room = self.columns.map_or(0, |columns| columns.min(WIDE)).saturating_sub(taken).max(2);
        let old = if old.is_empty() { old } else { text::doubtful(&old) };
        self.lines.push(format!("{styled}{gap}{said}{old}{}{serial}", " ".repeat(room)));
    }

    fn alarms(&mut self, status: &GetStatusResponse) {
        for alarm in &status.alarms {
            let severity = match alarm.severity() {
                Severity::Critical => text::bad("CRITICAL"),
                Severity::Warning => text::doubtful("WARNING"),
                Severity::Note | Severity::Unspecified => "NOTE".to_owned(),
            };
            self.lines.push(format!("  {severity} {}: {}", alarm.code, finding(alarm)));
            if let Some(what) = what_to_do(alarm) {
                self.lines.push(format!("    do: {what}"));
            }
        }
    }

    fn peers(&mut self, peers: &PeersSummary) {
        let mut lines = vec![in_numbers(peers)];
        lines.extend(self.worst(&peers.worst));
        let more = (peers.refused + peers.unmatched + peers.attention).saturating_sub(peers.worst.len() as u64);
        if more > 0 {
            lines.push(format!("and {} more: rmdd status --peers", text::count(more)));
        }
        if peers.changing_soon > 0 {
            let changes = if peers.changing_soon == 1 { "changes" } else { "change" };
            let soon = text::count(peers.changing_soon);
            lines.push(format!("{soon} of them {changes} within 24 hours: rmdd deadlines"));
        }
        self.part("PEERS", lines);
    }

    /// The worst of the peers, each on a line: what is the matter, its name, its provider, and more of it. Of a time the day
    /// alone is shown where there is no room for more.
    fn worst(&self, worst: &[PeerStanding]) -> Vec<String> {
        let found: Vec<Trouble> = worst.iter().map(Trouble::of).collect();
        let widest = |of: &dyn Fn(&Trouble) -> usize| found.iter().map(of).max().unwrap_or_default();
        let (names, providers) = (widest(&|of| screen::width(&of.name)), widest(&|of| screen::width(&of.provider)));
        // What the names may take, where all of them have more than they need.
        let room = self.columns.map_or(usize::MAX, |columns| columns.saturating_sub(NAMES + 2 + WORD + 3));
        let peer = names.min(if room < usize::MAX { (room / 3).max(PEER) } else { PEER });
        let whole = widest(&|of| screen::width(&of.what));
        let is_whole = room >= peer + providers.min(PROVIDER) + whole;
        let what = if is_whole { whole } else { widest(&|of| screen::width(&of.in_brief)) };
        let provider = providers.min(if room < usize::MAX {
            room.saturating_sub(peer + what).max(PROVIDER / 2)
        } else {
            PROVIDER
        });
        let line = |of: &Trouble| {
            let word = standing::styled(of.state, &format!("{:<WORD$}", of.word));
            let (name, who) = (self.padded(&of.name, peer), self.padded(&of.provider, provider));
            format!("{word} {name} {who} {}", if is_whole { &of.what } else { &of.in_brief })
        };
        found.iter().map(line).collect()
    }

    /// A name in so many columns; whole for a pipe.
    fn padded(&self, name: &str, width: usize) -> String {
        let shown = if self.columns.is_some() { screen::cut(name, width) } else { name.to_owned() };
        format!("{shown}{}", " ".repeat(width.saturating_sub(screen::width(&shown))))
    }

    fn own(&mut self, own: &crate::api::grpc::v1::OwnFiling) {
        let name = if own.name.is_empty() { String::new() } else { format!(" {}", text::one_line(&own.name)) };
        let mut lines = vec![match own.state() {
            OwnState::Listed => format!("{}{name}: listed as {}", own.frn, own.rmd_numbers.join(", ")),
            OwnState::Removed => text::bad(&format!(
                "{}{name}: GONE from the listing since {}: nobody may accept your calls",
                own.frn,
                text::time(own.first_missing_at.as_ref())
            )),
            _ => text::bad(&format!("{}{name}: NOT in the listing: nobody may accept your calls", own.frn)),
        }];
        let by = &own.recertification_by;
        match own.recertification() {
            RecertificationState::Overdue => lines.push(text::bad(&format!("recertification overdue since {by}"))),
            RecertificationState::Open => lines.push(text::doubtful(&format!("recertify by {by} (Eastern time)"))),
            _ => {}
        }
        if !own.update_by.is_empty() && !own.is_updated {
            let (changed, by) = (&own.changed, &own.update_by);
            // What is past does not come any more.
            let is_due = own.next.iter().any(|deadline| deadline.kind() == DeadlineKind::OwnUpdateDue);
            lines.push(match is_due {
                true => text::doubtful(&format!("update the filing by {by}: it changed on {changed}")),
                false => text::bad(&format!("update overdue since {by}: it changed on {changed}")),
            });
        }
        for change in own.changes.iter().filter(|change| change.roles).take(1) {
            let changed = text::bad("ROLES CHANGED");
            lines.push(format!("{changed} {} {}", change.rmd_number, text::time(change.at.as_ref())));
        }
        self.part("ME", lines);
    }

    fn weeks(&mut self, weeks: &[Week]) {
        // What stands before the bars and behind them.
        let beside = NAMES + 2 + 9 + 3 + "1,203 in the week of 2026-11-23, 9 of peers".len();
        let room = self.columns.map_or(weeks.len(), |columns| columns.saturating_sub(beside).max(LEAST_WEEKS));
        let shown = spark::last(weeks, room);
        let filings: Vec<Option<u64>> = shown.iter().map(|week| week.filings).collect();
        let known = || filings.iter().flatten().copied();
        let (Some(least), Some(most)) = (known().min(), known().max()) else { return };
        let removals: Vec<u64> = shown.iter().map(|week| week.removals).collect();
        let range = match least == most {
            true => text::count(most),
            false => format!("{} .. {}", text::count(least), text::count(most)),
        };
        let range = format!("{range} in {} weeks", shown.len());
        let worst = shown.iter().filter(|week| week.removals > 0).max_by_key(|week| week.removals);
        let worst = worst.map_or_else(
            || "none".to_owned(),
            |week| {
                let own = match week.removals_of_peers {
                    0 => String::new(),
                    own => format!(", {} of peers", text::count(own)),
                };
                format!("{} in the week of {}{own}", text::count(week.removals), week.monday)
            },
        );
        self.part(
            "LIST",
            vec![
                format!("{:<8} {}   {range}", "filings", spark::between(&filings)),
                format!("{:<8} {}   {worst}", "removals", spark::from_zero(&removals)),
            ],
        );
    }

    fn held(&mut self, held: &HeldListing) {
        let reported = json::Held::from(held);
        let times = if held.times == 1 { "once".to_owned() } else { format!("{} times", text::count(held.times)) };
        let mut lines = vec![format!(
            "{}  {}, without {} of those standing; fetched {times}, first {}; waits for a {}",
            reported.sha256.get(..12).unwrap_or_default(),
            text::count_of(held.filings, "filing"),
            text::count(held.gone),
            text::time_and_distance(held.first_fetched_at.as_ref()),
            reported.awaits.replace('_', " ")
        )];
        lines.extend(held.doubts.iter().map(|doubt| text::one_line(doubt)));
        lines.extend(held.peers.as_ref().map(peers_affected));
        self.part("HELD", lines);
    }

    fn sync(&mut self, status: &GetStatusResponse) {
        let mut lines = Vec::new();
        let next = match (&status.started_at, time(status.next_sync_at.as_ref())) {
            (None, _) => "no daemon runs".to_owned(),
            (_, None) => "none to come".to_owned(),
            (_, Some(next)) => format!("next {} ({})", ahead(next), in_words(&status.schedule)),
        };
        let last = status.last_sync.as_ref().map_or_else(|| "none yet".to_owned(), last_sync);
        lines.push(format!("{next}   {last}"));
        if let Some(running) = &status.sync_in_progress {
            let stage = from_wire::word(running.stage().as_str_name(), "SYNC_STAGE_").to_ascii_lowercase();
            lines.push(match time(running.waits_until.as_ref()) {
                Some(until) => format!("running: unusual, the second copy is fetched {}", ahead(until)),
                None => format!("running: {stage}, {} so far", text::bytes(running.bytes)),
            });
        }
        self.part("SYNC", lines);
    }

    fn channels(&mut self, channels: &[AlertChannel]) {
        let configured: Vec<String> =
            channels.iter().filter(|channel| channel.r#type != "journal").map(in_brief).collect();
        match (channels.is_empty(), configured.is_empty()) {
            (true, _) => {}
            (_, true) => self.part("ALERTS", vec!["only the journal is told: no channel is configured".to_owned()]),
            _ => self.part("ALERTS", self.beside_one_another(&configured)),
        }
    }
}

/// On a wider terminal the line of the state is no wider.
const WIDE: usize = 120;

fn ago(at: Option<Timestamp>) -> String {
    let Some(at) = at else { return "at a time that is not known".to_owned() };
    let distance = clock::now().duration_since(at);
    match distance.is_negative() {
        true => text::moment(at),
        false => format!("{} ago", text::span(distance)),
    }
}

fn ahead(at: Timestamp) -> String {
    let distance = at.duration_since(clock::now());
    if distance.is_negative() { "now".to_owned() } else { format!("in {}", text::span(distance)) }
}

/// That the content is old, if it is.
fn content_age(as_of: &str) -> Option<String> {
    let days = crate::service::content_days(Some(as_of), clock::now())?;
    (days > OLD_CONTENT).then(|| {
        let distance = match days / 30 {
            0..3 => text::count_of(days.unsigned_abs(), "day"),
            months => format!("{} months", text::count(months.unsigned_abs())),
        };
        format!(", content {distance} old")
    })
}

/// The peers in numbers, on one line.
pub fn in_numbers(peers: &PeersSummary) -> String {
    let all = peers.refused + peers.unmatched + peers.attention + peers.accepted;
    let need = if peers.attention == 1 { "needs attention" } else { "need attention" };
    let counted = [
        (peers.accepted, "accepted"),
        (peers.attention, need),
        (peers.unmatched, "unmatched"),
        (peers.refused, "refused"),
    ];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0);
    let counted: Vec<String> = counted.map(|(count, what)| format!("{} {what}", text::count(count))).collect();
    match all {
        0 => "none on record: bind them with `rmdd peers add` or `rmdd peers import`".to_owned(),
        _ => format!("{}: {}", text::count(all), counted.join(", ")),
    }
}

fn in_words(schedule: &str) -> String {
    schedule.parse::<Schedule>().map_or_else(|_| schedule.to_owned(), |schedule| schedule.in_words())
}

/// What the last sync came to.
fn last_sync(sync: &SyncReport) -> String {
    let at = ago(time(sync.at.as_ref()));
    match sync.outcome() {
        SyncOutcome::Unchanged => format!("last {at}: unchanged"),
        SyncOutcome::Applied => {
            let counted = [
                (sync.listed, "listed"),
                (sync.amended, "amended"),
                (sync.removed, "removed"),
                (sync.reinstated, "reinstated"),
            ];
            let counted = counted.into_iter().filter(|(count, _)| *count > 0);
            let counted: Vec<String> = counted.map(|(count, what)| format!("{} {what}", text::count(count))).collect();
            format!("last {at}: {}", if counted.is_empty() { "applied".to_owned() } else { counted.join(", ") })
        }
        _ => format!("last {at}: {}", text::bad(&json::Sync::from(sync).outcome.to_uppercase())),
    }
}

/// A channel of alerts in a few words.
fn in_brief(channel: &AlertChannel) -> String {
    let name = text::one_line(&channel.name);
    let queued = match channel.queued {
        0 => String::new(),
        queued => format!("{} waiting", text::count(queued)),
    };
    let error = screen::cut(&text::one_line(&channel.error), 40);
    match (channel.state(), channel.delivered_at.as_ref()) {
        (AlertChannelState::Failing, _) => text::bad(&format!("{name}: failing, {queued} ({error})")),
        (AlertChannelState::Stopped, _) => text::bad(&format!("{name}: stopped ({error})")),
        (_, _) if channel.queued > 0 => format!("{name}: {queued}"),
        (_, Some(at)) => format!("{name}: delivered {}", ago(time(Some(at)))),
        (_, None) => format!("{name}: nothing sent yet"),
    }
}

/// What approving a held listing would do to the operator's own peers.
fn peers_affected(affected: &PeersAffected) -> String {
    let providers = text::count_of(affected.providers, "provider");
    if affected.peers == 0 {
        return format!(
            "approving it would change the answer about {providers} in some role; no peers are on record, so \
             nobody can tell what it would do to yours"
        );
    }
    let named = match affected.refused.join(", ") {
        none if none.is_empty() => String::new(),
        named if affected.newly_refused > affected.refused.len() as u64 => format!(" ({named}, ...)"),
        named => format!(" ({named})"),
    };
    format!(
        "approving it would refuse {}{named} and accept {} of your {} that are not now, and change the answer in \
         some role about {} of them and {providers} in all: rmdd impact --held",
        text::count(affected.newly_refused),
        text::count(affected.newly_accepted),
        text::count_of(affected.peers, "peer"),
        text::count(affected.in_some_role)
    )
}
