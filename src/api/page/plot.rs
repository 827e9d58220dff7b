//! Plots, as SVG that is part of the page: no script draws them, and a table beside has the same numbers.
//!
//! Nothing here says a colour: the style sheet has them, for light and for dark.

use std::fmt::Write as _;

use crate::decide::standing::PeerState;
use crate::service::Week;

use super::text::count;

/// The room of a plot, and of what is drawn in it.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 8.0;
const RIGHT: f64 = 352.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 128.0;

/// A plot. A table on the same page has its numbers.
#[derive(Debug, Clone)]
pub struct Plot {
    /// Its heading.
    pub title: &'static str,
    /// What it shows, in a sentence.
    pub said: String,
    /// The drawing: made of numbers and of texts of ours alone.
    pub svg: String,
}

fn x(place: usize, of: usize) -> f64 {
    LEFT + (RIGHT - LEFT) * place as f64 / (of.max(2) - 1) as f64
}

fn y(value: u64, (low, high): (u64, u64)) -> f64 {
    let part = value.saturating_sub(low) as f64 / high.saturating_sub(low).max(1) as f64;
    BOTTOM - (BOTTOM - TOP) * part
}

/// A drawing with its title. Everything in it is ours: no text of a third party is ever drawn.
fn drawing(name: &str, title: &str, inside: &str) -> String {
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{name}-title\">\
         <title id=\"{name}-title\">{title}</title>{inside}</svg>"
    )
}

fn label(into: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let _ = write!(into, "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn line(into: &mut String, y: f64) {
    let _ = write!(into, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
}

/// The first and the last day, below the drawing.
fn days(into: &mut String, weeks: &[Week]) {
    if let (Some(first), Some(last)) = (weeks.first(), weeks.last()) {
        label(into, (LEFT, HEIGHT - 6.0), "start", &first.monday.to_string());
        label(into, (RIGHT, HEIGHT - 6.0), "end", &format!("week of {}", last.monday));
    }
}

/// How many filings were listed, week by week.
pub fn filings(weeks: &[Week]) -> Plot {
    let known: Vec<(usize, u64)> =
        weeks.iter().enumerate().filter_map(|(place, week)| Some((place, week.filings?))).collect();
    let (low, high) = (known.iter().map(|(_, n)| *n).min(), known.iter().map(|(_, n)| *n).max());
    let (low, high) = (low.unwrap_or_default(), high.unwrap_or_default());
    // So that a change of a few is no cliff.
    let floor = low.saturating_sub((high - low).max(high / 50));
    let scale = (floor, high.max(floor + 1));
    let mut inside = String::new();
    [TOP, (TOP + BOTTOM) / 2.0, BOTTOM].into_iter().for_each(|at| line(&mut inside, at));
    let mut path = String::new();
    for (place, filings) in &known {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", x(*place, weeks.len()), y(*filings, scale));
    }
    if let (Some((first, _)), Some((last, newest))) = (known.first(), known.last()) {
        let (from, to) = (x(*first, weeks.len()), x(*last, weeks.len()));
        let _ = write!(
            inside,
            "<path class=\"area\" d=\"{path}V{BOTTOM}H{from:.1}Z\"/><path class=\"line\" d=\"{path}\"/>"
        );
        let _ = write!(inside, "<circle class=\"dot\" cx=\"{to:.1}\" cy=\"{:.1}\" r=\"3\"/>", y(*newest, scale));
        label(&mut inside, (LEFT, TOP - 8.0), "start", &format!("{} at most", count(high)));
        label(&mut inside, (RIGHT, TOP - 8.0), "end", &format!("{} now", count(*newest)));
    }
    days(&mut inside, weeks);
    let said = match known.len() {
        0 => "no listing is on record yet".to_owned(),
        1 => format!("{} filings; the history begins this week", count(high)),
        known => format!("{} to {} filings in {known} weeks", count(low), count(high)),
    };
    let svg = drawing("plot-filings", &format!("Filings week by week: {said}"), &inside);
    Plot { title: "Filings", said, svg }
}

/// How many filings were removed, week by week, those of the operator's own peers marked.
pub fn removals(weeks: &[Week], own: bool) -> Plot {
    let high = weeks.iter().map(|week| week.removals).max().unwrap_or_default();
    let all: u64 = weeks.iter().map(|week| week.removals).sum();
    let of_peers: u64 = weeks.iter().map(|week| week.removals_of_peers).sum();
    let scale = (0, high.max(1));
    let step = (RIGHT - LEFT) / weeks.len().max(1) as f64;
    let mut inside = String::new();
    [TOP, BOTTOM].into_iter().for_each(|at| line(&mut inside, at));
    let (mut bars, mut marks) = (String::new(), String::new());
    for (place, week) in weeks.iter().enumerate().filter(|(_, week)| week.removals > 0) {
        let (from, top) = (LEFT + step * place as f64, y(week.removals, scale).min(BOTTOM - 1.0));
        let _ = write!(bars, "M{from:.1} {BOTTOM}V{top:.1}h{:.1}V{BOTTOM}Z", (step * 0.8).max(0.8));
        if own && week.removals_of_peers > 0 {
            let middle = from + step * 0.4;
            let _ = write!(marks, "M{middle:.1} {:.1}l4 -6h-8Z", (top - 3.0).max(TOP));
        }
    }
    let _ = write!(inside, "<path class=\"bar\" d=\"{bars}\"/><path class=\"mark\" d=\"{marks}\"/>");
    label(&mut inside, (LEFT, TOP - 8.0), "start", &format!("{} at most in a week", count(high)));
    days(&mut inside, weeks);
    let said = match own {
        true => format!("{} in {} weeks, {} of your peers (▼)", count(all), weeks.len(), count(of_peers)),
        false => format!("{} in {} weeks", count(all), weeks.len()),
    };
    let svg = drawing("plot-removals", &format!("Removals week by week: {said}"), &inside);
    Plot { title: "Removals by week", said, svg }
}

/// How many peers are in each state.
pub fn peers(counts: [(PeerState, u64); 4]) -> Plot {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let high = counts.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let mut inside = String::new();
    for (place, (state, of)) in counts.into_iter().enumerate() {
        let top = TOP + 30.0 * place as f64 - 8.0;
        let long = if of == 0 { 0.0 } else { (190.0 * of as f64 / high as f64).max(2.0) };
        let _ = write!(
            inside,
            "<rect class=\"state-{}\" x=\"100\" y=\"{top:.0}\" width=\"{long:.1}\" height=\"18\" rx=\"2\"/>",
            state.as_str()
        );
        label(&mut inside, (94.0, top + 13.0), "end", state.as_str());
        label(&mut inside, (106.0 + long, top + 13.0), "start", &count(of));
    }
    let each: Vec<String> = counts.iter().map(|(state, of)| format!("{} {}", count(*of), state.as_str())).collect();
    let said = format!("{} in all: {}", count(all), each.join(", "));
    let svg = drawing("plot-peers", &format!("Your peers by state: {said}"), &inside);
    Plot { title: "Your peers by state", said, svg }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(counts: &[(Option<u64>, u64, u64)]) -> Vec<Week> {
        let monday = jiff::civil::date(2026, 3, 2);
        let week = |(place, (filings, removals, removals_of_peers)): (usize, &(Option<u64>, u64, u64))| Week {
            monday: monday.saturating_add(jiff::Span::new().days(7 * place as i64)),
            filings: *filings,
            removals: *removals,
            removals_of_peers: *removals_of_peers,
        };
        counts.iter().enumerate().map(week).collect()
    }

    #[test]
    fn what_is_drawn_is_within_the_room_whatever_the_numbers_are() {
        for counts in [
            vec![],
            vec![(None, 0, 0)],
            vec![(Some(0), 0, 0)],
            vec![(Some(u64::MAX), u64::MAX / 4, 1), (None, 0, 0), (Some(0), 1, 1)],
            vec![(Some(9_933), 550, 3); 104],
        ] {
            let weeks = weeks(&counts);
            for svg in [filings(&weeks).svg, removals(&weeks, true).svg] {
                assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.contains("<title"), "{svg}");
                let numbers =
                    svg.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter_map(|n| n.parse::<f64>().ok());
                let drawn = svg.split_once("</title>").map_or("", |(_, drawn)| drawn);
                assert!(drawn.len() < 6000 && numbers.count() > 3, "{}", drawn.len());
            }
        }
        let marked = removals(&weeks(&[(Some(5), 2, 1)]), true);
        assert!(marked.svg.contains("h-8Z") && marked.said.contains("1 of your peers"));
        assert!(!removals(&weeks(&[(Some(5), 2, 1)]), false).said.contains("peers"), "only for who may know");
    }
}
