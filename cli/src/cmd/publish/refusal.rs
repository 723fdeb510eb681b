//! Why nothing was published, as a way to end and what to do.

use coxswain_controller::{
    aws::Failure as AwsFailure,
    source::{PublishError, ShelfError, SourcePlace, UploadError},
};

use crate::{exit::Failure, output::chain};

/// What a publisher's rights have to be.
fn rights(place: &SourcePlace) -> &'static str {
    match place {
        SourcePlace::Ssm { .. } => {
            "are AWS credentials and the Region set, and may they ssm:GetParametersByPath, ssm:PutParameter \
             and ssm:DeleteParameters there?"
        }
        _ => {
            "are AWS credentials and the Region set, and may they s3:GetObject, s3:PutObject and \
             s3:DeleteObject there, and s3:ListBucket the bucket?"
        }
    }
}

/// A publication that was refused or failed.
pub(super) fn refusal(place: &SourcePlace, error: PublishError) -> Failure {
    let message = chain(&error);
    match error {
        PublishError::Build(_) | PublishError::Shelf { source: ShelfError::TooLarge { .. }, .. } => {
            Failure::invalid(message)
        }
        PublishError::OtherEnvironment { .. } | PublishError::NoPointer { .. } => Failure::refused(message),
        PublishError::Overtaken { .. } => Failure::refused(message)
            .help("look at what they have published, by --dry-run, and then publish again"),
        PublishError::InDoubt { .. } => {
            Failure::unreachable(message).help("publish again: what is there already is not published twice")
        }
        PublishError::Shelf { source: ShelfError::Parameters(error), .. }
            if matches!(error.failure, AwsFailure::Throttled { .. }) =>
        {
            Failure::unreachable(message).help("publish again in a minute; nothing is half done")
        }
        _ => Failure::unreachable(message).help(rights(place)),
    }
}

/// Plain files that were refused, or not all written.
pub(super) fn upload_refusal(place: &SourcePlace, error: &UploadError) -> Failure {
    let message = chain(error);
    match error {
        UploadError::Build(_) | UploadError::Unnameable { .. } => Failure::invalid(message),
        UploadError::OtherEnvironment { .. } => Failure::refused(message),
        UploadError::Foreign { .. } => {
            Failure::refused(message).help("look at them, and replace and remove them by --replace-foreign")
        }
        UploadError::Overtaken { .. } => Failure::refused(message)
            .help("publish again once they have ended; until then a controller takes nothing of it"),
        UploadError::InDoubt { .. } => Failure::unreachable(message)
            .help("publish again: it goes on where this broke off, and until then nothing of it is taken"),
        _ => Failure::unreachable(message).help(rights(place)),
    }
}

#[cfg(test)]
mod tests {
    use coxswain_manifest::BuildError;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_refusal_ends_with_the_code_of_its_kind_and_says_what_to_do() {
        let place: SourcePlace = "s3://example-manifests/prod/".parse().unwrap();
        let shown = || place.to_string();
        let too_large = |place| ShelfError::TooLarge { place, why: "2 MB".to_owned() };
        for (error, exit, help) in [
            (PublishError::Build(BuildError::NoSequence), Exit::Invalid, None),
            (
                PublishError::OtherEnvironment { place: shown(), found: "a".into(), ours: "b".into() },
                Exit::Refused,
                None,
            ),
            (PublishError::Overtaken { place: shown() }, Exit::Refused, Some("--dry-run")),
            (PublishError::Shelf { place: shown(), source: too_large(shown()) }, Exit::Invalid, None),
            (
                PublishError::InDoubt { place: shown(), source: too_large(shown()) },
                Exit::Unreachable,
                Some("publish again"),
            ),
        ] {
            let failure = refusal(&place, error);
            assert_eq!(failure.exit, exit, "{failure}");
            assert_eq!(failure.help.is_some(), help.is_some(), "{failure:?}");
            assert!(help.is_none_or(|help| failure.help.as_ref().unwrap().contains(help)), "{failure:?}");
        }
    }

    #[test]
    fn plain_files_that_are_not_published_say_whether_to_look_or_to_publish_again() {
        let place: SourcePlace = "s3-files://example-manifests/prod/".parse().unwrap();
        let shown = || place.to_string();
        let lost = || coxswain_store::StoreError::Unavailable {
            operation: coxswain_store::Operation::Put,
            subject: "api.yaml".to_owned(),
            in_doubt: true,
            source: "no answer".into(),
        };
        for (error, exit, help) in [
            (
                UploadError::Foreign { place: shown(), files: vec!["a.yaml".to_owned()] },
                Exit::Refused,
                "--replace-foreign",
            ),
            (
                UploadError::Overtaken { place: shown(), key: "a.yaml".to_owned() },
                Exit::Refused,
                "publish again",
            ),
            (
                UploadError::InDoubt { place: shown(), key: "a.yaml".to_owned(), source: lost() },
                Exit::Unreachable,
                "publish again",
            ),
            (
                UploadError::Refused { place: shown(), key: "a.yaml".to_owned(), source: lost() },
                Exit::Unreachable,
                "s3:DeleteObject",
            ),
        ] {
            let failure = upload_refusal(&place, &error);
            assert_eq!(failure.exit, exit, "{failure}");
            assert!(failure.help.as_ref().unwrap().contains(help), "{failure:?}");
        }
    }
}
