//! `rmdd check --file`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;

use super::ask_list::{Answer, PEER_UNKNOWN, Question, ask, contradiction};
use super::list_file;
use super::target::Target;
use super::text;
use super::{FAILED, NO, YES};
use crate::api::grpc::{time_to_wire, v1};
use crate::api::json;
use crate::domain::visible;
use crate::domain::{ProviderRole, Who};
use crate::records::lists::table::{self, BadRow};
use crate::records::lists::upstreams::{self, Named, Upstream, Upstreams};

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
    pub role: Option<ProviderRole>,
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
    /// The roles in which it was asked, by the list or the command; none where any would do, or the peer's own.
    roles: Vec<ProviderRole>,
    outcome: Outcome,
}

/// Asks about every upstream of a list; prints the list with the verdicts, and a summary on standard error. A row that
/// cannot be asked about keeps no other from it.
pub async fn run(target: &Target, file: &Path, options: &ListOptions) -> anyhow::Result<u8> {
    let bytes = list_file::read(file)?;
    let list = upstreams::read(&bytes)
        .map_err(|error| anyhow::anyhow!("{}: {}", file.display(), text::one_line(&error.to_string())))?;
    let Upstreams { header, rows, notes, unasked } = list;
    list_file::say_notes(file, &notes);
    let lines = check(target, file, rows, options).await?;
    if options.json {
        for line in &lines {
            text::whole!("{}", object(&header, line, options.at)?);
        }
    } else {
        let then = options.at.map(|at| at.to_string());
        let added = ADDED.into_iter().chain(then.as_ref().map(|_| ADDED_WITH_AT)).map(str::to_owned);
        let mut rows = vec![header.iter().cloned().chain(added).collect::<Vec<_>>()];
        rows.extend(lines.iter().map(|line| cells(header.len(), line).into_iter().chain(then.clone()).collect()));
        let mut csv = Vec::new();
        table::write(&mut csv, rows).context("the answer could not be written")?;
        // Whoever reads it may have seen enough: the verdicts are the same.
        let _ = text::write(&csv);
    }
    // Whoever names the role has said in which all are to be asked.
    let unasked = if options.role.is_some() { Vec::new() } else { unasked };
    Ok(sum_up(file, &lines, &unasked, options.at))
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
        for named in std::iter::once(&upstream.who).chain(&upstream.also).chain(&upstream.beside) {
            questions.extend(in_roles(upstream, options).map(|role| Question {
                place: format!("row {}", upstream.row),
                who: named.who.clone(),
                role,
            }));
        }
    }
    let mut answers = ask(target, &list_file::name(file), &questions, options.at).await?.into_iter();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let line = match row {
            Ok(upstream) => {
                let roles: Vec<Option<ProviderRole>> = in_roles(&upstream, options).collect();
                let of_it = (0..=upstream.also.len() + upstream.beside.len())
                    .map(|_| in_all(answers.by_ref().take(roles.len()), &roles))
                    .collect::<Vec<Answer>>();
                judge(upstream, of_it, roles.into_iter().flatten().collect())
            }
            Err(bad) => {
                Line { row: bad.row, cells: bad.cells.clone(), roles: Vec::new(), outcome: Outcome::NotAsked(bad) }
            }
        };
        lines.push(line);
    }
    Ok(lines)
}

/// The roles in which an upstream is asked, at least one or none in particular.
fn in_roles(upstream: &Upstream, options: &ListOptions) -> impl Iterator<Item = Option<ProviderRole>> {
    std::iter::once(upstream.role.or(options.role)).chain(upstream.also_as.iter().copied().map(Some))
}

/// The one answer of an upstream that is asked in several roles: that which refuses it, if one does. All advisories stay.
fn in_all(answers: impl Iterator<Item = Answer>, roles: &[Option<ProviderRole>]) -> Answer {
    let mut answers = answers.collect::<Result<Vec<_>, String>>()?;
    let refuses = |answer: &v1::CheckProviderResponse| answer.verdict() != v1::Verdict::Accept;
    let place = answers.iter().position(refuses).unwrap_or_default();
    if answers.is_empty() {
        return Err("no answer came".to_owned());
    }
    let mut answer = answers.swap_remove(place);
    for other in answers {
        for advisory in other.advisories {
            if !answer.advisories.contains(&advisory) {
                answer.advisories.push(advisory);
            }
        }
    }
    if let [_, _, ..] = roles {
        let roles: Vec<&str> = roles.iter().flatten().map(|role| role.label()).collect();
        answer.message = format!("{}; asked as a {}", answer.message, roles.join(" and a "));
    }
    Ok(answer)
}

fn judge(upstream: Upstream, answers: Vec<Answer>, roles: Vec<ProviderRole>) -> Line {
    let Upstream { row, who, also, beside, unsaid, cells, .. } = upstream;
    let mut answers = answers.into_iter();
    let all: Vec<(Named, Answer)> = std::iter::once(who).chain(also).zip(answers.by_ref()).collect();
    let beside: Vec<(Named, Answer)> = beside.into_iter().zip(answers).collect();
    // A peer that nobody bound says nothing about those beside it.
    let surest = all.iter().position(|(_, answer)| answer.is_ok()).unwrap_or_default();
    let bad = all.iter().chain(&beside).find_map(|(named, other)| {
        let (first, answer) = all.get(surest)?;
        let problem = contradiction((&first.who, answer), (&named.who, other))?;
        Some(BadRow { row, field: named.field.clone(), problem, cells: Vec::new() })
    });
    let answer = of_all_names(all, surest, roles.is_empty());
    let outcome = match (bad, answer, unsaid) {
        (Some(bad), ..) => Outcome::NotAsked(bad),
        (None, Ok(answer), _) => Outcome::Answered(Box::new(json::Check::from(&answer))),
        (None, Err(message), Some((field, problem))) => {
            let problem = format!("{problem} (and {message})");
            Outcome::NotAsked(BadRow { row, field, problem, cells: Vec::new() })
        }
        (None, Err(message), None) => Outcome::Unanswered(message),
    };
    Line { row, cells, roles, outcome }
}

/// The answer of a row whose names all mean one provider: that of the surest, unless neither the row nor the command names
/// a role. Then the row is asked as a switch asks, by what it calls the upstream, so that the default roles of its peers
/// count: it is refused if one of them is.
fn of_all_names(mut answers: Vec<(Named, Answer)>, surest: usize, without_role: bool) -> Answer {
    let accepts = |answer: &Answer| answer.as_ref().is_ok_and(|answer| answer.verdict() == v1::Verdict::Accept);
    let is_bound =
        |(named, answer): &(Named, Answer)| matches!(named.who, Who::Ocn(_) | Who::Peer(_)) && answer.is_ok();
    if without_role && answers.get(surest).is_some_and(|(_, answer)| accepts(answer)) {
        let (bound, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(is_bound);
        if !bound.is_empty() {
            return in_all(bound.into_iter().map(|(_, answer)| answer), &[]);
        }
        answers = others;
    }
    if answers.is_empty() { Err("no answer came".to_owned()) } else { answers.swap_remove(surest).1 }
}

/// Says on standard error what came of the list, and which rows were not asked. The exit status.
fn sum_up(file: &Path, lines: &[Line], unasked: &[String], at: Option<Timestamp>) -> u8 {
    let mut reasons: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut refused, mut unanswered) = (0, 0);
    let mut bad = Vec::new();
    for line in lines {
        let counted = match &line.outcome {
            Outcome::Answered(check) => {
                let verdict = check.verdict.as_deref().unwrap_or_default();
                refused += u64::from(verdict != ACCEPT);
                (verdict, &*check.reason)
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
        text::aside(format_args!("{}: {}: {}", text::bad("not asked"), list_file::name(file), text::one_line(&line)));
    }
    let counts: Vec<String> = reasons
        .iter()
        .map(|((verdict, reason), count)| format!("{} {verdict} {reason}", text::count(*count)))
        .collect();
    let not_asked = bad.len() as u64;
    let mut amiss: Vec<String> =
        [(refused, "refused"), (unanswered, "without an answer"), (not_asked, "not asked, their rows cannot be read")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{} {word}", text::count(count)))
            .collect();
    if !unasked.is_empty() {
        amiss.push(format!("the roles in column {} not asked", text::one_line(&unasked.join(", "))));
    }
    let outcome = if amiss.is_empty() { text::good("all accepted") } else { text::bad(&amiss.join(", ")) };
    let then = text::as_of(at.map(time_to_wire).as_ref()).map(|then| format!(" {then}")).unwrap_or_default();
    let upstreams = text::count_of(lines.len() as u64, "upstream");
    text::aside(format_args!("{upstreams}{then}: {outcome} ({})", counts.join(", ")));
    match (not_asked + unasked.len() as u64, refused, unanswered) {
        (0, 0, 0) => YES,
        (0, 1.., _) => NO,
        _ => FAILED,
    }
}

/// One line of JSON: the members of `rmdd check --json` in the same order, and then the row's own.
fn object(header: &[String], line: &Line, at: Option<Timestamp>) -> serde_json::Result<String> {
    let mut upstream: Vec<(String, &str)> = Vec::with_capacity(header.len());
    for (name, cell) in header.iter().zip(line.cells.iter().map(String::as_str).chain(std::iter::repeat(""))) {
        // Columns of one name are told apart, so that none is lost.
        let mut key = name.clone();
        for number in 2.. {
            if upstream.iter().all(|(known, _)| *known != key) {
                break;
            }
            key = format!("{name} ({number})");
        }
        upstream.push((key, cell));
    }
    let none;
    let check = match &line.outcome {
        Outcome::Answered(check) => check.as_ref(),
        Outcome::Unanswered(message) => {
            none = json::Check::unanswered(PEER_UNKNOWN, message.clone(), at);
            &none
        }
        Outcome::NotAsked(bad) => {
            none = json::Check::unanswered(BAD_ROW, bad.to_string(), at);
            &none
        }
    };
    visible::to_json(&json::CheckedRow {
        check,
        row: line.row,
        asked_roles: line.roles.iter().map(|role| role.as_str()).collect(),
        upstream: json::Cells(upstream),
    })
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
                check.verdict.as_deref().unwrap_or_default().to_owned(),
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
