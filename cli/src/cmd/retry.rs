//! `cox retry`: what is held is tried once more.

use std::time::Duration;

use coxswain_controller::{
    http::v1::{IntentRequest, IntentTaken},
    status::ServiceStatus,
};

use crate::{
    arguments::{Globals, RetryArguments},
    client::Client,
    exit::{Exit, Failure},
    output::Terminal,
};

/// How long the controller's next look is waited for; it comes at once where nothing is wrong.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// From one look at the status to the next.
const POLL: Duration = Duration::from_millis(200);

pub(crate) async fn run(
    arguments: &RetryArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let client = Client::find(globals)?;
    let path = format!("/v1/services/{}", arguments.service.0);
    let before = client.get::<ServiceStatus>(&path).await?;
    let request = IntentRequest {
        id: format!("retry-{}-{}", crate::output::now().as_nanosecond(), std::process::id()),
        kind: "retry".to_owned(),
        object: arguments.service.to_string(),
        reason: arguments.reason.clone(),
    };
    client.post::<IntentTaken>("/v1/intents", &request).await?;
    let Some(hold) = before.hold else {
        terminal
            .answer(&format!("{}: nothing is held; the controller looks at it now", arguments.service))?;
        return Ok(Exit::Done);
    };
    // Until the hold is lifted, whoever waits would be told of the old failure.
    let lifted = tokio::time::timeout(TAKEN_WITHIN, async {
        loop {
            let status = client.get::<ServiceStatus>(&path).await?;
            if status.hold.as_ref().is_none_or(|now| now.since != hold.since) {
                return Ok::<_, Failure>(());
            }
            tokio::time::sleep(POLL).await;
        }
    });
    lifted.await.unwrap_or_else(|_| {
        let message =
            format!("{}: the intent is taken, and the controller has not followed it yet", arguments.service);
        Err(Failure::timed_out(message).help(format!("cox describe {}", arguments.service)))
    })?;
    terminal
        .answer(&format!("{}: {} is lifted, and it is tried once more", arguments.service, hold.reason))?;
    terminal.say(&format!("follow it: cox wait {}", arguments.service));
    Ok(Exit::Done)
}
