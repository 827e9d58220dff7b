//! What is shown on a terminal: no line wider than it, and its room used; and the same for a pipe, a record a line.
//!
//! Everything that commands print passes [`fitted`] on its way: what is too long for the terminal goes on below, between
//! words where it can. A pipe gets each line whole.

pub mod progress;
pub mod spark;
pub mod table;

use std::io::IsTerminal;

use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

pub use table::{Cell, Column, Table};

/// So wide is a terminal that does not say how wide it is.
pub const USUAL: usize = 80;

/// How many columns the terminal has that standard output is; nothing if it is none.
pub fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    stdout.is_terminal().then(|| width_of(terminal_size::terminal_size_of(&stdout)))
}

/// The same of standard error.
pub fn columns_beside() -> Option<usize> {
    let stderr = std::io::stderr();
    stderr.is_terminal().then(|| width_of(terminal_size::terminal_size_of(&stderr)))
}

/// How many rows the terminal has that standard output is.
pub fn rows() -> Option<usize> {
    let stdout = std::io::stdout();
    let (_, height) = terminal_size::terminal_size_of(&stdout).filter(|_| stdout.is_terminal())?;
    (height.0 > 0).then(|| usize::from(height.0))
}

fn width_of(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    // Some say zero, and mean that they do not know.
    size.map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0).unwrap_or(USUAL)
}

/// How many columns a text takes; colours take none.
pub fn width(text: &str) -> usize {
    display_width(text)
}

/// A line as lines that are no wider than so many columns. All but the first are indented by so much, or by less where
/// there is little room.
pub fn fitted(line: &str, columns: usize, indent: usize) -> Vec<String> {
    let room = columns.max(1);
    line.split('\n').flat_map(|line| fitted_alone(&line.replace('\t', "    "), room, indent)).collect()
}

fn fitted_alone(line: &str, room: usize, indent: usize) -> Vec<String> {
    if width(line) <= room {
        return vec![line.to_owned()];
    }
    let indent = " ".repeat(indent.min(room / 3));
    let options = Options::new(room)
        .subsequent_indent(&indent)
        .break_words(true)
        .word_separator(WordSeparator::AsciiSpace)
        // What is to be copied has hyphens.
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(line, options).into_iter();
    lines.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// By how much what goes on below a line is indented: a little more than the line itself.
pub fn hanging(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len() + 4
}

/// A text cut to so many columns, with a sign that it was.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut taken = 0;
    for sign in text.chars() {
        let wide = display_width(sign.encode_utf8(&mut [0; 4]));
        if taken + wide + 1 > columns {
            break;
        }
        taken += wide;
        shown.push(sign);
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_word_is_lost() {
        let line =
            "  source           https://fccprod.example/rmd?id=0123456789abcdef is good, 名前 \u{1b}[1mand\u{1b}[0m on";
        for columns in [1, 2, 5, 20, 40, 80, 200] {
            let lines = fitted(line, columns, 19);
            assert!(lines.iter().all(|line| width(line) <= columns.max(2)), "{columns}: {lines:?}");
            let signs = |text: &str| text.chars().filter(|sign| !sign.is_whitespace()).collect::<String>();
            assert_eq!(signs(&lines.concat()), signs(line), "{columns}");
        }
        assert_eq!(fitted("a\nb", 80, 4), ["a", "b"]);
        assert_eq!(fitted("one two three", 8, 2), ["one two", "  three"]);
    }

    #[test]
    fn a_text_is_cut_by_what_it_takes_on_the_screen() {
        assert_eq!(
            (cut("Example", 7), cut("Example", 5), cut("名前名前", 5)),
            ("Example".into(), "Exam…".into(), "名前…".into())
        );
        assert_eq!(cut("abc", 1), "…");
    }
}
