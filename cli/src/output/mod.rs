//! What `cox` prints: the answer on stdout, talk on stderr.

pub(crate) mod cause;
pub(crate) mod diagnostic;
pub(crate) mod diff;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod word;

use std::io::{self, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use coxswain_runtime::{Clock as _, SystemClock};
use jiff::Timestamp;

use crate::{
    arguments::Colour,
    config::Surroundings,
    exit::{Exit, Failure},
};

/// What time it is.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Bold, for what matters in a line.
pub(crate) const BOLD: Style = Style::new().bold();
/// Dim, for what may be passed over.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Red, for what is wrong.
pub(crate) const RED: Style = AnsiColor::Red.on_default();
/// Green, for what is well.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// Yellow, for what is going on.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Both streams, and what they can show.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Whether the answer goes to a person's terminal.
    pub(crate) is_interactive: bool,
    /// Whether talk does.
    pub(crate) talk_is_interactive: bool,
    /// Whether glyphs beyond ASCII can be shown.
    pub(crate) is_utf8: bool,
    colours: ColorChoice,
    talk_colours: ColorChoice,
}

impl Terminal {
    /// The process' own streams.
    pub(crate) fn new(colour: Colour, surroundings: &Surroundings) -> Self {
        let choice = |auto: ColorChoice| match colour {
            Colour::Auto => auto,
            Colour::Always => ColorChoice::AlwaysAnsi,
            Colour::Never => ColorChoice::Never,
        };
        Self {
            is_interactive: io::stdout().is_terminal(),
            talk_is_interactive: io::stderr().is_terminal(),
            is_utf8: surroundings.is_utf8,
            colours: choice(AutoStream::choice(&io::stdout())),
            talk_colours: choice(AutoStream::choice(&io::stderr())),
        }
    }

    /// Whether the answer may have colours.
    pub(crate) fn is_coloured(&self) -> bool {
        self.colours != ColorChoice::Never
    }

    /// Whether talk may have colours.
    pub(crate) fn talk_is_coloured(&self) -> bool {
        self.talk_colours != ColorChoice::Never
    }

    /// Prints the answer, or a part of it; a line break is added where there is none.
    pub(crate) fn answer(&mut self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout().lock(), self.colours);
        out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Prints a picture as it is, cursor movements included; on a terminal only.
    pub(crate) fn draw(&mut self, text: &str) -> Result<(), Failure> {
        // The stream that takes colours away would take the movements too.
        let text = if self.is_coloured() { text.to_owned() } else { without_colours(text) };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Says something beside the answer.
    pub(crate) fn say(&mut self, text: &str) {
        let mut err = AutoStream::new(io::stderr().lock(), self.talk_colours);
        // Where nobody can be told, there is nothing better to do than to go on.
        drop(writeln!(err, "{text}"));
    }

    /// Replaces the line that was said last by this way; on a terminal only.
    pub(crate) fn redraw(&mut self, text: &str) {
        let mut err = AutoStream::new(io::stderr().lock(), self.talk_colours);
        drop(write!(err, "\r{text}\u{1b}[K"));
        drop(err.flush());
    }

    /// Says why a verb did not do what was asked.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        let word = match failure.exit {
            Exit::TimedOut | Exit::Blocked => styled(YELLOW.bold(), "waiting"),
            _ => styled(RED.bold(), "error"),
        };
        self.say(&format!("{word}: {}", failure.message));
        if let Some(help) = &failure.help {
            self.say(&format!("  {} {help}", styled(BOLD, "do:")));
        }
    }
}

/// Ends the line that was redrawn.
pub(crate) fn end_redraw() {
    drop(writeln!(io::stderr()));
}

/// `text` in a style; the stream takes the style away where there is to be none.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Without colours, with everything else that an escape sequence can mean.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(after.len());
        let (parameters, tail) = after.split_at(end);
        if tail.starts_with('m') {
            rest = tail.get(1..).unwrap_or_default();
        } else {
            plain.push_str("\u{1b}[");
            plain.push_str(parameters);
            rest = tail;
        }
    }
    plain.push_str(rest);
    plain
}

/// Each with a line break.
pub(crate) fn lines(lines: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// An error and what caused it, outermost first.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let levels = std::iter::successors(Some(error), |error| error.source());
    levels.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The last part of an ARN: `api:41`.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
