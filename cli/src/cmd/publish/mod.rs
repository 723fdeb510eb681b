//! `cox publish`: manifests become the next bundle of a place, or the plain files of one, from where a
//! controller takes them.

mod answer;
mod files;
mod refusal;

use std::{path::Path, sync::Arc};

use coxswain_controller::{
    aws::{Aws, Limited, Location, SdkAws},
    resolve::References,
    source::{Clients, Keep, Offer, Shelf, SourcePlace, publish, published},
};
use coxswain_manifest::{Bundle, Loaded, ParameterValue, Provenance, SourceFile};
use coxswain_runtime::SystemClock;
use coxswain_store::PathError;

use self::{answer::Answer, refusal::refusal};
use crate::{
    arguments::{OneOutput, PublishArguments},
    exit::{Exit, Failure},
    git::Checkout,
    manifests::{self, Manifests},
    output::{Terminal, chain},
};

pub(crate) async fn run(arguments: &PublishArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    fits(arguments)?;
    let folder = manifests::folder(arguments.path.as_deref());
    let Manifests { files, loaded } = manifests::valid(&folder, terminal)?;
    let provenance = provenance(&folder, &files, arguments.allow_dirty, terminal).await?;
    let (clients, aws) = clients(arguments, &loaded).await;
    let opened = arguments.to.folder(&clients).map_err(|error| unusable(&arguments.to, &error))?;
    if let Some(opened) = opened {
        return files::run(arguments, opened, files, provenance, &loaded, terminal).await;
    }
    let shelf = shelf(&arguments.to, &clients)?;
    let mut references = References::default();
    if arguments.resolve {
        terminal.waiting("looking references up", references.look_up(&loaded, aws.as_ref())).await;
        without_value(&references)?;
    }
    let keep = Keep { newest: arguments.keep, ..Keep::default() };
    let offer = Offer { files, provenance, parameters: references.values(), keep, ..Offer::default() };
    let draft = Bundle::build(offer.files.clone(), 1, offer.provenance.clone(), &offer.parameters)
        .map_err(|error| Failure::invalid(error.to_string()))?;
    let failed = |error| refusal(&arguments.to, error);
    let reading = published(shelf.as_ref(), draft.environment());
    let before = terminal.waiting(&format!("reading {}", arguments.to), reading).await.map_err(failed)?;
    let mut answer = Answer::new(&arguments.to, &draft, &before, &loaded);
    if arguments.dry_run {
        answer.is_dry_run = true;
    } else {
        let publishing = publish(shelf.as_ref(), offer);
        let done = terminal.waiting(&format!("publishing to {}", arguments.to), publishing).await;
        let done = done.map_err(failed)?;
        if let Some(why) = &done.untidied {
            terminal.say(&format!("note: what is no longer needed is still there: {}", chain(why)));
        }
        answer.is_done(&done);
    }
    match arguments.output {
        OneOutput::Json => terminal.own_document("Publication", &answer)?,
        OneOutput::Text => terminal.answer(&answer.text())?,
    }
    Ok(Exit::Done)
}

/// Where the manifests come from; refused where they are not what the commit says.
pub(crate) async fn provenance(
    folder: &Path,
    files: &[SourceFile],
    allow_dirty: bool,
    terminal: &mut Terminal,
) -> Result<Provenance, Failure> {
    let checkout = match Checkout::of(folder, files).await {
        Ok(Some(checkout)) => checkout,
        Ok(None) => return Ok(Provenance::default()),
        Err(error) if allow_dirty => {
            terminal.say(&format!("note: without commit, author and message: {}", chain(&error)));
            return Ok(Provenance::default());
        }
        Err(error) => {
            let message = format!("which commit this is cannot be told: {}", chain(&error));
            return Err(Failure::refused(message).help("mend that, or publish all the same: --allow-dirty"));
        }
    };
    if let Some(first) = checkout.uncommitted.first() {
        let what = match checkout.uncommitted.len() {
            1 => format!("{first} is"),
            count => format!("{first} and {} more are", count - 1),
        };
        let message = format!("{}: {what} not as committed", folder.display());
        if !allow_dirty {
            return Err(Failure::refused(message).help(
                "commit it, so that others can see what runs, or publish all the same: --allow-dirty",
            ));
        }
        terminal.say(&format!("note: {message}"));
    }
    Ok(checkout.provenance())
}

/// AWS as the controller reaches it: the Region that was named, else the manifests', else the usual one.
async fn clients(arguments: &PublishArguments, loaded: &Loaded) -> (Clients, Arc<dyn Aws>) {
    let of_manifests = loaded.environment().and_then(|environment| environment.region.clone());
    let location = Location {
        region: arguments.region.clone().or(of_manifests),
        endpoint_url: arguments.endpoint_url.clone(),
        ..Location::default()
    };
    let config = Box::pin(location.load(Arc::new(SystemClock))).await;
    let aws: Arc<dyn Aws> = Arc::new(Limited::new(SdkAws::new(&config)));
    (Clients::new(aws.clone(), &config), aws)
}

/// Whether each reference has a value; the first that has none.
fn without_value(references: &References) -> Result<(), Failure> {
    for (name, value) in references.values() {
        if let ParameterValue::Unavailable(why) = value {
            return Err(Failure::blocked(format!("{name}: {why}"))
                .help("or publish without --resolve: whoever reads the bundle looks references up"));
        }
    }
    Ok(())
}

/// Whether anything is published to the place, and in the way that was asked for.
fn fits(arguments: &PublishArguments) -> Result<(), Failure> {
    let place = &arguments.to;
    match place {
        SourcePlace::Directory(_) => {
            let message = format!(
                "nothing is published to {place}; write s3://BUCKET/PREFIX/, ssm:/PATH or s3-files://BUCKET/PREFIX/"
            );
            Err(Failure::usage(message).help("a controller reads a folder as it is: edit the files there"))
        }
        SourcePlace::S3Files { .. } if arguments.resolve => {
            Err(Failure::usage("plain files bring no values of references along: publish without --resolve")
                .help("or publish a bundle, to s3://BUCKET/PREFIX/ or ssm:/PATH"))
        }
        SourcePlace::S3 { .. } | SourcePlace::Ssm { .. } if arguments.replace_foreign => {
            Err(Failure::usage(format!("--replace-foreign is for plain files, and {place} takes bundles")))
        }
        _ => Ok(()),
    }
}

fn unusable(place: &SourcePlace, error: &PathError) -> Failure {
    Failure::usage(format!("{place} cannot be used: {}", chain(error)))
}

/// The shelf of a place that takes bundles.
fn shelf(place: &SourcePlace, clients: &Clients) -> Result<Arc<dyn Shelf>, Failure> {
    let shelf = place.shelf(clients).map_err(|error| unusable(place, &error))?;
    shelf.ok_or_else(|| Failure::usage(format!("{place} cannot be used")))
}
