//! `rmdd decisions`: the decision log, read back.

mod calls;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;

use self::calls::Calls;
use super::screen::{Cell, Column, Table};
use super::target::{Access, Target};
use super::text::{self, say};
use super::{Global, YES, here, named};
use crate::api::grpc::v1::{GetProviderRequest, GetStatusRequest};
use crate::api::times::{moment, since};
use crate::daemon::config::{Loaded, Overrides};
use crate::domain::{Interface, PeerName, Who};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verdict {
    Accept,
    Refuse,
}

#[derive(Debug, Args)]
pub struct Decisions {
    /// Only decisions since then: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: from its beginning, Eastern
    /// time) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Only decisions before then.
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only those about this upstream: a peer's name, an OCN, an FRN or an RMD number, asked for or found.
    #[arg(long, value_name = "WHO")]
    peer: Option<String>,
    /// Only those that accept, or that refuse. Accepts are in the log as far as decision_log.log says.
    #[arg(long, value_name = "VERDICT", ignore_case = true)]
    verdict: Option<Verdict>,
    /// Each decision on a line of its own, with who asked and what the switch calls the call.
    #[arg(long)]
    each: bool,
    /// Also what people asked with `rmdd check`: those are no calls.
    #[arg(long)]
    people: bool,
    /// Print the lines of the log: one JSON object a line.
    #[arg(long, conflicts_with = "each")]
    json: bool,
}

/// What is read of a line.
#[derive(Debug, Deserialize)]
struct Line {
    at: Timestamp,
    #[serde(default)]
    dropped: u64,
    /// Which decisions are logged from here on.
    log: Option<String>,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    by_policy: bool,
    #[serde(default)]
    interface: String,
    asked_by: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    asked: Asked,
    filing: Option<Filing>,
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    frn: Option<String>,
    rmd_number: Option<String>,
    ocn: Option<String>,
    peer: Option<String>,
    bound_to: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Filing {
    number: String,
    frn: Option<String>,
}

impl Asked {
    fn named(&self) -> String {
        match (&self.peer, &self.ocn, &self.frn, &self.rmd_number) {
            (Some(peer), ..) => peer.clone(),
            (_, Some(ocn), ..) => format!("ocn:{ocn}"),
            (_, _, Some(number), _) | (.., Some(number)) => number.clone(),
            _ => "nobody that can be read".to_owned(),
        }
    }
}

/// Decisions of one kind about one upstream that came after one another.
#[derive(Debug, PartialEq)]
struct Run {
    first: Timestamp,
    last: Timestamp,
    count: u64,
    verdict: String,
    reason: String,
}

/// What the log holds of what was asked for.
#[derive(Debug, Default)]
struct Found {
    /// By upstream.
    runs: BTreeMap<String, Vec<Run>>,
    calls: Calls,
    decisions: u64,
    /// Asked with `rmdd check`, and left out.
    people: u64,
    /// Missing from the log, by what it says itself.
    dropped: u64,
    /// Lines that cannot be read: how many, and the first few.
    bad: u64,
    bad_places: Vec<String>,
}

/// So many bad lines are named.
const BAD_NAMED: usize = 5;

impl Decisions {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        text::in_order(self.since, self.until)?;
        text::warn_if_ahead(self.since);
        let loaded = global.settings(Overrides::new())?;
        let path = path(global, &loaded).await?;
        let files = files(&path)?;
        let mut found = Found::default();
        for (path, file) in files {
            self.read(&path, BufReader::new(file), &mut found)?;
        }
        if !self.json && !self.each {
            print_runs(&found);
        }
        if !self.json {
            let gap = if found.decisions > 0 { "\n" } else { "" };
            say!("{gap}{} in {}", text::count_of(found.decisions, "decision"), path.display());
            found.calls.say_what_is_not_logged(found.runs.keys());
        }
        if let Some(who) = self.peer.as_deref().filter(|_| found.decisions == 0)
            && let Some(unknown) = unknown(global, &loaded, who).await
        {
            text::aside(format_args!("{} {unknown}", text::doubtful("NOTE:")));
        }
        found.say_what_is_missing();
        Ok(YES)
    }

    /// Reads one file.
    fn read(&self, path: &Path, mut file: impl BufRead, found: &mut Found) -> anyhow::Result<()> {
        let (mut bytes, mut number) = (Vec::new(), 0u64);
        loop {
            bytes.clear();
            let read = file.read_until(b'\n', &mut bytes);
            if read.with_context(|| format!("{} cannot be read", path.display()))? == 0 {
                return Ok(());
            }
            number += 1;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line>(&bytes) {
                Ok(line) => self.take(&line, &bytes, found)?,
                Err(error) => {
                    found.bad += 1;
                    if found.bad_places.len() < BAD_NAMED {
                        found.bad_places.push(format!("{} line {number}: {error}", path.display()));
                    }
                }
            }
        }
    }

    fn take(&self, line: &Line, bytes: &[u8], found: &mut Found) -> anyhow::Result<()> {
        if let Some(level) = &line.log {
            found.calls.level(line.at, level);
            return Ok(());
        }
        if line.dropped == 0 {
            found.calls.see(line);
        }
        let too_early = self.since.is_some_and(|since| line.at < since);
        if too_early || self.until.is_some_and(|until| line.at >= until) {
            return Ok(());
        }
        if line.dropped > 0 {
            found.dropped += line.dropped;
            return Ok(());
        }
        let is_wanted = self.verdict.is_none_or(|verdict| match verdict {
            Verdict::Accept => line.verdict == "ACCEPT",
            Verdict::Refuse => line.verdict == "REFUSE",
        });
        if !is_wanted || self.peer.as_ref().is_some_and(|who| !line.is_about(who)) {
            return Ok(());
        }
        let by_people = line.interface == Interface::Cli.as_str();
        if by_people && !self.people {
            found.people += 1;
            return Ok(());
        }
        found.decisions += 1;
        if self.json {
            text::write(bytes.trim_ascii_end())?;
            text::write(b"\n")?;
        } else if self.each {
            line.print(found.decisions == 1);
        } else {
            found.add(line);
        }
        Ok(())
    }
}

impl Line {
    /// Whether it is about this upstream: what was asked for, or what that led to.
    fn is_about(&self, who: &str) -> bool {
        let who = who.trim();
        let folded =
            |text: &str| text.parse::<PeerName>().map_or_else(|_| text.to_owned(), |name| name.as_str().to_owned());
        let number = who.parse().map(crate::domain::Identity::number_text).ok();
        let is =
            |text: &Option<String>| text.as_deref().is_some_and(|text| text == who || Some(text) == number.as_deref());
        let ocn = who.strip_prefix("ocn:").unwrap_or(who);
        let name = who.strip_prefix("peer:").unwrap_or(who);
        let asked = &self.asked;
        is(&asked.frn)
            || is(&asked.rmd_number)
            || is(&asked.bound_to)
            || asked.ocn.as_deref().is_some_and(|asked| asked.eq_ignore_ascii_case(ocn))
            || asked.peer.as_deref().is_some_and(|peer| folded(peer) == folded(name))
            || self.filing.as_ref().is_some_and(|filing| is(&Some(filing.number.clone())) || is(&filing.frn))
    }

    /// With who asked and the call's name, and the answer's sentence.
    fn print(&self, first: bool) {
        if first {
            say!("{}", text::strong("AT                       VERDICT  REASON               WHO"));
        }
        let verdict = styled(&self.verdict, &format!("{:<7}", text::one_line(&self.verdict)));
        let (at, who) = (text::moment(self.at), text::one_line(&self.asked.named()));
        let head = format!("{at}  {verdict}  {:<19}  {who}", text::one_line(&self.reason));
        let by = self.asked_by.as_deref().map(|by| format!("asked by {} over ", text::one_line(by)));
        let reference = self.reference.as_deref().map(|of| format!(", ref {}", text::one_line(of)));
        let by =
            format!("{}{}{}", by.unwrap_or_default(), text::one_line(&self.interface), reference.unwrap_or_default());
        text::record(&head, &[by, text::one_line(&self.message)]);
    }
}

impl Found {
    /// Adds a decision to those of its upstream.
    fn add(&mut self, line: &Line) {
        let runs = self.runs.entry(line.asked.named()).or_default();
        match runs.last_mut().filter(|run| run.verdict == line.verdict && run.reason == line.reason) {
            Some(run) => {
                run.count += 1;
                run.last = run.last.max(line.at);
            }
            None => runs.push(Run {
                first: line.at,
                last: line.at,
                count: 1,
                verdict: line.verdict.clone(),
                reason: line.reason.clone(),
            }),
        }
    }

    fn say_what_is_missing(&self) {
        let note = |said: String| text::aside(format_args!("{}: {said}", text::doubtful("note")));
        if self.people > 0 {
            let asked = text::count_of(self.people, "more decision");
            note(format!("{asked} for people who asked with `rmdd check`, which are no calls: --people"));
        }
        if self.dropped > 0 {
            note(format!(
                "{} missing: they came faster than they could be written",
                text::count_of(self.dropped, "decision")
            ));
        }
        for place in &self.bad_places {
            note(format!("{}, and was left out", text::one_line(place)));
        }
        if self.bad > self.bad_places.len() as u64 {
            note(format!("{} in all cannot be read", text::count_of(self.bad, "line")));
        }
    }
}

fn styled(verdict: &str, shown: &str) -> String {
    if verdict == "REFUSE" { text::bad(shown) } else { text::good(shown) }
}

static COLUMNS: [Column; 6] = [
    Column::text("WHO"),
    Column::whole("FIRST"),
    Column::whole("LAST").from(100),
    Column::whole("VERDICT"),
    Column::text("REASON"),
    Column::number("CALLS"),
];

/// What was decided of each upstream, from when to when.
fn print_runs(found: &Found) {
    let mut table = Table::new(&COLUMNS);
    for (who, runs) in &found.runs {
        for (run, place) in runs.iter().zip(1..) {
            let verdict = text::one_line(&run.verdict);
            let cells = [
                Cell::plain(text::one_line(who)),
                Cell::plain(text::moment(run.first)),
                Cell::plain(text::moment(run.last)),
                if run.verdict == "REFUSE" { Cell::bad(verdict) } else { Cell::good(verdict) },
                Cell::plain(text::one_line(&run.reason)),
                Cell::plain(text::count(run.count)),
            ];
            let said = if place == runs.len() { found.calls.of(who) } else { None };
            table.add(cells, said.into_iter().collect());
        }
    }
    table.print();
}

/// What is wrong with a name that the log has no decision about: nobody bound it, or it looks like a number and is none.
async fn unknown(global: &Global, loaded: &Loaded, who: &str) -> Option<String> {
    // Said in full also where nobody can be asked what is bound.
    let misread =
        || Who::readings(who).and_then(|readings| readings.settle(&[], true)).err().map(|slip| slip.to_string());
    let Ok(target) = Target::find(global, loaded, Access::Read).await else { return misread() };
    let known = async |who: Who| {
        let request = GetProviderRequest { identity: Some(who.into()), ..GetProviderRequest::default() };
        target.get_provider(request).await
    };
    let error = target.first_known(who, known).await.err()?;
    if named::is_of_nobody(&error) { Some(error.to_string()) } else { misread() }
}

/// Where the log is: in the state directory of the daemon that runs, else of the configuration, unless a path is set.
async fn path(global: &Global, loaded: &Loaded) -> anyhow::Result<PathBuf> {
    if global.connect.is_some() {
        bail!("the decision log is read from its files: run this on the daemon's own machine, without --connect");
    }
    let log = &loaded.config.decision_log;
    let state_dir = match (&log.path, &loaded.config.state_dir) {
        (Some(_), _) => PathBuf::new(),
        (None, Some(directory)) => directory.clone(),
        (None, None) => match Target::find_daemon(global, loaded, Access::Maintain).await? {
            Some(daemon) => PathBuf::from(daemon.get_status(GetStatusRequest {}).await?.state_dir),
            None => here::state_dir(loaded)?,
        },
    };
    Ok(log.path_in(&state_dir))
}

/// The log's files that there are, the oldest first. They are opened before any is read, the newest first: one that is put
/// aside meanwhile is met twice rather than never, and known again.
fn files(path: &Path) -> anyhow::Result<Vec<(PathBuf, File)>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let aside = (1..).map(|number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    for (path, place) in std::iter::once(path.to_owned()).chain(aside).zip(0..) {
        match File::open(&path) {
            Ok(file) => {
                let of = file.metadata().with_context(|| format!("{} cannot be read", path.display()))?;
                if seen.insert((of.dev(), of.ino())) {
                    files.push((path, file));
                }
            }
            // The first of them may just have been put aside.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && place == 0 => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{} cannot be read: run this as the daemon's user, or as root", path.display())
                });
            }
        }
    }
    if files.is_empty() {
        bail!(
            "there is no decision log at {}: decision_log.log may be \"off\", decision_log.path or --state-dir another, or \
             nothing was decided yet",
            path.display()
        );
    }
    files.reverse();
    Ok(files)
}
