//! `/v1/check/{who}`: the answer on every call.

use std::time::Instant;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use super::answer::{self, Format, Reply};
use super::params::{Params, QueryString, who};
use super::problem::Problem;
use crate::api::json::{Check, CompactCheck};
use crate::api::times::moment;
use crate::domain::visible::one_line;
use crate::domain::{Interface, ProviderRole, wording};
use crate::observe::Came;
use crate::service::{Answer, CheckRequest, Detail, Services, SnapshotRef, Unreadable};
use crate::transport::auth::Session;

const PARAMETERS: [&str; 9] =
    ["role", "emergency", "foreign", "us_caller_id", "caller_id", "at", "format", "detail", "ref"];

/// The answer once more, for switches that read headers only. Made once, since a name given as text is read, and put on
/// the heap, for each answer.
const VERDICT: HeaderName = HeaderName::from_static("rmdd-verdict");
const REASON: HeaderName = HeaderName::from_static("rmdd-reason");
const RULE: HeaderName = HeaderName::from_static("rmdd-rule");
const SNAPSHOT: HeaderName = HeaderName::from_static("rmdd-snapshot");
const AGE: HeaderName = HeaderName::from_static("rmdd-age");

/// What stands before the name.
pub const PREFIX: &str = "/v1/check/";

/// An answer, and what it rests on.
struct Answered {
    answer: Answer,
    snapshot: Option<SnapshotRef>,
    at: Option<Timestamp>,
}

/// Whether calls may be accepted. `notes` says whether whoever asks may read what operators note for themselves; who that is
/// is in `session`, where a daemon answers.
pub async fn check(
    services: &Services,
    (path, headers): (&str, &HeaderMap),
    query: &QueryString<'_>,
    session: Option<&Session>,
    notes: bool,
) -> Reply {
    let came = Came::over(Interface::Http, Instant::now());
    let came = session.map_or(came, |session| came.by(session, headers.get(AUTHORIZATION)));
    let format = match query.get("format") {
        Some("text") => Format::Text,
        Some("json") => Format::Json,
        _ => Format::accepted(headers),
    };
    // A line has the sentence, and so has the full object.
    let compact = format == Format::Json && query.get("detail") == Some("compact");
    let detail = if compact { Detail::Compact } else { Detail::Full };
    // A time that cannot be read is none.
    let is_about_the_past = query.is_about_the_past() && query.time("at", moment).is_ok();
    let answered = match query.params(&PARAMETERS) {
        Ok(params) => ask(services, path, &params, Wanted { detail, notes, came }).await,
        Err(problem) => Err(problem),
    };
    let answered = match answered {
        // Whatever else holds, and whatever else is wrong with the query. Nobody waits for one about the past.
        Err(problem) if query.is_emergency() && !is_about_the_past => {
            // Whoever was asked about is named in the log, if the name can be read at all.
            let named = who(path, PREFIX).ok().and_then(|readings| readings.likeliest());
            let reference = query.get("ref").unwrap_or_default();
            let published = services.published();
            let view = published.view();
            let seen = services.see(came);
            let answer = match named {
                Some(who) => {
                    let request = CheckRequest {
                        emergency: true,
                        detail,
                        reference: reference.as_bytes(),
                        ..CheckRequest::about(who)
                    };
                    view.check(&Ok(request), seen.as_ref())
                }
                None => {
                    let (rejection, reference) = (problem.into_rejection(), reference.as_bytes().to_vec());
                    let unreadable = Unreadable { rejection, emergency: true, who: None, reference };
                    view.check(&Err(Box::new(unreadable)), seen.as_ref())
                }
            };
            answer.map(|answer| Answered { answer, snapshot: view.snapshot(), at: None }).map_err(Problem::from)
        }
        answered => answered,
    };
    match answered {
        Ok(answered) => respond(&answered, format, detail),
        Err(problem) => {
            if let Some(seen) = services.see(came).filter(|_| !is_about_the_past) {
                seen.failed(problem.reason());
            }
            problem.reply(format)
        }
    }
}

/// What of an answer is wanted, and may be.
struct Wanted<'a> {
    detail: Detail,
    notes: bool,
    came: Came<'a>,
}

async fn ask(
    services: &Services,
    path: &str,
    params: &Params<'_>,
    Wanted { detail, notes, came }: Wanted<'_>,
) -> Result<Answered, Problem> {
    params.parsed("format", |format| match format {
        "json" | "text" => Ok(()),
        _ => Err("it is json or text".to_owned()),
    })?;
    params.parsed("detail", |detail| match detail {
        "compact" | "full" => Ok(()),
        _ => Err("it is compact or full".to_owned()),
    })?;
    let emergency = params.flag("emergency")?;
    let at = params.time("at", moment)?;
    let caller_id = params.get("caller_id").map(caller_id).unwrap_or_default();
    let role = params.parsed("role", str::parse::<ProviderRole>)?;
    let (foreign, us_caller_id) = (params.ternary("foreign")?, params.ternary("us_caller_id")?);
    let request = CheckRequest {
        who: services.named(&who(path, PREFIX)?, at).await?,
        role,
        foreign,
        us_caller_id,
        caller_id: &caller_id,
        emergency,
        detail,
        notes,
        reference: params.get("ref").unwrap_or_default().as_bytes(),
    };
    if let Some(time) = at {
        let (answer, snapshot) = services.check_as_of(&request, time).await?;
        return Ok(Answered { answer, snapshot: Some(snapshot), at });
    }
    let published = services.published();
    let view = published.view();
    let answer = view.check_known(&request, services.see(came).as_ref())?;
    Ok(Answered { answer, snapshot: view.snapshot(), at })
}

/// What stands before the plus sign of a number, if not nothing.
const BEFORE_A_PLUS: [&str; 4] = ["sip:", "sips:", "tel:", "phone-context="];

/// The calling number. Written as it is in an address, its plus sign is a blank.
fn caller_id(value: &str) -> String {
    let mut number = String::with_capacity(value.len());
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        let is_plus = c == ' '
            && rest.peek().is_some_and(char::is_ascii_digit)
            && (number.is_empty() || BEFORE_A_PLUS.iter().any(|before| ends_with(&number, before)));
        number.push(if is_plus { '+' } else { c });
    }
    number
}

/// Whether a text ends so, whatever the case of its letters.
fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|this| this.eq_ignore_ascii_case(end))
}

fn respond(answered: &Answered, format: Format, detail: Detail) -> Reply {
    let Answered { answer, snapshot, at } = answered;
    let (decision, snapshot) = (&answer.decision, snapshot.as_ref());
    let (verdict, reason) = (decision.verdict.as_str(), decision.reason.as_str());
    let mut response = match format {
        Format::Json if detail == Detail::Compact => {
            answer::json(StatusCode::OK, &CompactCheck::new(answer, snapshot, *at))
        }
        Format::Json => answer::json(StatusCode::OK, &Check::new(answer, snapshot, *at)),
        Format::Text => {
            let sentence = one_line(answer.message.as_deref().unwrap_or_default());
            let then = at.map(|at| format!(" (as of {})", wording::moment(at))).unwrap_or_default();
            answer::line(StatusCode::OK, [verdict, " ", reason, " ", &sentence, &then, "\n"].concat())
        }
    };
    let headers = response.headers_mut();
    headers.insert(VERDICT, HeaderValue::from_static(verdict));
    headers.insert(REASON, HeaderValue::from_static(reason));
    headers.insert(RULE, HeaderValue::from_static(decision.rule));
    if let Some(snapshot) = snapshot {
        headers.insert(SNAPSHOT, HeaderValue::from(snapshot.serial.0));
        headers.insert(AGE, HeaderValue::from(snapshot.age.as_secs()));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::caller_id;

    #[test]
    fn a_plus_that_became_a_blank_is_a_plus_again() {
        for (value, number) in [
            (" 442079460018", "+442079460018"),
            (" 44 20 7946 0018", "+44 20 7946 0018"),
            ("sip: 442079460018@gw", "sip:+442079460018@gw"),
            ("\"Fern\" <SIPS: 442079460018@gw>", "\"Fern\" <SIPS:+442079460018@gw>"),
            ("tel:2079460018;phone-context= 44", "tel:2079460018;phone-context=+44"),
            ("2125550100", "2125550100"),
            ("(212) 555 0100", "(212) 555 0100"),
            ("From: 2125550100", "From: 2125550100"),
            ("\u{e9}: 1", "\u{e9}: 1"),
        ] {
            assert_eq!(caller_id(value), number);
        }
    }
}
