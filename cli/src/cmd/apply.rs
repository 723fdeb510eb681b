//! `cox apply`: manifests go to the controller, which publishes them to its own source and takes them from
//! there. Nothing is ever written beside it.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
};

use coxswain_controller::{
    http::v1::{BundleFile, BundlePublished, BundleRequest},
    status::SourceStatus,
};
use coxswain_manifest::{Loaded, Provenance, SourceFile};
use tokio::{sync::oneshot, time::Instant};

use super::{
    plan, preview,
    publish::provenance,
    wait::{Revision, Target, Wanted, follow},
};
use crate::{
    arguments::{ApplyArguments, AwsArguments, Globals, OneOutput, PlanArguments, PlanOutput, ServiceName},
    client::Client,
    exit::{Exit, Failure},
    manifests::{self, Manifests},
    output::Terminal,
};

pub(crate) async fn run(
    arguments: &ApplyArguments,
    globals: &Globals,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let client = Client::find(globals)?;
    let folder = manifests::folder(arguments.path.as_deref());
    let Manifests { files, loaded } = manifests::valid(&folder, terminal)?;
    if arguments.dry_run {
        return plan::run(&plan_of(&folder), globals, terminal).await;
    }
    // Nobody is asked to agree to what the controller would refuse.
    let source = client.get::<SourceStatus>("/v1/source").await.map_err(Failure::from)?;
    if let Some(why) = source.read_only() {
        return Err(Failure::refused(why));
    }
    let provenance = provenance(&folder, &files, arguments.allow_dirty, terminal).await?;
    if !arguments.yes {
        agreed(&folder, globals, terminal).await?;
    }
    let request = request(files, provenance)?;
    let posting = client.post::<BundlePublished>("/v1/bundles", &request);
    let published = terminal.waiting("publishing through the controller", posting).await?;
    match arguments.output {
        OneOutput::Json => terminal.document(published.clone())?,
        OneOutput::Text => {
            let BundlePublished { environment, sequence, .. } = &published;
            let how = if published.is_duplicate {
                "with the same manifests; nothing was published"
            } else {
                "published through the controller"
            };
            terminal.answer(&format!("{environment} is at {sequence}, {how}"))?;
        }
    }
    if arguments.wait {
        wait(arguments, &loaded, &published, &client, terminal).await
    } else {
        Ok(Exit::Done)
    }
}

/// Until each service stands by what was published; the first that does not ends it.
async fn wait(
    arguments: &ApplyArguments,
    loaded: &Loaded,
    published: &BundlePublished,
    client: &Client,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    for key in loaded.keys() {
        let target = Target {
            service: ServiceName(key.name.clone()),
            timeout: arguments.timeout.saturating_sub(began.elapsed()),
            wanted: Wanted::Revision(Revision { sequence: published.sequence, input: 0 }),
        };
        match follow(&target, client.clone(), terminal).await? {
            Exit::Done => {}
            other => return Ok(other),
        }
    }
    Ok(Exit::Done)
}

fn request(files: Vec<SourceFile>, provenance: Provenance) -> Result<BundleRequest, Failure> {
    let file = |file: SourceFile| match String::from_utf8(file.content) {
        Ok(text) => Ok(BundleFile { path: file.path, text }),
        Err(_) => Err(Failure::invalid(format!("{} is no text", file.path))),
    };
    let Provenance { commit, author, message } = provenance;
    Ok(BundleRequest {
        files: files.into_iter().map(file).collect::<Result<_, _>>()?,
        commit,
        author,
        message,
    })
}

/// Shows the plan to a person and asks; where there is no person, `--yes` has to say so.
async fn agreed(folder: &Path, globals: &Globals, terminal: &mut Terminal) -> Result<(), Failure> {
    if !(std::io::stdin().is_terminal() && terminal.talk_is_interactive) {
        return Err(Failure::refused("nobody is there to agree to the plan")
            .help("look at it by cox plan, and apply it by cox apply --yes"));
    }
    match Box::pin(preview::plans(&plan_of(folder).aws, globals, terminal)).await {
        Ok(plans) => terminal.answer(&plan::text(&plans, terminal))?,
        // The controller may reach what this machine does not.
        Err(failure) => terminal.say(&format!("note: no plan can be shown: {failure}")),
    }
    drop(write!(std::io::stderr(), "apply? [y/N] "));
    if matches!(line().await.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::refused("nothing was applied"))
}

/// `cox plan` of the folder.
fn plan_of(folder: &Path) -> PlanArguments {
    let path = Some(folder.to_path_buf());
    let aws = AwsArguments { path, endpoint_url: None, region: None, output: PlanOutput::Text };
    PlanArguments { aws, fail_on_changes: false }
}

/// A line of stdin; empty where there is none. A thread that waits for it does not hold up the end.
async fn line() -> String {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).is_ok() {
            drop(sender.send(line));
        }
    });
    receiver.await.unwrap_or_default()
}
