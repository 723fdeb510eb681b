//! Faults of manifests: with excerpts for people, as annotations for GitHub, whole for programs.

use std::path::Path;

use coxswain_manifest::{Diagnostic, Severity, Sources, render};

/// GitHub shows ten annotations of a kind a step and drops the rest without a word.
/// Source: <https://github.com/actions/toolkit/issues/734>
const ANNOTATIONS: usize = 10;

/// Every fault with its excerpt.
pub(crate) fn excerpts(diagnostics: &[Diagnostic], sources: &Sources, is_coloured: bool) -> String {
    diagnostics.iter().map(|diagnostic| render(diagnostic, sources, is_coloured) + "\n").collect()
}

/// The first ten as workflow commands, and how many more there are.
pub(crate) fn annotations(diagnostics: &[Diagnostic], root: &Path) -> String {
    let mut lines: Vec<String> =
        diagnostics.iter().take(ANNOTATIONS).map(|found| annotation(found, root)).collect();
    if let Some(more) = diagnostics.len().checked_sub(ANNOTATIONS).filter(|more| *more > 0) {
        lines.push(format!("::notice title=Coxswain::and {more} more; the whole list: cox validate"));
    }
    super::lines(lines)
}

/// Source: <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>
fn annotation(diagnostic: &Diagnostic, root: &Path) -> String {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let location = &diagnostic.location;
    let file = root.join(&location.file).display().to_string();
    let mut properties = format!("file={}", property(file.strip_prefix("./").unwrap_or(&file)));
    if location.line > 0 {
        let end = location.column + location.length.max(1);
        properties = format!("{properties},line={},col={},endColumn={end}", location.line, location.column);
    }
    let mut text = diagnostic.message.clone();
    for help in &diagnostic.help {
        text = format!("{text}\nhelp: {help}");
    }
    format!("::{level} {properties},title={}::{}", property(diagnostic.code.as_str()), data(&text))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use coxswain_manifest::{SourceFile, load};

    use super::*;

    fn faulty(count: usize) -> Vec<Diagnostic> {
        let file = |n| SourceFile { path: format!("b,{n}.yaml"), content: b"kind: Sevrice\n".to_vec() };
        let loaded = load((0..count).map(file).collect());
        loaded.diagnostics().to_vec()
    }

    #[test]
    fn an_annotation_stands_on_its_line_and_nothing_in_it_ends_it_early() {
        let found = faulty(1);
        let text = annotations(&found, Path::new("./manifests"));
        let placed = text.lines().find(|line| line.contains("Sevrice")).unwrap();
        assert!(
            placed.starts_with("::error file=manifests/b%2C0.yaml,line=1,col=7,endColumn=14,title="),
            "{placed}"
        );
        assert_eq!(text.lines().count(), found.len().min(ANNOTATIONS + 1));
        assert_eq!(data("50 %\nnext"), "50 %25%0Anext");
    }

    #[test]
    fn the_eleventh_is_counted_and_not_dropped() {
        let found = faulty(12);
        assert!(found.len() > ANNOTATIONS);
        let text = annotations(&found, Path::new("."));
        assert_eq!(text.lines().count(), ANNOTATIONS + 1);
        assert!(text.contains(&format!("and {} more", found.len() - ANNOTATIONS)), "{text}");
    }
}
