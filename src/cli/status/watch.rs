//! `rmdd status --watch`

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::Look;
use super::parts::{Screen, in_numbers};
use crate::api::grpc::v1::State;
use crate::cli::target::Target;
use crate::cli::text::{self, say};
use crate::cli::{YES, from_wire, screen};
use crate::domain::visible::for_terminal;
use crate::observe::clock;

/// Looks again and again until nobody reads any more, or the command is stopped.
pub async fn run(target: &Target, every: Duration) -> anyhow::Result<u8> {
    let draws = std::io::stdout().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    let mut drawn = 0;
    loop {
        let look = Look::at(target).await;
        if draws {
            drawn = draw(&shown(&look), drawn)?;
        } else {
            say!("{}", in_a_line(&look));
            if text::has_no_reader() {
                return Ok(YES);
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// The lines of the screen; why there is none where the daemon cannot be asked.
fn shown(look: &anyhow::Result<Look>) -> Vec<String> {
    let columns = screen::columns().unwrap_or(screen::USUAL);
    let mut lines = match look {
        Ok(look) => Screen::of(look, Some(columns)).lines(),
        Err(error) => {
            let said = format!("{}  {}", text::bad("UNKNOWN"), text::one_line(&error.to_string()));
            screen::fitted(&said, columns, 4)
        }
    };
    lines.push(String::new());
    lines.push(screen::cut(&format!("{}; ^C ends it", text::moment(clock::now())), columns));
    // What has scrolled away could not be drawn over.
    if let Some(rows) = screen::rows() {
        lines.truncate(rows.saturating_sub(1).max(1));
    }
    lines
}

/// Puts lines in the place of so many that were drawn before; returns how many there are now.
fn draw(lines: &[String], before: usize) -> std::io::Result<usize> {
    let mut out = anstream::stdout().lock();
    // Each line is overwritten rather than all cleared at first: nothing flickers.
    let up = if before > 0 { format!("\u{1b}[{before}F") } else { String::new() };
    let mut text = up;
    for line in lines {
        text.push_str(&format!("{}\u{1b}[K\n", for_terminal(line)));
    }
    text.push_str("\u{1b}[J");
    // What moves the cursor is no colour, and stays where colours are not wanted.
    let mut raw = std::io::stdout().lock();
    let is_plain = matches!(anstream::AutoStream::choice(&raw), anstream::ColorChoice::Never);
    drop(out.flush());
    if is_plain {
        let plain = strip_colours(&text);
        raw.write_all(plain.as_bytes())?;
    } else {
        raw.write_all(text.as_bytes())?;
    }
    raw.flush()?;
    Ok(lines.len())
}

/// The text without what sets colours.
fn strip_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let (before, code) = rest.split_at(at);
        plain.push_str(before);
        let end = code.find(|sign: char| sign.is_ascii_alphabetic()).map_or(code.len(), |end| end + 1);
        let (code, behind) = code.split_at(end);
        if !code.ends_with('m') {
            plain.push_str(code);
        }
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

/// What a look found, on one line.
fn in_a_line(look: &anyhow::Result<Look>) -> String {
    let at = text::moment(clock::now());
    let look = match look {
        Ok(look) => look,
        Err(error) => return format!("{at}  UNKNOWN  {}", text::one_line(&error.to_string())),
    };
    let status = &look.status;
    let word = from_wire::state(status.state()).to_uppercase();
    let mut said = vec![text::count_of(status.filings, "filing")];
    said.extend(status.snapshot.as_ref().map(|snapshot| format!("snapshot {}", text::count(snapshot.serial))));
    said.extend(status.peers.as_ref().map(|peers| format!("peers {}", in_numbers(peers))));
    if status.state() != State::Fresh {
        said.extend(status.alarms.iter().map(|alarm| alarm.code.clone()));
    }
    format!("{at}  {word}  {}", said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_colours_are_wanted_the_cursor_moves_all_the_same() {
        assert_eq!(strip_colours("\u{1b}[3F\u{1b}[1;31mred\u{1b}[0m\u{1b}[K\n"), "\u{1b}[3Fred\u{1b}[K\n");
    }
}
