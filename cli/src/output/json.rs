//! Answers for programs: versioned documents, indented.

use coxswain_controller::http::v1::{API_VERSION, Body, Document};
use serde::Serialize;

use super::Terminal;
use crate::exit::Failure;

impl Terminal {
    /// Prints a document of the controller's.
    pub(crate) fn document<T: Body + Serialize>(&mut self, body: T) -> Result<(), Failure> {
        self.json(&Document::new(body))
    }

    /// Prints a document of `cox`' own.
    pub(crate) fn own_document<T: Serialize>(&mut self, kind: &str, body: T) -> Result<(), Failure> {
        self.json(&Document { api_version: API_VERSION.to_owned(), kind: kind.to_owned(), body })
    }

    /// Prints a document of the controller's on one line, for answers that have no end.
    pub(crate) fn document_line<T: Body + Serialize>(&mut self, body: T) -> Result<(), Failure> {
        let text = serde_json::to_string(&Document::new(body)).map_err(std::io::Error::other)?;
        self.answer(&text)
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::other)?;
        self.answer(&text)
    }
}
