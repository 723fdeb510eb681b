//! A strict reader of JSON (RFC 8259) into the spanned tree: what YAML's flow syntax lets pass is refused.

use std::collections::HashMap;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limit::{DEPTH, Usage};
use crate::source::{FileId, Sources, Span, to_u32};
use crate::tree::{Data, Entry, Tree};
use crate::yaml::duplicate_key;

/// Reads a file's one document. A syntax error ends it.
pub(crate) fn read(file: FileId, text: &str, sources: &Sources, report: &mut Vec<Diagnostic>) -> Vec<Tree> {
    let mut reader = Reader { file, text, at: 0, sources, report, usage: Usage::default() };
    let result = reader.document();
    if reader.usage.is_over() {
        let refusals = reader.usage.refusals(sources);
        report.extend(refusals);
        return Vec::new();
    }
    match result {
        Ok(document) => document.into_iter().collect(),
        Err(error) => {
            let diagnostic =
                Diagnostic::error(Code::InvalidJson, sources.location(error.span), error.message)
                    .label(error.label);
            report.push(match error.help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            Vec::new()
        }
    }
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    /// The byte to be read next; always at a character's start.
    at: usize,
    sources: &'a Sources,
    report: &'a mut Vec<Diagnostic>,
    usage: Usage,
}

struct SyntaxError {
    span: Span,
    message: String,
    label: String,
    help: Option<&'static str>,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Reader<'_> {
    fn document(&mut self) -> Parsed<Option<Tree>> {
        self.space();
        if self.peek().is_none() {
            return Ok(None);
        }
        let tree = self.value(0)?;
        self.space();
        match self.peek() {
            None => Ok(Some(tree)),
            Some(_) => Err(self.unexpected("the end of the file", Some("a .json file holds one document"))),
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn space(&mut self) {
        let trimmed = self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at = self.text.len() - trimmed;
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn span_from(&self, start: usize) -> Span {
        Span { file: self.file, start: to_u32(start), end: to_u32(self.at) }
    }

    fn here(&self) -> Span {
        let width = self.peek().map_or(0, char::len_utf8);
        Span { file: self.file, start: to_u32(self.at), end: to_u32(self.at + width) }
    }

    fn unexpected(&self, expected: &str, help: Option<&'static str>) -> SyntaxError {
        let rest = self.rest();
        let help = help.or_else(|| match rest.chars().next() {
            Some('\'') => Some("JSON's strings stand in double quotes"),
            Some('/' | '#') => Some("JSON has no comments; name the file .yaml to use them"),
            _ => None,
        });
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some(c) => format!("{c:?}"),
        };
        SyntaxError {
            span: self.here(),
            message: format!("this is not JSON: found {found}"),
            label: format!("expected {expected}"),
            help,
        }
    }

    fn value(&mut self, depth: usize) -> Parsed<Tree> {
        let start = self.at;
        let data = match self.peek() {
            Some('{') => return self.object(depth + 1),
            Some('[') => return self.list(depth + 1),
            Some('"') => Data::Text(self.string()?),
            Some('-' | '0'..='9') => Data::Number(self.number()?),
            Some('a'..='z' | 'A'..='Z') => self.word()?,
            _ => return Err(self.unexpected("a value", None)),
        };
        let span = self.span_from(start);
        self.usage.node(depth, span);
        Ok(Tree::new(data, span))
    }

    fn word(&mut self) -> Parsed<Data> {
        let length =
            self.rest().find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest().len());
        let data = match self.rest().get(..length) {
            Some("true") => Data::Boolean(true),
            Some("false") => Data::Boolean(false),
            Some("null") => Data::Null,
            word => {
                let message = format!("this is not JSON: found the word {}", word.unwrap_or(""));
                let span = Span { end: to_u32(self.at + length), ..self.here() };
                let help = match word.unwrap_or("").to_ascii_lowercase().as_str() {
                    "true" => "write true",
                    "false" => "write false",
                    "null" | "none" => "write null",
                    _ => "a text stands in double quotes",
                };
                let (label, help) = ("expected a value".to_owned(), Some(help));
                return Err(SyntaxError { span, message, label, help });
            }
        };
        self.at += length;
        Ok(data)
    }

    /// The spelling is kept; the field decides what it means.
    fn number(&mut self) -> Parsed<String> {
        let start = self.at;
        self.eat('-');
        if !self.eat('0') {
            self.digits()?;
        }
        if self.eat('.') {
            self.digits()?;
        }
        if self.eat('e') || self.eat('E') {
            let _sign = self.eat('+') || self.eat('-');
            self.digits()?;
        }
        if self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '.') {
            return Err(self.unexpected(
                "the end of the number",
                Some("JSON's numbers are plain decimals: 10, 0.5, 1e3"),
            ));
        }
        Ok(self.text.get(start..self.at).unwrap_or("").to_owned())
    }

    fn digits(&mut self) -> Parsed<()> {
        let length = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.unexpected("a digit", None));
        }
        self.at += length;
        Ok(())
    }

    fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(next) = self.peek() else {
                let (span, label) = (Span { end: to_u32(start + 1), ..self.span_from(start) }, "opened here");
                let message = "this is not JSON: a string that never closes".to_owned();
                return Err(SyntaxError { span, message, label: label.to_owned(), help: None });
            };
            match next {
                '"' => {
                    self.at += 1;
                    return Ok(text);
                }
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => {
                    let help = Some("a line break inside a string is written \\n");
                    return Err(self.unexpected("the string's closing quote", help));
                }
                _ => {
                    text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        self.at += 1;
        let plain = match self.peek() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            _ => return Err(self.unexpected("one of \" \\ / b f n r t u after the backslash", None)),
        };
        self.at += 1;
        Ok(plain)
    }

    /// `\uXXXX`, or a pair of surrogates.
    fn unicode(&mut self) -> Parsed<char> {
        let high = self.hexadecimal()?;
        let code = match high {
            0xd800..=0xdbff => {
                if !self.eat('\\') || self.peek() != Some('u') {
                    return Err(self.unexpected("the second half of a surrogate pair", None));
                }
                match self.hexadecimal()? {
                    low @ 0xdc00..=0xdfff => 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err(self.unexpected("the second half of a surrogate pair before this", None)),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.unexpected("a character's code before this", None))
    }

    fn hexadecimal(&mut self) -> Parsed<u32> {
        self.at += 1;
        let digits =
            self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.unexpected("four hexadecimal digits", None)),
        }
    }

    fn deeper(&mut self, depth: usize) -> Parsed<()> {
        let here = self.here();
        self.usage.node(depth, here);
        if depth > DEPTH { Err(self.unexpected("fewer levels of nesting", None)) } else { Ok(()) }
    }

    fn list(&mut self, depth: usize) -> Parsed<Tree> {
        let start = self.at;
        self.deeper(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if !self.eat(']') {
            loop {
                self.space();
                items.push(self.value(depth)?);
                if self.separator(']')? {
                    break;
                }
            }
        }
        Ok(Tree::new(Data::list(items), self.span_from(start)))
    }

    fn object(&mut self, depth: usize) -> Parsed<Tree> {
        let start = self.at;
        self.deeper(depth)?;
        self.at += 1;
        let mut entries = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        self.space();
        if !self.eat('}') {
            loop {
                self.space();
                entries.push(self.member(depth, &mut seen)?);
                if self.separator('}')? {
                    break;
                }
            }
        }
        Ok(Tree::new(Data::object(entries), self.span_from(start)))
    }

    fn member(&mut self, depth: usize, seen: &mut HashMap<String, Span>) -> Parsed<Entry> {
        if self.peek() != Some('"') {
            return Err(self.unexpected("a key in double quotes", None));
        }
        let start = self.at;
        let key = self.string()?;
        let key_span = self.span_from(start);
        match seen.get(&key) {
            Some(first) => self.report.push(duplicate_key(self.sources, &key, key_span, *first)),
            None => {
                seen.insert(key.clone(), key_span);
            }
        }
        self.space();
        if !self.eat(':') {
            return Err(self.unexpected("a colon", None));
        }
        self.space();
        Ok(Entry { key, key_span, value: self.value(depth)? })
    }

    /// After an item: a comma and more (false), or the end (true).
    fn separator(&mut self, close: char) -> Parsed<bool> {
        self.space();
        if self.eat(close) {
            return Ok(true);
        }
        let comma = self.here();
        if !self.eat(',') {
            return Err(self.unexpected(&format!("a comma or {close}"), None));
        }
        self.space();
        if self.peek() == Some(close) {
            let message = "this is not JSON: a comma without an item after it".to_owned();
            let label = format!("nothing may stand between this and {close}");
            return Err(SyntaxError { span: comma, message, label, help: Some("remove the comma") });
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<Tree>, Vec<Diagnostic>) {
        let sources = Sources::new(vec![("a.json".to_owned(), text.to_owned())]);
        let (file, _, text) = sources.iter().next().unwrap();
        let mut report = Vec::new();
        let documents = read(file, text, &sources, &mut report);
        (documents, report)
    }

    fn plain(tree: &Tree) -> serde_json::Value {
        coxswain_ecs_shapes::lower(
            &coxswain_ecs_shapes::Shape { name: "Any", kind: coxswain_ecs_shapes::Kind::Blob },
            tree,
        )
    }

    #[test]
    fn what_serde_reads_is_read_alike() {
        for text in [
            r#"{"a": ["\u00e9\n\ud83d\ude00\/", true, false, "x"], "b": {"c": "d"}}"#,
            "[]",
            " {} ",
            r#""text""#,
        ] {
            let (documents, report) = read_text(text);
            assert_eq!(report, []);
            assert_eq!(plain(&documents[0]), serde_json::from_str::<serde_json::Value>(text).unwrap());
        }
    }

    #[test]
    fn what_serde_refuses_is_refused_with_a_place() {
        for text in [
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "[01]",
            "[1.]",
            "[+1]",
            "nul",
            "\"a",
            "[1] x",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0020\"",
            "\"\\ud800\\ue000\"",
            "[1 2]",
            "{\"a\" 1}",
            "\"a\nb\"",
            "[1e]",
            "// a\n{}",
            "-",
        ] {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
            let (documents, report) = read_text(text);
            assert!(
                documents.is_empty() && report.len() == 1 && report[0].code == Code::InvalidJson,
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_reported_with_both_places() {
        let (_, report) = read_text("{\"a\": 1,\n \"a\": 2}");
        assert_eq!((report[0].location.line, report[0].secondary[0].0.line), (2, 1));
    }

    #[test]
    fn deep_nesting_is_refused_by_the_limit() {
        let (_, report) = read_text(&"[".repeat(100_000));
        assert_eq!(report.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), [Code::TooDeep]);
    }
}
