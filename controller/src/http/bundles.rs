//! `POST /v1/bundles`: manifests become the next bundle of the controller's own source.
//!
//! It is published there and read from there, as anybody else's: the controller never acts on what the
//! source does not have.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use coxswain_manifest::{BuildError, Provenance, SourceFile};
use coxswain_plan::Reason;

use super::{
    Api, intents,
    problem::Problem,
    v1::{BundlePublished, BundleRequest, Document},
};
use crate::{
    source::{Offer, Publication, PublishError, publish},
    status::{Problem as Fault, chain},
};

/// The longest body: a bundle of that many bytes carries its texts twice and a bundle's own limit is twice
/// that. Units: bytes.
pub(super) const BODY_AT_MOST: usize = 32 * 1024 * 1024;

/// The longest commit, author and message. Units: characters.
const PROVENANCE_CHARACTERS: usize = 10_000;

/// `POST /v1/bundles`
///
/// Safe to repeat: what already stands is not published again, and an attempt that broke off is gone on
/// with.
pub(crate) async fn submit(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Document<BundlePublished>>), Problem> {
    let request: BundleRequest = intents::json(&headers, &body, "bundle")?;
    let Some(publisher) = &api.publisher else {
        return Err(Problem::read_only_source(&api.board.source_status().from));
    };
    let BundleRequest { files, commit, author, message } = request;
    let texts = [&commit, &author, &message];
    if texts.into_iter().flatten().any(|text| text.chars().count() > PROVENANCE_CHARACTERS) {
        let detail = format!("commit, author and message have at most {PROVENANCE_CHARACTERS} characters");
        return Err(Problem::malformed(detail));
    }
    let files = files.into_iter().map(|file| SourceFile { path: file.path, content: file.text.into() });
    let offer = Offer {
        files: files.collect(),
        provenance: Provenance { commit, author, message },
        environment: Some(publisher.environment.clone()),
        after: api.board.source_status().bundle.map_or(0, |bundle| bundle.sequence),
        ..Offer::default()
    };
    let publication = publish(publisher.shelf.as_ref(), offer).await?;
    publisher.nudge.now();
    let status = if publication.is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    if publication.is_new {
        let text = format!("bundle {} was published through the controller", publication.sequence);
        api.board.note(api.clock.now(), "source".to_owned(), Reason::SourceRead, text);
    }
    if let Some(error) = &publication.untidied {
        tracing::warn!(error = %chain(error), reason = "Unavailable", "older bundles could not be removed");
    }
    Ok((status, Json(Document::new(BundlePublished::from(publication)))))
}

impl From<Publication> for BundlePublished {
    fn from(publication: Publication) -> Self {
        let Publication { environment, sequence, digest, documents, is_new, .. } = publication;
        Self {
            environment,
            sequence,
            bundle: digest.to_string(),
            digest: documents.to_string(),
            revision: format!("{sequence}.0"),
            is_duplicate: !is_new,
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let detail = chain(&error);
        match error {
            PublishError::Build(BuildError::Invalid(loaded)) => {
                Self::invalid_manifest(detail, loaded.diagnostics().iter().map(Fault::from).collect())
            }
            PublishError::Build(_) => Self::invalid_manifest(detail, Vec::new()),
            PublishError::OtherEnvironment { .. } => Self::other_environment(detail),
            PublishError::Overtaken { .. } => Self::overtaken(detail),
            PublishError::NoPointer { .. } => Self::no_pointer(detail),
            PublishError::Shelf { .. } | PublishError::InDoubt { .. } => Self::unavailable(detail),
        }
    }
}
