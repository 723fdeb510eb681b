//! Filter patterns, as far as they are terms.

/// Terms that all have to occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms(Vec<String>);

impl Terms {
    /// Reads words and quoted phrases; fails with a term that means more than its text.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        let mut rest = pattern.trim();
        while !rest.is_empty() {
            if let Some((phrase, after)) = rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
                terms.push(phrase.to_owned());
                rest = after.trim_start();
                continue;
            }
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if word.starts_with(['{', '[', '?', '-', '%', '"']) {
                return Err(word.to_owned());
            }
            terms.push(word.to_owned());
            rest = after.trim_start();
        }
        Ok(Self(terms))
    }

    pub(super) fn match_text(&self, text: &str) -> bool {
        self.0.iter().all(|term| text.contains(term.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_words_and_phrases_that_all_have_to_occur() {
        let terms = Terms::parse(" ERROR \"not found\" ").unwrap();
        assert!(terms.match_text("ERROR: page not found"));
        assert!(!terms.match_text("ERROR: found not"));
        assert!(!terms.match_text("error: not found"));
        assert!(Terms::parse("").unwrap().match_text(""));
        for pattern in ["{ $.level = 1 }", "a -b", "?a ?b", "[a, b]", "%x%", "\"open"] {
            assert!(Terms::parse(pattern).is_err(), "{pattern}");
        }
    }
}
