//! The screen of `rmdd top`, drawn.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use super::history::{History, duration, failed, with_verdict};
use crate::api::grpc::v1::Verdict;
use crate::cli::from_wire;
use crate::cli::screen::{cut, width};
use crate::cli::text::{count, moment};

/// A narrower screen shows what it can of the first lines.
const LEAST: (u16, u16) = (30, 8);

/// The lines of each of the three courses, and the names above them.
const COURSE: u16 = 3;

/// Draws all of it.
pub fn all(frame: &mut Frame<'_>, history: &History) {
    let area = frame.area();
    let [heading, summary, rest] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(top_line(history, usize::from(area.width)), heading);
    frame.render_widget(summary_line(history), summary);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return;
    }
    let courses = if area.height >= 20 { 3 * COURSE } else { 0 };
    let [over_time, lists, bottom] =
        Layout::vertical([Constraint::Length(courses), Constraint::Min(4), Constraint::Length(1)]).areas(rest);
    if courses > 0 {
        draw_courses(frame, history, over_time);
    }
    draw_lists(frame, history, lists);
    let keys = "q ends it   space pauses   five minutes are shown";
    frame.render_widget(Paragraph::new(cut(keys, usize::from(area.width))).style(dim()), bottom);
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Whether colours are wanted.
fn colour(color: Color) -> Style {
    match std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty()) {
        true => Style::new(),
        false => Style::new().fg(color),
    }
}

fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Accept => colour(Color::Green),
        Verdict::Refuse => colour(Color::Red),
        Verdict::Unspecified => colour(Color::Yellow),
    }
}

fn top_line(history: &History, columns: usize) -> Paragraph<'static> {
    let (at, state) = history.heading();
    let newest = history.newest().and_then(|frame| from_wire::time(frame.at.as_ref())).map(moment).unwrap_or_default();
    let line = match state {
        Some(state) => Line::from(vec![
            Span::styled("rmdd top  ", bold()),
            Span::styled(cut(&state, columns.saturating_sub(10)), colour(Color::Yellow)),
        ]),
        None => Line::from(vec![
            Span::styled("rmdd top  ", bold()),
            Span::raw(cut(&format!("{newest}  {at}"), columns.saturating_sub(10))),
        ]),
    };
    Paragraph::new(line)
}

fn summary_line(history: &History) -> Paragraph<'static> {
    let Some(frame) = history.newest() else { return Paragraph::new("waiting for the first second") };
    let (accepted, refused) = (with_verdict(frame, Verdict::Accept), with_verdict(frame, Verdict::Refuse));
    Paragraph::new(Line::from(vec![
        Span::styled(format!("{}/s", count(accepted + refused + failed(frame))), bold()),
        Span::raw("  accepted "),
        Span::styled(count(accepted), of_verdict(Verdict::Accept)),
        Span::raw("  refused "),
        Span::styled(count(refused), of_verdict(Verdict::Refuse)),
        Span::raw("  errors "),
        Span::styled(count(failed(frame)), of_verdict(Verdict::Unspecified)),
        Span::raw(format!("  p50 {}  p99 {}", duration(frame.p50.as_ref()), duration(frame.p99.as_ref()))),
    ]))
}

fn draw_courses(frame: &mut Frame<'_>, history: &History, area: Rect) {
    let courses = [
        ("accepted a second", history.rates(Verdict::Accept), of_verdict(Verdict::Accept)),
        ("refused a second", history.rates(Verdict::Refuse), of_verdict(Verdict::Refuse)),
        ("errors a second", history.errors(), of_verdict(Verdict::Unspecified)),
    ];
    let places = Layout::vertical([Constraint::Length(COURSE); 3]).split(area);
    for ((name, numbers, style), place) in courses.into_iter().zip(places.iter()) {
        let [heading, bars] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(*place);
        let most = numbers.iter().copied().max().unwrap_or_default();
        frame.render_widget(Paragraph::new(format!("{name}, at most {}", count(most))).style(dim()), heading);
        let shown = fitted(&numbers, usize::from(bars.width));
        frame.render_widget(Sparkline::default().data(&shown).max(most.max(1)).style(style), bars);
    }
}

/// All of it in so many bars: where there is no room for each second, the most of some is shown.
fn fitted(numbers: &[u64], bars: usize) -> Vec<u64> {
    if bars == 0 || numbers.len() <= bars {
        return numbers.to_vec();
    }
    let of_bar = numbers.len().div_ceil(bars);
    numbers.rchunks(of_bar).rev().map(|some| some.iter().copied().max().unwrap_or_default()).collect()
}

fn draw_lists(frame: &mut Frame<'_>, history: &History, area: Rect) {
    let rows = usize::from(area.height);
    if area.width < 100 {
        let [one, two] = Layout::vertical([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(area);
        let [reasons, askers] = Layout::horizontal([Constraint::Percentage(60), Constraint::Percentage(40)]).areas(one);
        let (upper, lower) = (usize::from(one.height), usize::from(two.height));
        frame.render_widget(reasons_list(history, reasons, upper), reasons);
        frame.render_widget(askers_list(history, askers, upper), askers);
        frame.render_widget(refused_list(history, two, lower), two);
        return;
    }
    let shares = [Constraint::Percentage(30), Constraint::Percentage(45), Constraint::Percentage(25)];
    let [reasons, refused, askers] = Layout::horizontal(shares).areas(area);
    frame.render_widget(reasons_list(history, reasons, rows), reasons);
    frame.render_widget(refused_list(history, refused, rows), refused);
    frame.render_widget(askers_list(history, askers, rows), askers);
}

/// A name at the left and a number at the right of so many columns.
fn row(name: &str, number: u64, columns: usize) -> String {
    let number = count(number);
    // A blank parts it from the list beside.
    let room = columns.saturating_sub(number.len() + 2);
    let name = cut(name, room);
    format!("{name}{} {number}", " ".repeat(room.saturating_sub(width(&name))))
}

fn list(title: &str, lines: impl Iterator<Item = Line<'static>>, rows: usize) -> Paragraph<'static> {
    let heading = std::iter::once(Line::styled(title.to_owned(), bold()));
    Paragraph::new(heading.chain(lines).take(rows).collect::<Vec<_>>())
}

fn reasons_list(history: &History, area: Rect, rows: usize) -> Paragraph<'static> {
    let columns = usize::from(area.width);
    let lines = history.reasons().into_iter().map(move |(verdict, reason, now, all)| {
        let name = format!("{reason} {}/s", count(now));
        Line::styled(row(&name, all, columns), of_verdict(verdict))
    });
    list("BY REASON", lines, rows)
}

fn refused_list(history: &History, area: Rect, rows: usize) -> Paragraph<'static> {
    let columns = usize::from(area.width);
    let lines = history.refused().into_iter().map(move |refused| {
        let name =
            if refused.provider.is_empty() { refused.who } else { format!("{}  {}", refused.who, refused.provider) };
        Line::raw(row(&name, refused.count, columns))
    });
    list("REFUSED MOST", lines, rows)
}

fn askers_list(history: &History, area: Rect, rows: usize) -> Paragraph<'static> {
    let columns = usize::from(area.width);
    let lines = history.askers().into_iter().map(move |(name, times)| Line::raw(row(&name, times, columns)));
    list("WHO ASKS", lines, rows)
}

#[cfg(test)]
mod tests;
