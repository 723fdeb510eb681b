//! Sync and health as people see them: a word, a glyph and a colour, never a colour alone.

use anstyle::Style;
use coxswain_controller::status::{Health, Sync};

use super::{DIM, GREEN, RED, Terminal, YELLOW, styled};

/// The glyph of a word, and its plain form.
fn sync_glyph(sync: Sync) -> (&'static str, &'static str, Style) {
    match sync {
        Sync::Synced => ("✔", "=", GREEN),
        Sync::OutOfSync => ("↻", "~", YELLOW),
        Sync::Drifted => ("≠", "!", YELLOW),
        Sync::Held => ("⏸", "#", RED),
        Sync::Blocked => ("⊘", "x", RED),
        Sync::Suspended => ("∥", "-", DIM),
        Sync::Unknown => ("?", "?", DIM),
    }
}

fn health_glyph(health: Health) -> (&'static str, &'static str, Style) {
    match health {
        Health::Healthy => ("●", "*", GREEN),
        Health::Rolling => ("◐", ">", YELLOW),
        Health::Degraded => ("◍", "%", YELLOW),
        Health::Failed => ("✖", "X", RED),
        Health::Idle => ("○", "o", DIM),
        Health::Unknown => ("?", "?", DIM),
    }
}

impl Terminal {
    /// A sync word: with its glyph on a terminal, alone where a program reads it.
    pub(crate) fn sync(&self, sync: Sync) -> String {
        self.word(sync.as_str(), sync_glyph(sync))
    }

    /// A health word, likewise.
    pub(crate) fn health(&self, health: Health) -> String {
        self.word(health.as_str(), health_glyph(health))
    }

    fn word(&self, word: &str, (glyph, plain, style): (&str, &str, Style)) -> String {
        if !self.is_interactive {
            return styled(style, word);
        }
        styled(style, &format!("{} {word}", if self.is_utf8 { glyph } else { plain }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_has_a_glyph_of_its_own_in_both_forms() {
        type Glyphs = (&'static str, &'static str, Style);
        let picks: [fn(Glyphs) -> &'static str; 2] = [|glyphs| glyphs.0, |glyphs| glyphs.1];
        for pick in picks {
            let sync: BTreeSet<_> = Sync::ALL.iter().map(|sync| pick(sync_glyph(*sync))).collect();
            assert_eq!(sync.len(), Sync::ALL.len(), "{sync:?}");
            let health: BTreeSet<_> = Health::ALL.iter().map(|health| pick(health_glyph(*health))).collect();
            assert_eq!(health.len(), Health::ALL.len(), "{health:?}");
        }
        assert!(Sync::ALL.iter().all(|sync| sync_glyph(*sync).1.is_ascii()));
        assert!(Health::ALL.iter().all(|health| health_glyph(*health).1.is_ascii()));
    }
}
