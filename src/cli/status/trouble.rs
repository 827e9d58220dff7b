//! What is the matter with a peer, in few words.

use jiff::{SignedDuration, Timestamp};

use crate::api::grpc::v1::{PeerStanding, PeerState};
use crate::cli::from_wire::time;
use crate::cli::{standing, text};
use crate::observe::clock;

/// A deadline within so long is the first that is told of a peer.
const NEAR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is the matter with a peer.
pub struct Trouble {
    /// How it stands.
    pub state: PeerState,
    /// The matter in a word.
    pub word: String,
    /// The peer's name.
    pub name: String,
    /// Its provider's.
    pub provider: String,
    /// What it is, with its time, and with the day alone.
    pub what: String,
    pub in_brief: String,
}

impl Trouble {
    /// That of a peer.
    pub fn of(peer: &PeerStanding) -> Self {
        let (word, what, at) = trouble(peer);
        let [whole, day] = match at {
            Some(at) => [text::moment(at), at.strftime("%Y-%m-%d").to_string()],
            None => Default::default(),
        };
        let [what, in_brief] = [whole, day].map(|at| format!("{what}{at}"));
        let (name, provider) = (standing::name(peer), standing::provider(peer));
        Self { state: peer.state(), word, name, provider, what, in_brief }
    }
}

/// How much time is left, in the largest unit of which there is some.
fn left(time: SignedDuration) -> String {
    let time = time.max(SignedDuration::ZERO);
    match (time.as_hours(), time.as_mins()) {
        (0, minutes) => format!("{minutes} min LEFT"),
        (hours @ ..100, _) => format!("{hours} h LEFT"),
        (hours, _) => format!("{} d LEFT", hours / 24),
    }
}

/// What is the matter with a peer: a word, what it is, and since or until when.
fn trouble(peer: &PeerStanding) -> (String, String, Option<Timestamp>) {
    let near = peer.next.iter().find(|next| standing::counts(next) && !standing::is_common(next));
    let near = near.and_then(|next| Some((next, time(next.at.as_ref())?)));
    let near = near.filter(|(_, at)| at.duration_since(clock::now()) <= NEAR);
    let at = time(peer.since.as_ref());
    let since = if at.is_some() { " since " } else { "" };
    let reason = standing::reason(peer.reason()).unwrap_or_default();
    if let (PeerState::Attention, Some((next, at))) = (peer.state(), near) {
        let of = if next.record.is_empty() { String::new() } else { format!("{}, ", text::one_line(&next.record)) };
        return (left(at.duration_since(clock::now())), of, Some(at));
    }
    let codes: Vec<String> = peer.advisories.iter().map(|advisory| text::one_line(&advisory.code)).collect();
    match peer.state() {
        PeerState::Refused | PeerState::Unmatched => {
            (standing::state(peer.state()).to_uppercase(), format!("{reason}{since}"), at)
        }
        _ if codes.is_empty() => ("ATTENTION".to_owned(), format!("{reason}{since}"), at),
        _ => ("ATTENTION".to_owned(), format!("{}{since}", codes.join(", ")), at),
    }
}
