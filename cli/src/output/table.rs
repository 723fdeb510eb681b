//! Columns: as wide as they need, never cut; only the last one is wrapped, and only on a terminal.

use super::{BOLD, Terminal, styled};

/// Between two columns.
const GAP: usize = 2;

/// The narrowest last column that is worth wrapping into.
const NARROWEST: usize = 20;

/// Rows under headers.
#[derive(Debug)]
pub(crate) struct Columns {
    headers: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// No rows yet.
    pub(crate) fn new(headers: &[&'static str]) -> Self {
        Self { headers: headers.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; an empty cell is shown as `-`, so that every row has as many words as another.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        let cells = cells.into_iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell });
        self.rows.push(cells.collect());
    }

    /// The table as text.
    pub(crate) fn render(&self, terminal: &Terminal, with_headers: bool) -> String {
        self.layout(terminal.width(), with_headers)
    }

    fn layout(&self, width: Option<usize>, with_headers: bool) -> String {
        let headers: Vec<_> = self.headers.iter().map(|header| styled(BOLD, header)).collect();
        let all: Vec<&Vec<String>> = with_headers.then_some(&headers).into_iter().chain(&self.rows).collect();
        let last = self.headers.len().saturating_sub(1);
        let widths: Vec<usize> = (0..last)
            .map(|column| {
                all.iter().filter_map(|row| row.get(column)).map(|cell| visible(cell)).max().unwrap_or(0)
            })
            .collect();
        let indent: usize = widths.iter().map(|width| width + GAP).sum();
        let room = width.and_then(|width| width.checked_sub(indent)).filter(|room| *room >= NARROWEST);
        let mut text = String::new();
        for row in all {
            for (cell, width) in row.iter().zip(&widths) {
                text.push_str(cell);
                text.push_str(&" ".repeat(width + GAP - visible(cell).min(*width)));
            }
            let lines = wrapped(row.get(last).map_or("", String::as_str), room);
            text.push_str(&lines.join(&format!("\n{}", " ".repeat(indent))));
            text.push('\n');
        }
        text
    }
}

/// How many characters of a text are seen.
fn visible(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// The text in lines of at most `room` characters, broken between words; a longer word stays whole.
fn wrapped(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room.filter(|room| visible(text) > *room) else {
        return vec![text.to_owned()];
    };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if visible(line) + 1 + visible(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text cut to so many characters, so that it stays on one line of a terminal.
pub(crate) fn fitted(text: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if visible(text) > width => {
            let plain = anstream::adapter::strip_str(text).to_string();
            let kept: String = plain.chars().take(width.saturating_sub(3)).collect();
            format!("{kept}...")
        }
        _ => text.to_owned(),
    }
}

/// The width of the terminal that the program has, if it has one.
pub(crate) fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

impl Terminal {
    /// The terminal's width; nothing where the answer does not go to one.
    fn width(&self) -> Option<usize> {
        terminal_width().filter(|_| self.is_interactive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: Option<usize>, with_headers: bool) -> String {
        let mut columns = Columns::new(&["NAME", "SYNC", "REASON"]);
        columns.row(vec![
            "api".to_owned(),
            styled(BOLD, "Synced"),
            "two of two tasks are running well".to_owned(),
        ]);
        columns.row(vec!["a-longer-name-that-is-never-cut".to_owned(), String::new(), "short".to_owned()]);
        anstream::adapter::strip_str(&columns.layout(width, with_headers)).to_string()
    }

    #[test]
    fn columns_line_up_and_nothing_is_cut() {
        let expected = "\
NAME                             SYNC    REASON
api                              Synced  two of two tasks are running well
a-longer-name-that-is-never-cut  -       short
";
        assert_eq!(layout(None, true), expected);
        assert!(layout(None, false).starts_with("api "));
    }

    #[test]
    fn on_a_narrow_terminal_the_last_column_is_wrapped_between_words() {
        let expected = "\
api                              Synced  two of two tasks are
                                         running well
a-longer-name-that-is-never-cut  -       short
";
        assert_eq!(layout(Some(62), false), expected);
    }

    #[test]
    fn a_line_that_is_redrawn_is_cut_to_the_terminal() {
        assert_eq!(fitted("abcdefgh", Some(6)), "abc...");
        assert_eq!(fitted("abcdef", Some(6)), "abcdef");
        assert_eq!(fitted("abcdefgh", None), "abcdefgh");
    }

    #[test]
    fn on_a_terminal_too_narrow_to_wrap_nothing_is_broken() {
        assert_eq!(layout(Some(45), true), layout(None, true));
    }
}
