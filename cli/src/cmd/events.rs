//! `cox events`: what happened lately, and what happens.

use coxswain_controller::{
    http::v1::EventList,
    status::{Event, Gap},
};

use crate::{
    arguments::{EventsArguments, EventsOutput, Globals},
    client::Client,
    exit::{Exit, Failure},
    output::{Terminal, table::Columns, time},
    stream::{News, Stream},
};

pub(crate) async fn run(
    arguments: &EventsArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let client = Client::find(globals)?;
    // A service's name has only letters that a query can carry.
    let query = arguments.object.as_ref().map(|object| format!("?object={object}")).unwrap_or_default();
    if arguments.follow {
        return follow(arguments.output, &client, &query, terminal).await;
    }
    let list = client.get::<EventList>(&format!("/v1/events{query}")).await?;
    match arguments.output {
        EventsOutput::Json => terminal.document(list)?,
        EventsOutput::Table if list.items.is_empty() => terminal.say("nothing has happened yet"),
        EventsOutput::Table => {
            let mut columns = Columns::new(&["AGO", "OBJECT", "REASON", "MESSAGE"]);
            for event in list.items {
                let (ago, reason) = (terminal.ago(event.at), event.reason.to_string());
                columns.row(vec![ago, event.object, reason, event.message]);
            }
            terminal.answer(&columns.render(terminal, true))?;
        }
    }
    Ok(Exit::Done)
}

async fn follow(
    output: EventsOutput,
    client: &Client,
    query: &str,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    // The stream first: it says from where it tells, and the list has what was before.
    let mut stream = Stream::open(client, &format!("/v1/events/stream{query}")).await?;
    let list = client.get::<EventList>(&format!("/v1/events{query}")).await?;
    let was_before = |event: &Event| stream.began_after().is_none_or(|began| event.id <= began);
    for event in list.items.into_iter().filter(was_before) {
        told(event, output, terminal)?;
    }
    loop {
        match stream.next(terminal).await? {
            News::Event(event) => told(event, output, terminal)?,
            News::Gap(gap) => lost(gap, output, terminal)?,
            News::Changed | News::Again => {}
        }
    }
}

/// One event on one line; columns cannot line up with what has not happened yet.
fn told(event: Event, output: EventsOutput, terminal: &mut Terminal) -> Result<(), Failure> {
    match output {
        EventsOutput::Json => terminal.document_line(event),
        EventsOutput::Table => {
            let message = event.message.replace('\n', " ");
            let at = time::seconds(event.at);
            terminal.answer(&format!("{at}  {}  {}  {message}", event.object, event.reason))
        }
    }
}

fn lost(gap: Gap, output: EventsOutput, terminal: &mut Terminal) -> Result<(), Failure> {
    terminal.say(&format!("events after {} and before {} are lost", gap.after, gap.before));
    if output == EventsOutput::Json { terminal.document_line(gap) } else { Ok(()) }
}
