//! The endpoint at which a task protects itself from being scaled in.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html>

use bytes::Bytes;
use coxswain_ecs_shapes::ecs;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::{
    ecs::{Members, Place, State, Task, call},
    error::ApiError,
    validate,
    wire::Checked,
    world::World,
};

/// What follows a container's own path.
pub(super) const PATH: &str = "task-protection/v1/state";

impl World {
    /// Reads the protection, or with PUT changes it; `None` where nobody has this path.
    pub(super) fn protect(
        &self,
        id: &str,
        method: &Method,
        body: &Bytes,
        request_id: impl Fn() -> String,
    ) -> Option<(StatusCode, Value)> {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(Place::Container { task, .. }) = state.places.get(id) else { return None };
        let task = task.clone();
        let known = state.tasks.get(&task)?;
        let arn = known.arn(&state);
        let mut request = Map::from_iter([
            ("cluster".to_owned(), known.cluster.clone().into()),
            ("tasks".to_owned(), json!([task])),
        ]);
        let asked = if method == Method::PUT {
            wish(body).map(|wish| {
                request.extend(wish);
                "UpdateTaskProtection"
            })
        } else {
            Ok("GetTaskProtection")
        };
        let answer = asked.and_then(|operation| {
            let unknown = || ApiError::server(format!("the table lacks {operation}"));
            let operation = ecs().operation(operation).ok_or_else(unknown)?;
            let request = validate::request(operation.input, &Value::Object(request), validate::OF_ECS)?;
            call(&mut state, &Checked { operation, request }, now)
        });
        let told = match answer {
            Ok(answer) => (StatusCode::OK, in_capitals(&state, &task, &answer.into_tree())),
            Err(ApiError { code, message, status, .. }) => {
                let error = json!({"Arn": arn, "Code": code, "Message": message});
                (status, json!({"requestID": request_id(), "error": error}))
            }
        };
        drop(state);
        self.wake();
        Some(told)
    }
}

/// The members of UpdateTaskProtection that a body asks for.
fn wish(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("The body is no JSON: {error}")))?;
    let Some(enabled) = body.flag("ProtectionEnabled") else {
        return Err(ApiError::invalid("Invalid request: does not contain 'ProtectionEnabled' field"));
    };
    let mut wish = Map::from_iter([("protectionEnabled".to_owned(), enabled.into())]);
    if let Some(minutes) = body.member("ExpiresInMinutes") {
        wish.insert("expiresInMinutes".to_owned(), minutes.clone());
    }
    Ok(wish)
}

/// The one task's answer in the endpoint's form.
fn in_capitals(state: &State, task: &str, answer: &Value) -> Value {
    if let Some(failure) = answer.items("failures").first() {
        return json!({"failure": {
            "Arn": failure.text("arn"),
            "Reason": failure.text("reason"),
            "Detail": failure.text("detail"),
        }});
    }
    let shown = answer.items("protectedTasks").first();
    let enabled = shown.and_then(|shown| shown.flag("protectionEnabled")).unwrap_or(false);
    let until = state.tasks.get(task).and_then(Task::protected_until).filter(|_| enabled);
    json!({"protection": {
        "ProtectionEnabled": enabled,
        "ExpirationDate": until.map(crate::clock::Time::to_text),
        "TaskArn": shown.and_then(|shown| shown.text("taskArn")),
    }})
}
