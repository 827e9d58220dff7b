//! Many questions at once, and whether what one row says names one provider.

use jiff::Timestamp;

use crate::api::grpc::v1::checked_provider::Outcome;
use crate::api::grpc::v1::{self, AnswerDetail, CheckProviderRequest, CheckProviderResponse, CheckProvidersRequest};
use crate::api::grpc::{role_to_wire, time_to_wire};
use crate::domain::ErrorReason;
use crate::domain::{Identity, ProviderRole, Who};

use super::screen::progress::Progress;
use super::target::{Refused, Target};

/// The reason of an upstream that no operator bound to a provider.
pub const PEER_UNKNOWN: &str = "PEER_UNKNOWN";

/// So many upstreams are asked about at once, or fewer if the daemon takes no more.
const AT_ONCE: usize = 500;

/// The reasons of a batch that the daemon takes in parts only.
const TOO_MUCH_AT_ONCE: [ErrorReason; 2] = [ErrorReason::BatchTooLarge, ErrorReason::MessageTooLong];

/// One question.
pub struct Question {
    /// Where it stands in the list.
    pub place: String,
    /// Whom it is about.
    pub who: Who,
    /// In which role, if one was named.
    pub role: Option<ProviderRole>,
}

/// The answer, or why an upstream that nobody bound to a provider has none.
pub type Answer = Result<CheckProviderResponse, String>;

/// Asks all, in batches. One trunk that nobody bound yet is no reason to say nothing of the thousands that are.
pub async fn ask(
    target: &Target,
    list: &str,
    mut questions: &[Question],
    at: Option<Timestamp>,
) -> anyhow::Result<Vec<Answer>> {
    let all = questions.len() as u64;
    let progress = Progress::of("asking");
    let mut answers = Vec::with_capacity(questions.len());
    let mut at_once = AT_ONCE;
    while let Some(Question { place: first, .. }) = questions.first() {
        let (asked, rest) = questions.split_at(at_once.min(questions.len()));
        let wire = asked.iter().map(request).collect();
        let answer = match target
            .check_providers(CheckProvidersRequest { questions: wire, at: at.map(time_to_wire) })
            .await
        {
            Ok(answer) => answer,
            Err(error) if takes_less(&error) && asked.len() > 1 => {
                at_once = asked.len() / 2;
                continue;
            }
            Err(error) if takes_less(&error) => anyhow::bail!(
                "{list}, {first}: one question alone is more than the daemon takes: {error}. In its configuration, raise \
                 limits.message_bytes or leave it out, and restart it"
            ),
            Err(error) => anyhow::bail!("{list}, {first}: {error}"),
        };
        if answer.results.len() != asked.len() {
            anyhow::bail!("{} questions were answered where {} were asked", answer.results.len(), asked.len());
        }
        for (Question { place, .. }, result) in asked.iter().zip(answer.results) {
            answers.push(match result.outcome {
                Some(Outcome::Answer(check)) => {
                    Ok(CheckProviderResponse { snapshot: answer.snapshot.clone(), at: answer.at, ..check })
                }
                Some(Outcome::Error(error)) if error.reason == PEER_UNKNOWN => Err(error.message),
                Some(Outcome::Error(error)) => anyhow::bail!("{list}, {place}: {}", error.message),
                None => anyhow::bail!("{list}, {place}: neither an answer nor an error came"),
            });
        }
        questions = rest;
        progress.count("asked", answers.len() as u64, all);
    }
    Ok(answers)
}

/// Whether the daemon refused a batch for its size.
fn takes_less(error: &anyhow::Error) -> bool {
    let reason = Refused::of(error).and_then(|refused| refused.reason.parse::<ErrorReason>().ok());
    reason.is_some_and(|reason| TOO_MUCH_AT_ONCE.contains(&reason))
}

fn request(question: &Question) -> CheckProviderRequest {
    let mut request = CheckProviderRequest {
        identity: Some(question.who.clone().into()),
        detail: AnswerDetail::Full.into(),
        ..CheckProviderRequest::default()
    };
    request.set_role(question.role.map_or(v1::ProviderRole::Unspecified, role_to_wire));
    request
}

/// What is wrong where two names of one row mean two providers; nothing where both may mean one. A peer that nobody bound
/// contradicts nothing.
pub fn contradiction(one: (&Who, &Answer), other: (&Who, &Answer)) -> Option<String> {
    let (Ok(first), Ok(second)) = (one.1, other.1) else { return None };
    match (&first.filing, &second.filing) {
        (None, None) => None,
        (Some(_), None) => Some(unknown_beside(other.0, one.0)),
        (None, Some(_)) => Some(unknown_beside(one.0, other.0)),
        (Some(a), Some(b)) if a.number == b.number || (!a.frn.is_empty() && a.frn == b.frn) => None,
        (Some(a), Some(b)) => Some(format!(
            "the row names two providers: {} is {}, and {} is {}; say which of them it is",
            one.0,
            in_words(one.0, a),
            other.0,
            in_words(other.0, b)
        )),
    }
}

fn unknown_beside(unknown: &Who, known: &Who) -> String {
    format!(
        "{known} has a filing, and {unknown} beside it matches none, standing or removed: correct it or leave it out"
    )
}

fn in_words(who: &Who, filing: &v1::Filing) -> String {
    let frn = if filing.frn.is_empty() { "no FRN".to_owned() } else { format!("FRN {}", filing.frn) };
    match who {
        Who::Provider(Identity::RmdNumber(_)) => format!("a filing of {frn}"),
        Who::Provider(Identity::Frn(_)) => format!("that of {}", filing.number),
        Who::Ocn(_) | Who::Peer(_) => format!("bound to {} of {frn}", filing.number),
    }
}
