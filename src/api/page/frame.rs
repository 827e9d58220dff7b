//! What all pages have in common: where they come from, how fresh the listing is, the search, the way to the others.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::domain::AlarmCode;
use crate::domain::visible::one_line;
use crate::observe::clock;
use crate::service::{Services, State, state};
use crate::transport::auth::Right;

use super::text::{ago, time};
use super::{Asked, Path};

/// What all pages have in common.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The heading.
    pub title: Cow<'static, str>,
    /// The machine.
    pub host: String,
    /// How the daemon is, in a word; empty where that is not looked at.
    pub state: &'static str,
    /// The class of that word.
    pub class: &'static str,
    /// When the listing was last confirmed.
    pub confirmed: String,
    /// What was searched for.
    pub query: String,
    /// Which of the links leads here.
    pub here: &'static str,
    /// Whether the operator's own peers may be seen.
    pub operator: bool,
    /// Who looks, by what they showed.
    pub known_as: String,
    /// Whether showing a token would let them see more.
    pub may_sign_in: bool,
    /// When this was made.
    pub made_at: String,
}

impl Frame {
    /// One that looks at nothing.
    pub fn bare(title: &'static str) -> Self {
        Self { title: title.into(), host: machine(), made_at: time(clock::now()), ..Self::default() }
    }

    /// That of a page.
    pub fn of(services: &Services, asked: &Asked, title: impl Into<Cow<'static, str>>, now: Timestamp) -> Self {
        let index = services.index.load_full();
        let operator = asked.viewer.right >= Right::Operator;
        let mut alarms = services.alarms(index.as_deref(), &services.sync.state(), now);
        if !operator {
            // Whether answers are good is for all who ask; what else is wrong is the operator's affair.
            alarms.retain(|alarm| matches!(alarm.code, AlarmCode::ListingOld | AlarmCode::NoSnapshot));
        }
        let (state, class) = match state(&alarms) {
            State::Fresh => ("FRESH", "good"),
            State::Warning => ("WARNING", "warn"),
            State::Critical => ("CRITICAL", "bad"),
        };
        let confirmed = match index.as_deref() {
            Some(index) => format!("confirmed {}", ago(index.confirmed_at(), now)),
            None => "no listing was ever loaded".to_owned(),
        };
        Self {
            title: title.into(),
            host: machine(),
            state,
            class,
            confirmed,
            query: one_line(&asked.params.get("q").unwrap_or_default().chars().take(200).collect::<String>()),
            here: match asked.path {
                Path::Overview => "/",
                Path::Peers => "/peers",
                Path::Removals => "/removals",
                Path::Changes => "/changes",
                _ => "",
            },
            operator,
            known_as: asked.viewer.known_as.clone().unwrap_or_default(),
            may_sign_in: !operator && asked.viewer.has_tokens,
            made_at: time(now),
        }
    }

    /// `page` for the link that leads here, as `aria-current` has it.
    pub fn current(&self, link: &str) -> bool {
        self.here == link
    }
}

/// The machine's name.
fn machine() -> String {
    nix::sys::utsname::uname().map_or_else(|_| String::new(), |of| of.nodename().to_string_lossy().into_owned())
}
