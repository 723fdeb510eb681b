//! Operations: what became of a request that takes its time.

use serde_json::{Map, Value, json};

use super::{
    catalog::Catalog,
    change::{Change, Failure},
    filter, refusal,
};
use crate::{
    clock::Time,
    ecs::{Members, set},
    error::ApiError,
};

/// An operation.
///
/// ```text
/// PENDING ──▶ SUCCESS
///    └──────▶ FAIL
/// ```
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    kind: &'static str,
    /// Kind and id of each.
    targets: Vec<(&'static str, String)>,
    submitted_at: Time,
    pub(super) outcome: Outcome,
}

/// How far an operation is.
#[derive(Debug)]
pub(super) enum Outcome {
    Pending,
    Succeeded(Time),
    Failed(Time, Failure),
}

impl Operation {
    pub(super) fn new(id: String, change: &Change, now: Time) -> Self {
        let targets = change.targets().into_iter().map(|(kind, id)| (kind, id.to_owned())).collect();
        Self { id, kind: change.kind(), targets, submitted_at: now, outcome: Outcome::Pending }
    }

    fn status(&self) -> &'static str {
        match self.outcome {
            Outcome::Pending => "PENDING",
            Outcome::Succeeded(_) => "SUCCESS",
            Outcome::Failed(..) => "FAIL",
        }
    }

    fn updated_at(&self) -> Time {
        match self.outcome {
            Outcome::Pending => self.submitted_at,
            Outcome::Succeeded(at) | Outcome::Failed(at, _) => at,
        }
    }

    fn target(&self, kind: &str) -> Option<&str> {
        self.targets.iter().find(|(known, _)| *known == kind).map(|(_, id)| id.as_str())
    }

    fn show(&self, account: &str) -> Value {
        let targets: Map<_, _> =
            self.targets.iter().map(|(kind, id)| ((*kind).to_owned(), id.as_str().into())).collect();
        let mut shown = json!({
            "Id": self.id,
            "OwnerAccount": account,
            "Type": self.kind,
            "Status": self.status(),
            "CreateDate": self.submitted_at.to_json(),
            "UpdateDate": self.updated_at().to_json(),
            "Targets": targets,
        });
        if let Outcome::Failed(_, Failure { code, message }) = &self.outcome {
            set(&mut shown, "ErrorCode", *code);
            set(&mut shown, "ErrorMessage", message.as_str());
        }
        shown
    }

    fn is_wanted(&self, filter: &Value) -> Result<bool, ApiError> {
        Ok(match filter.text("Name").unwrap_or_default() {
            "NAMESPACE_ID" => filter::holds(filter, self.target("NAMESPACE").unwrap_or_default())?,
            "SERVICE_ID" => filter::holds(filter, self.target("SERVICE").unwrap_or_default())?,
            "STATUS" => filter::holds(filter, self.status())?,
            "TYPE" => filter::holds(filter, self.kind)?,
            "UPDATE_DATE" => filter::is_between(filter, self.updated_at())?,
            other => return Err(refusal::invalid(format!("Operations have no filter {other}"))),
        })
    }
}

pub(super) fn get(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let id = request.text("OperationId").unwrap_or_default();
    let operation = catalog.operations.iter().find(|operation| operation.id == id);
    let operation = operation.ok_or_else(refusal::no_operation)?;
    Ok(json!({"Operation": operation.show(&catalog.account)}))
}

/// The newest come first; a token names the last one that was told.
pub(super) fn list(catalog: &Catalog, request: &Value) -> Result<Value, ApiError> {
    let mut wanted = Vec::new();
    for operation in catalog.operations.iter().rev() {
        let mut keep = true;
        for filter in request.items("Filters") {
            keep &= operation.is_wanted(filter)?;
        }
        if keep {
            wanted.push(operation);
        }
    }
    if let Some(after) = filter::after(request)? {
        let told = wanted.iter().position(|operation| operation.id == after);
        let told = told.ok_or_else(|| refusal::invalid("Invalid token"))?;
        wanted.drain(..=told);
    }
    let show = |operation: &&Operation| json!({"Id": operation.id, "Status": operation.status()});
    Ok(filter::page(request, "Operations", wanted.into_iter(), |operation| operation.id.clone(), show))
}
