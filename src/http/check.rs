//! `/v1/check/{who}`: the answer on every call.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;

use super::answer::{self, Format};
use super::params::{self, Params};
use super::problem::Problem;
use crate::domain::ProviderRole;
use crate::grpc::v1::{self, CheckProviderRequest, CheckProviderResponse};
use crate::grpc::{Services, role_to_wire, time_to_wire};
use crate::metrics::Way;
use crate::report;
use crate::times::moment;
use crate::visible::one_line;

const PARAMETERS: [&str; 7] = ["role", "emergency", "foreign", "us_caller_id", "caller_id", "at", "format"];

/// What stands before the name.
const PREFIX: &str = "/v1/check/";

/// Whether calls may be accepted.
pub async fn check(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    let came = Instant::now();
    let params = Params::read(&uri, &PARAMETERS);
    let format = match params.as_ref().ok().and_then(|params| params.get("format")) {
        Some("text") => Format::Text,
        Some("json") => Format::Json,
        _ => Format::accepted(&headers),
    };
    let answer = match params {
        Ok(params) => ask(&services, &uri, &params, came).await,
        Err(problem) => Err(problem),
    };
    let answer = match answer {
        // Whatever else holds, and whatever else is wrong with the question. Nobody waits for one about the past.
        Err(_) if params::is_emergency(&uri) && !params::is_about_the_past(&uri) => {
            let seen = services.see(Way::Http, came);
            // Whoever was asked about is named in the log, if the name can be read at all.
            let named = params::who(&uri, PREFIX).ok().and_then(|readings| readings.likeliest());
            let request = CheckProviderRequest { emergency: true, identity: named.map(Into::into), ..whole() };
            services.check_now(&request, seen.as_ref()).map_err(Problem::from)
        }
        answer => answer,
    };
    match answer {
        Ok(answer) => respond(&answer, format),
        Err(problem) => {
            if let Some(seen) = services.see(Way::Http, came).filter(|_| !params::is_about_the_past(&uri)) {
                seen.failed(problem.known());
            }
            problem.respond(format)
        }
    }
}

/// A question to be answered with sentences and evidence.
fn whole() -> CheckProviderRequest {
    let mut request = CheckProviderRequest::default();
    request.set_detail(v1::AnswerDetail::Full);
    request
}

async fn ask(
    services: &Services,
    uri: &Uri,
    params: &Params<'_>,
    came: Instant,
) -> Result<CheckProviderResponse, Problem> {
    params.parsed("format", |format| match format {
        "json" | "text" => Ok(()),
        _ => Err("it is json or text".to_owned()),
    })?;
    let mut request = CheckProviderRequest {
        emergency: params.flag("emergency")?,
        at: params.time("at", moment)?.map(time_to_wire),
        caller_id: params.get("caller_id").map(caller_id).unwrap_or_default(),
        ..whole()
    };
    let role = params.parsed("role", str::parse::<ProviderRole>)?;
    request.set_role(role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
    request.set_foreign(params.ternary("foreign")?);
    request.set_us_caller_id(params.ternary("us_caller_id")?);
    let who = services.named(&params::who(uri, PREFIX)?, request.at.as_ref()).await?;
    request.identity = Some(who.into());
    let answer = match &request.at {
        Some(at) => services.check_at(&request, at).await,
        None => services.check_known(&request, services.see(Way::Http, came).as_ref()),
    };
    answer.map_err(Problem::from)
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

fn respond(answer: &CheckProviderResponse, format: Format) -> Response {
    let check = report::Check::from(answer);
    let mut response = match format {
        Format::Json => answer::json(StatusCode::OK, &check),
        Format::Text => {
            let then = check.at.as_ref().map(|at| format!(" (as of {at})")).unwrap_or_default();
            let line = format!("{} {} {}{then}\n", check.verdict, check.reason, one_line(&check.message));
            answer::text(StatusCode::OK, line)
        }
    };
    let headers = response.headers_mut();
    for (name, word) in [("rmdd-verdict", &check.verdict), ("rmdd-reason", &check.reason), ("rmdd-rule", &check.rule)] {
        if let Ok(word) = HeaderValue::from_str(word) {
            headers.insert(name, word);
        }
    }
    if let Some(snapshot) = &check.snapshot {
        headers.insert("rmdd-snapshot", HeaderValue::from(snapshot.serial));
        headers.insert("rmdd-age", HeaderValue::from(snapshot.age_seconds));
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
