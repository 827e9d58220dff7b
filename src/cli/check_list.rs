//! `rmdd check --file`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ask_list::{Answer, PEER_UNKNOWN, Question, ask, contradiction};
use super::list_file;
use super::target::Target;
use super::text::{self, say};
use super::{FAILED, NO, YES};
use crate::api::grpc::time_to_wire;
use crate::api::json;
use crate::parse::table::{self, BadRow};
use crate::parse::upstreams::{self, Upstream, Upstreams};
use crate::visible;

/// The columns that the answer adds to the list.
const ADDED: [&str; 6] = ["verdict", "reason", "filing", "business_name", "advisories", "message"];

/// The one more that it adds if it is about a moment.
const ADDED_WITH_AT: &str = "at";

/// The reason of a row that names no provider, or two: nobody was asked.
const BAD_ROW: &str = "BAD_ROW";

const ACCEPT: &str = "ACCEPT";

/// How a list is asked about.
pub struct ListOptions {
    /// The role, where the list says none.
    pub role: Option<crate::domain::ProviderRole>,
    /// The moment of which to tell, if not of now.
    pub at: Option<Timestamp>,
    /// One JSON object a line instead of CSV.
    pub json: bool,
}

/// What came of one row.
enum Outcome {
    Answered(Box<json::Check<'static>>),
    /// There is no answer about an upstream that nobody bound to a provider.
    Unanswered(String),
    /// It names no provider, or two.
    NotAsked(BadRow),
}

/// One row of the list, and what came of it.
struct Line {
    row: u64,
    cells: Vec<String>,
    outcome: Outcome,
}

/// Asks about every upstream of a list; prints the list with the verdicts, and a summary on standard error. A row that
/// cannot be asked about keeps no other from it.
pub async fn run(target: &Target, file: &Path, options: &ListOptions) -> anyhow::Result<u8> {
    let bytes = list_file::read(file)?;
    let list = upstreams::read(&bytes)
        .map_err(|error| anyhow::anyhow!("{}: {}", file.display(), text::one_line(&error.to_string())))?;
    let Upstreams { header, rows, notes } = list;
    list_file::say_notes(file, &notes);
    let lines = check(target, file, rows, options).await?;
    if options.json {
        for line in &lines {
            say!("{}", visible::to_json(&object(&header, line, options.at)?)?);
        }
    } else {
        let then = options.at.map(|at| at.to_string());
        let added = ADDED.into_iter().chain(then.as_ref().map(|_| ADDED_WITH_AT)).map(str::to_owned);
        let mut rows = vec![header.iter().cloned().chain(added).collect::<Vec<_>>()];
        rows.extend(lines.iter().map(|line| cells(header.len(), line).into_iter().chain(then.clone()).collect()));
        let mut csv = Vec::new();
        table::write(&mut csv, rows).context("the answer could not be written")?;
        text::write(&csv)?;
    }
    Ok(sum_up(file, &lines, options.at))
}

/// Asks about each row by all that it names its upstream by. What does not mean one provider is a bad row.
async fn check(
    target: &Target,
    file: &Path,
    rows: Vec<Result<Upstream, BadRow>>,
    options: &ListOptions,
) -> anyhow::Result<Vec<Line>> {
    let mut questions = Vec::new();
    for upstream in rows.iter().flatten() {
        for named in std::iter::once(&upstream.who).chain(&upstream.also) {
            questions.push(Question {
                place: format!("row {}", upstream.row),
                who: named.who.clone(),
                role: upstream.role.or(options.role),
            });
        }
    }
    let mut answers = ask(target, &list_file::name(file), &questions, options.at).await?.into_iter();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let line = match row {
            Ok(upstream) => {
                let count = 1 + upstream.also.len();
                let of_it: Vec<Answer> = answers.by_ref().take(count).collect();
                judge(upstream, of_it)
            }
            Err(bad) => Line { row: bad.row, cells: bad.cells.clone(), outcome: Outcome::NotAsked(bad) },
        };
        lines.push(line);
    }
    Ok(lines)
}

fn judge(upstream: Upstream, answers: Vec<Answer>) -> Line {
    let Upstream { row, who, also, unsaid, cells, .. } = upstream;
    let mut answers = answers.into_iter();
    let answer = answers.next().unwrap_or_else(|| Err("no answer came".to_owned()));
    let bad = also.iter().zip(answers).find_map(|(named, other)| {
        let problem = contradiction((&who.who, &answer), (&named.who, &other))?;
        Some(BadRow { row, field: named.field.clone(), problem, cells: Vec::new() })
    });
    let outcome = match (bad, answer, unsaid) {
        (Some(bad), ..) => Outcome::NotAsked(bad),
        (None, Ok(answer), _) => Outcome::Answered(Box::new(json::Check::from(&answer))),
        (None, Err(message), Some((field, problem))) => {
            let problem = format!("{problem} (and {message})");
            Outcome::NotAsked(BadRow { row, field, problem, cells: Vec::new() })
        }
        (None, Err(message), None) => Outcome::Unanswered(message),
    };
    Line { row, cells, outcome }
}

/// Says on standard error what came of the list, and which rows were not asked. The exit status.
fn sum_up(file: &Path, lines: &[Line], at: Option<Timestamp>) -> u8 {
    let mut reasons: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut refused, mut unanswered) = (0, 0);
    let mut bad = Vec::new();
    for line in lines {
        let counted = match &line.outcome {
            Outcome::Answered(check) => {
                refused += u64::from(check.verdict != ACCEPT);
                (&*check.verdict, &*check.reason)
            }
            Outcome::Unanswered(_) => {
                unanswered += 1;
                ("no verdict", PEER_UNKNOWN)
            }
            Outcome::NotAsked(row) => {
                bad.push(row.to_string());
                ("no verdict", BAD_ROW)
            }
        };
        *reasons.entry(counted).or_default() += 1;
    }
    for line in list_file::first_of(&bad) {
        anstream::eprintln!("{}: {}: {}", text::bad("not asked"), list_file::name(file), text::one_line(&line));
    }
    let counts: Vec<String> = reasons
        .iter()
        .map(|((verdict, reason), count)| format!("{} {verdict} {reason}", text::count(*count)))
        .collect();
    let not_asked = bad.len() as u64;
    let amiss: Vec<String> =
        [(refused, "refused"), (unanswered, "without an answer"), (not_asked, "not asked, their rows cannot be read")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{} {word}", text::count(count)))
            .collect();
    let outcome = if amiss.is_empty() { text::good("all accepted") } else { text::bad(&amiss.join(", ")) };
    let then = text::as_of(at.map(time_to_wire).as_ref()).map(|then| format!(" {then}")).unwrap_or_default();
    anstream::eprintln!("{} upstreams{then}: {outcome} ({})", text::count(lines.len() as u64), counts.join(", "));
    match (not_asked, refused, unanswered) {
        (0, 0, 0) => YES,
        (0, 1.., _) => NO,
        _ => FAILED,
    }
}

fn object(header: &[String], line: &Line, at: Option<Timestamp>) -> anyhow::Result<Value> {
    let mut asked = Map::new();
    for (name, cell) in header.iter().zip(line.cells.iter().map(String::as_str).chain(std::iter::repeat(""))) {
        // Columns of one name are told apart, so that none is lost.
        let mut key = name.clone();
        for number in 2.. {
            if !asked.contains_key(&key) {
                break;
            }
            key = format!("{name} ({number})");
        }
        asked.insert(key, cell.into());
    }
    let then = at.map(|at| at.to_string());
    let without_verdict = |reason: &str, message: &str| serde_json::json!({ "verdict": null, "reason": reason, "message": message, "at": then });
    let mut object = match &line.outcome {
        Outcome::Answered(check) => serde_json::to_value(check)?,
        Outcome::Unanswered(message) => without_verdict(PEER_UNKNOWN, message),
        Outcome::NotAsked(bad) => without_verdict(BAD_ROW, &bad.to_string()),
    };
    object["row"] = line.row.into();
    object["upstream"] = asked.into();
    Ok(object)
}

/// The row's own cells as they stand in the list, and the answer's: those hold texts of third parties.
fn cells(width: usize, line: &Line) -> Vec<String> {
    let mut cells = line.cells.clone();
    cells.resize(width, String::new());
    let foreign = |text: &str| table::as_text(text::one_line(text));
    let nothing = String::new;
    match &line.outcome {
        Outcome::Answered(check) => {
            let filing = check.filing.as_ref();
            let codes: Vec<&str> = check.advisories.iter().map(|advisory| &*advisory.code).collect();
            cells.extend([
                check.verdict.clone().into_owned(),
                check.reason.clone().into_owned(),
                filing.map(|filing| filing.number.clone()).unwrap_or_default(),
                filing.and_then(|filing| filing.business_name.as_deref()).map(foreign).unwrap_or_default(),
                codes.join(" "),
                foreign(&check.message),
            ]);
        }
        Outcome::Unanswered(message) => {
            cells.extend([nothing(), PEER_UNKNOWN.to_owned(), nothing(), nothing(), nothing(), foreign(message)]);
        }
        Outcome::NotAsked(bad) => {
            let message = foreign(&bad.to_string());
            cells.extend([nothing(), BAD_ROW.to_owned(), nothing(), nothing(), nothing(), message]);
        }
    }
    cells
}
