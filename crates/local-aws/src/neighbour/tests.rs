//! All operations of the services beside ECS: which are done, and that the others say so.

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use serde_json::json;

use super::*;
use crate::{
    clock::{Time, TokioClock},
    local::LocalAws,
    scripted::ScriptedDriver,
};

const START: &str =
    "<!-- neighbours: written by `UPDATE_EXPECTED=1 cargo test -p coxswain-local-aws --lib neighbour` -->\n";
const END: &str = "<!-- /neighbours -->\n";

fn local() -> LocalAws {
    let clock: Arc<dyn crate::clock::Clock> = Arc::new(TokioClock::starting_at(Time::from_millis(0)));
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    let driver = ScriptedDriver::new(sender, Arc::clone(&clock));
    LocalAws::new(Config::default(), clock, driver, events)
}

#[tokio::test(start_paused = true)]
async fn every_operation_of_a_neighbour_is_done_or_says_that_it_is_not_and_the_page_on_fidelity_agrees() {
    let local = local();
    let mut rows = Vec::new();
    for neighbour in &local.home.neighbours {
        let api = neighbour.api();
        let mut done = Vec::new();
        for operation in api.operations {
            // Without a request's members, and so without an effect: who serves it refuses it by another code.
            let answer = neighbour.call(operation.name, &json!({}), &Identity::default(), &local.home).await;
            let not_done = format!("This local AWS does not do {}'s {}", api.service, operation.name);
            if !answer.is_err_and(|error| error.message.starts_with(&not_done)) {
                done.push(operation.name);
            }
        }
        rows.push((api.service, done));
    }
    rows.sort();
    let mut table = "| service | done |\n|---|---|\n".to_owned();
    for (service, done) in rows {
        writeln!(table, "| {service} | {} |", done.join(", ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fidelity.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("the page has the beginning of the table");
    let (current, after) = rest.split_once(END).expect("the page has the end of the table");
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var("UPDATE_EXPECTED").is_ok() {
        fs::write(&path, format!("{before}{START}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(current, table, "docs/fidelity.md is not current: see the comment above its table");
    }
}
