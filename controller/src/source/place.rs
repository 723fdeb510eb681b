//! Where manifests come from, as people write it: `manifests/`, `s3://…`, `ssm:/…`, `s3-files://…`.

use std::{fmt, path::PathBuf, str::FromStr};

/// A place that manifests are read from, and perhaps published to.
///
/// ```
/// use coxswain_controller::source::SourcePlace;
/// let place: SourcePlace = "s3://example-manifests/prod/".parse()?;
/// assert!(place.takes_bundles());
/// assert_eq!(place.to_string(), "s3://example-manifests/prod/");
/// assert!("s3:/example-manifests".parse::<SourcePlace>().is_err());
/// # Ok::<(), coxswain_controller::source::InvalidPlace>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourcePlace {
    /// A directory of manifests, or one file: `manifests/`.
    Directory(PathBuf),
    /// Bundles in a bucket: `s3://bucket/prefix/`.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Nothing, or segments that end in `/`.
        prefix: String,
    },
    /// Bundles in parameters of Systems Manager: `ssm:/coxswain/prod/bundles`.
    Ssm {
        /// The path without a slash at its end.
        path: String,
    },
    /// Plain manifests in a bucket: `s3-files://bucket/prefix/`.
    S3Files {
        /// The bucket's name.
        bucket: String,
        /// Nothing, or segments that end in `/`.
        prefix: String,
    },
}

/// A text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no place for manifests: {why}; {FORMS}")]
pub struct InvalidPlace {
    text: String,
    why: String,
}

/// What can be written.
const FORMS: &str = "write DIRECTORY, s3://BUCKET/PREFIX/ or ssm:/PATH for bundles, or \
                     s3-files://BUCKET/PREFIX/ for plain manifests";

/// The most levels of a parameter's name, less those that a bundle's parts have below the path, and the
/// longest path that leaves room for them.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html>
const SSM_LEVELS: usize = 15 - 3;
const SSM_CHARACTERS: usize = 900;

impl SourcePlace {
    /// Whether bundles are published to it: then it has to be said which environment is served.
    pub fn takes_bundles(&self) -> bool {
        matches!(self, Self::S3 { .. } | Self::Ssm { .. })
    }
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Ssm { path } => write!(f, "ssm:{path}"),
            Self::S3Files { bucket, prefix } => write!(f, "s3-files://{bucket}/{prefix}"),
        }
    }
}

impl FromStr for SourcePlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let refuse = |why: String| InvalidPlace { text: text.to_owned(), why };
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = bucket_and_prefix(rest).map_err(refuse)?;
            return Ok(Self::S3 { bucket, prefix });
        }
        if let Some(rest) = text.strip_prefix("s3-files://") {
            let (bucket, prefix) = bucket_and_prefix(rest).map_err(refuse)?;
            return Ok(Self::S3Files { bucket, prefix });
        }
        if let Some(path) = text.strip_prefix("ssm:") {
            return Ok(Self::Ssm { path: parameter_path(path).map_err(refuse)? });
        }
        match text.split_once(':') {
            _ if text.trim().is_empty() => Err(refuse("it is empty".to_owned())),
            // A name with a colon that is meant as a directory can be written ./so:.
            Some((scheme, _)) if !scheme.contains(['/', '.']) => {
                Err(refuse(format!("{scheme}: is not known here")))
            }
            _ => Ok(Self::Directory(text.into())),
        }
    }
}

/// Source for a bucket's name: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn bucket_and_prefix(text: &str) -> Result<(String, String), String> {
    let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_letter) {
        return Err(format!("{bucket:?} is no name of a bucket"));
    }
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() {
        return Ok((bucket.to_owned(), String::new()));
    }
    coxswain_store::Path::new(prefix).map_err(|error| format!("its prefix cannot be used: {error}"))?;
    Ok((bucket.to_owned(), format!("{prefix}/")))
}

fn parameter_path(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let Some(below) = path.strip_prefix('/') else {
        return Err("a path of parameters begins with a slash and has a name behind it".to_owned());
    };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let is_level = |level: &str| !level.is_empty() && level.chars().all(is_letter);
    if !below.split('/').all(is_level) {
        return Err("a path of parameters has letters, digits and . - _ between its slashes".to_owned());
    }
    let first = below.to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err("Systems Manager keeps paths that begin with aws or ssm for itself".to_owned());
    }
    if path.len() > SSM_CHARACTERS || below.split('/').count() > SSM_LEVELS {
        return Err(format!(
            "a path of parameters has at most {SSM_CHARACTERS} characters and {SSM_LEVELS} levels here"
        ));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_written_in_one_way() {
        for (text, shown) in [
            ("manifests/", "manifests/"),
            ("./odd:name", "./odd:name"),
            ("s3://example-bucket", "s3://example-bucket/"),
            ("s3://example-bucket/", "s3://example-bucket/"),
            ("s3://example-bucket/a/b", "s3://example-bucket/a/b/"),
            ("s3://example-bucket/a/b/", "s3://example-bucket/a/b/"),
            ("ssm:/coxswain/prod", "ssm:/coxswain/prod"),
            ("ssm:/coxswain/prod/", "ssm:/coxswain/prod"),
            ("s3-files://example-bucket/a", "s3-files://example-bucket/a/"),
        ] {
            let place: SourcePlace = text.parse().unwrap();
            assert_eq!(place.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(place), "{text}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused_with_what_could_be_written() {
        for (text, why) in [
            ("", "it is empty"),
            (" ", "it is empty"),
            ("git://example.com/x", "git: is not known here"),
            ("S3://example-bucket/a", "S3: is not known here"),
            ("s3:example-bucket", "s3: is not known here"),
            ("s3://", "\"\" is no name of a bucket"),
            ("s3://Example/", "\"Example\" is no name of a bucket"),
            ("s3://example-bucket//a", "its prefix cannot be used"),
            ("s3://example-bucket/../a", "its prefix cannot be used"),
            ("ssm:coxswain", "begins with a slash"),
            ("ssm:/", "has a name behind it"),
            ("ssm:/a//b", "between its slashes"),
            ("ssm:/a b", "between its slashes"),
            ("ssm:/aws/x", "for itself"),
            ("ssm:/1/2/3/4/5/6/7/8/9/10/11/12/13", "12 levels"),
        ] {
            let error = text.parse::<SourcePlace>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.ends_with("for plain manifests"), "{text}: {error}");
        }
    }
}
