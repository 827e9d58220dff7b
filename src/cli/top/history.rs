//! The last five minutes, second by second, as they were heard of.

use std::collections::{HashMap, VecDeque};

use crate::api::grpc::v1::{RefusedCount, Verdict, WatchDecisionsResponse};
use crate::cli::{from_wire, standing, text};

/// The frames of some minutes.
pub struct History {
    frames: VecDeque<WatchDecisionsResponse>,
    most: usize,
    at: String,
    lost: Option<String>,
    is_paused: bool,
}

/// Who was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The peer's name; the provider's number where it was asked about by that.
    pub who: String,
    /// The business name as filed.
    pub provider: String,
    /// How often.
    pub count: u64,
}

impl History {
    /// An empty one of so many seconds, of the daemon at this place.
    pub fn new(most: usize, at: &str) -> Self {
        Self { frames: VecDeque::new(), most, at: text::one_line(at), lost: None, is_paused: false }
    }

    /// A stream begins: what comes tells of the last minutes anew.
    pub fn begin(&mut self) {
        if !self.is_paused {
            self.frames.clear();
        }
        self.lost = None;
    }

    /// Adds the next second; whether it is one that has just passed and is to be shown.
    pub fn add(&mut self, frame: WatchDecisionsResponse) -> bool {
        let at = from_wire::time(frame.at.as_ref());
        let is_new = at.is_none_or(|at| crate::observe::clock::now().duration_since(at).as_secs() < 2);
        if self.is_paused {
            return false;
        }
        if self.frames.len() == self.most {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
        is_new || self.frames.len() == 1
    }

    /// The daemon went away.
    pub fn lost(&mut self, why: &str) {
        self.lost = Some(text::one_line(why));
    }

    /// Stands still, or goes on.
    pub fn pause(&mut self) {
        self.is_paused = !self.is_paused;
    }

    /// Whether nothing was heard yet.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The newest second.
    pub fn newest(&self) -> Option<&WatchDecisionsResponse> {
        self.frames.back()
    }

    /// What stands at the top: the daemon, and what is the matter with it.
    pub fn heading(&self) -> (String, Option<String>) {
        let state = match &self.lost {
            Some(lost) => Some(format!("{lost}; trying again")),
            None if self.is_paused => Some("paused: the space bar goes on".to_owned()),
            None => None,
        };
        (self.at.clone(), state)
    }

    /// How many decisions of this verdict there were in each second, oldest first.
    pub fn rates(&self, verdict: Verdict) -> Vec<u64> {
        self.frames.iter().map(|frame| with_verdict(frame, verdict)).collect()
    }

    /// How many errors there were in each second, oldest first.
    pub fn errors(&self) -> Vec<u64> {
        self.frames.iter().map(failed).collect()
    }

    /// How often each verdict and reason was given, and each error: in the newest second, and in all; the most first.
    pub fn reasons(&self) -> Vec<(Verdict, String, u64, u64)> {
        let mut counts: HashMap<(i32, String), (u64, u64)> = HashMap::new();
        for (frame, place) in self.frames.iter().zip(1..) {
            let is_newest = place == self.frames.len();
            let mut add = |verdict: Verdict, reason: String, count: u64| {
                let (now, all) = counts.entry((verdict.into(), reason)).or_default();
                *all += count;
                *now += if is_newest { count } else { 0 };
            };
            for decision in &frame.decisions {
                add(decision.verdict(), standing::reason(decision.reason()).unwrap_or_default(), decision.count);
            }
            for error in &frame.errors {
                let reason = if error.reason.is_empty() { "OTHER".to_owned() } else { text::one_line(&error.reason) };
                add(Verdict::Unspecified, reason, error.count);
            }
        }
        let mut counts: Vec<(Verdict, String, u64, u64)> = counts
            .into_iter()
            .map(|((verdict, reason), (now, all))| (Verdict::try_from(verdict).unwrap_or_default(), reason, now, all))
            .collect();
        counts.sort_by(|one, other| other.3.cmp(&one.3).then_with(|| one.1.cmp(&other.1)));
        counts
    }

    /// Who was refused in all, the most first.
    pub fn refused(&self) -> Vec<Refused> {
        let mut counts: HashMap<(&str, &str), (u64, &RefusedCount)> = HashMap::new();
        for refused in self.frames.iter().flat_map(|frame| &frame.refused) {
            let of = counts.entry((&refused.peer, &refused.provider)).or_insert((0, refused));
            of.0 += refused.count;
            of.1 = refused;
        }
        let mut counts: Vec<Refused> = counts
            .into_iter()
            .map(|((peer, provider), (count, refused))| Refused {
                who: text::one_line(if peer.is_empty() { provider } else { peer }),
                provider: text::one_line(&refused.provider_name),
                count,
            })
            .collect();
        counts.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.who.cmp(&other.who)));
        counts
    }

    /// Who asked in all, the most first.
    pub fn askers(&self) -> Vec<(String, u64)> {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for asker in self.frames.iter().flat_map(|frame| &frame.askers) {
            *counts.entry(&asker.asked_by).or_default() += asker.count;
        }
        let name = |by: &str| if by.is_empty() { "nobody known".to_owned() } else { text::one_line(by) };
        let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(by, count)| (name(by), count)).collect();
        counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        counts
    }
}

/// How many decisions of this verdict a second had.
pub fn with_verdict(frame: &WatchDecisionsResponse, verdict: Verdict) -> u64 {
    frame.decisions.iter().filter(|decision| decision.verdict() == verdict).map(|decision| decision.count).sum()
}

/// How many errors a second had.
pub fn failed(frame: &WatchDecisionsResponse) -> u64 {
    frame.errors.iter().map(|error| error.count).sum()
}

/// A duration in the unit that fits it, or a dash.
pub fn duration(duration: Option<&prost_types::Duration>) -> String {
    let Some(duration) = duration else { return "-".to_owned() };
    let micros = duration.seconds as f64 * 1e6 + f64::from(duration.nanos) / 1e3;
    if micros < 1e3 { format!("{micros:.0} µs") } else { format!("{:.1} ms", micros / 1e3) }
}
