//! `/peers`: how every peer stands, the worst first.

use std::sync::Arc;

use askama::Template;
use jiff::Timestamp;

use crate::decide::standing::{PeerState, Standing};
use crate::domain::Rejection;
use crate::observe::clock;
use crate::service::Services;

use super::frame::Frame;
use super::table::{Cell, Table};
use super::text::{count, time};
use super::{Asked, View, wording};

const COLUMNS: [&str; 8] = ["State", "Peer", "Provider", "Number", "Role", "Reason", "Since", "Next"];

/// The most peers on a page.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "peers.html")]
struct Peers {
    frame: Frame,
    total: String,
    filters: Vec<Filter>,
    table: Table,
    left_out: String,
}

/// A way to narrow a table down.
pub struct Filter {
    pub label: String,
    pub href: String,
    pub is_on: bool,
}

/// All peers, or those of one state.
pub fn view(services: &Arc<Services>, asked: &Asked) -> Result<View, Rejection> {
    let now = clock::now();
    let mut standings = worst_first(services, now)?;
    let wanted = asked
        .params
        .get("state")
        .and_then(|word| PeerState::ALL.into_iter().find(|of| of.as_str().eq_ignore_ascii_case(word)));
    let all = standings.len();
    let mut filters = vec![Filter {
        label: format!("all {}", count(all as u64)),
        href: "/peers".to_owned(),
        is_on: wanted.is_none(),
    }];
    filters.extend(PeerState::ALL.map(|state| Filter {
        label: format!("{} {}", state.as_str(), count(standings.iter().filter(|of| of.state == state).count() as u64)),
        href: format!("/peers?state={}", state.as_str()),
        is_on: wanted == Some(state),
    }));
    standings.retain(|standing| wanted.is_none_or(|wanted| standing.state == wanted));
    let is_csv = asked.params.is_csv();
    let found = standings.len();
    if !is_csv {
        standings.truncate(MOST);
    }
    services.find_since_when(&mut standings);
    let left_out = found - standings.len();
    let table = Table::new("peers", "Peers, the worst first", &COLUMNS)
        .with(standings.iter().map(row))
        .or("No peer is bound: rmdd peers add NAME FRN binds one.")
        .in_csv_at("/peers", &asked.params.again(&["state"]));
    let left_out = match left_out {
        0 => String::new(),
        1 => "1 more is in the CSV.".to_owned(),
        left_out => format!("{} more are in the CSV.", count(left_out as u64)),
    };
    let frame = Frame::of(services, asked, "Peers", now);
    let page = Peers { frame, total: count(all as u64), filters, table, left_out };
    View::of(asked, &page, &[&page.table])
}

/// How all peers stand, the worst first, and of those where something happens soonest.
pub fn worst_first(services: &Services, now: Timestamp) -> Result<Vec<Standing>, Rejection> {
    let mut standings = services.standings(now).ok_or_else(Rejection::snapshot_not_loaded)?;
    let next = |of: &Standing| of.next_deadline().map_or(Timestamp::MAX, |deadline| deadline.at);
    standings.sort_by_cached_key(|standing| (standing.state, next(standing)));
    Ok(standings)
}

fn row(standing: &Standing) -> Vec<Cell> {
    let role = standing.query.role.map_or("any", |role| role.as_str());
    let next = standing.next_deadline();
    let next = next.map_or_else(String::new, |next| format!("{}: {}", time(next.at), wording::event(next)));
    let name = wording::peer_name(&standing.peer);
    vec![
        wording::state(standing.state),
        Cell::text(name.clone()).to(wording::peer_card(&name)),
        Cell::text(wording::provider(standing)),
        Cell::fixed(standing.number().map_or_else(String::new, |number| number.to_string())),
        Cell::text(role),
        Cell::text(reasons(standing)),
        Cell::fixed(standing.since.map_or_else(String::new, time)),
        Cell::text(next),
    ]
}

/// The reason, and the advisories that want to be looked at.
pub fn reasons(standing: &Standing) -> String {
    let said = standing.advisories().iter().map(|said| said.code);
    let worth = said.filter(|code| PeerState::NEEDS_ATTENTION.contains(code)).map(|code| code.as_str());
    let mut words: Vec<&str> = std::iter::once(standing.reason().as_str()).chain(worth).collect();
    words.dedup();
    words.join(" ")
}
