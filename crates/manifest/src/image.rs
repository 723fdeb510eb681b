//! Images by the name of their repository and a tag: what `${image:…}` holds.

use std::fmt;
use std::str::FromStr;

/// The longest name of a repository in ECR.
///
/// Source: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
const REPOSITORY_BYTES: std::ops::RangeInclusive<usize> = 2..=256;

/// The longest tag of an image.
///
/// Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>
const TAG_BYTES: std::ops::RangeInclusive<usize> = 1..=128;

/// An image in the Environment's own ECR registry, by repository and tag.
///
/// Its [`Display`](fmt::Display) form, `image:team/api:1.4`, is the name of the reference, beside which
/// its value is kept: the image with its digest in the place of the tag.
///
/// ```
/// use coxswain_manifest::ImageName;
/// let name: ImageName = "image:team/api:1.4".parse()?;
/// assert_eq!((name.repository(), name.tag()), ("team/api", "1.4"));
/// assert_eq!(name.to_string(), "image:team/api:1.4");
/// # Ok::<(), coxswain_manifest::InvalidImageName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName {
    repository: String,
    tag: String,
}

/// Why a text names no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidImageName {
    /// It does not begin with `image:`.
    #[error("it does not begin with image:")]
    NoImage,
    /// No tag follows the repository's name.
    #[error("it has no tag")]
    NoTag,
    /// A digest stands where a tag is expected.
    #[error("it has a digest already")]
    Digest,
    /// The repository's name begins with a registry's.
    #[error("it names a registry")]
    Registry,
    /// The repository's name is none that ECR takes.
    #[error("its repository's name is none that ECR takes")]
    Repository,
    /// The tag is none.
    #[error("its tag is none")]
    Tag,
}

impl ImageName {
    /// The repository's name in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image:{}:{}", self.repository, self.tag)
    }
}

impl FromStr for ImageName {
    type Err = InvalidImageName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("image:").ok_or(InvalidImageName::NoImage)?;
        if name.contains('@') {
            return Err(InvalidImageName::Digest);
        }
        let (repository, tag) = name.rsplit_once(':').ok_or(InvalidImageName::NoTag)?;
        // A registry's port, or a host with a dot before the first slash, as in every image's name.
        let host = repository.split_once('/').map_or("", |(host, _)| host);
        if repository.contains(':') || tag.contains('/') || host.contains(".dkr.ecr.") {
            return Err(InvalidImageName::Registry);
        }
        if !REPOSITORY_BYTES.contains(&repository.len()) || !repository.split('/').all(is_component) {
            return Err(InvalidImageName::Repository);
        }
        let is_tag = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !TAG_BYTES.contains(&tag.len()) || tag.starts_with(['.', '-']) || !tag.chars().all(is_tag) {
            return Err(InvalidImageName::Tag);
        }
        Ok(Self { repository: repository.to_owned(), tag: tag.to_owned() })
    }
}

/// Whether a part of a repository's name is one: letters and digits, with one `.`, one or two `_` or any
/// number of `-` between them.
fn is_component(component: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_separator =
        |between: &str| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|c| c == b'-');
    ends.iter().all(|end| end.is_some_and(|end| is_plain(*end))) && separators.into_iter().all(is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_and_a_tag_are_an_image() {
        for text in ["api:1", "team/api:v1.4-rc_2", "a1/b__c/d--e.f:_x", "my-repo:LATEST"] {
            let name: ImageName = format!("image:{text}").parse().unwrap();
            assert_eq!(name.to_string(), format!("image:{text}"));
        }
    }

    #[test]
    fn what_is_no_image_is_refused_with_its_reason() {
        use InvalidImageName::{Digest, NoImage, NoTag, Registry, Repository, Tag};
        for (text, expected) in [
            ("param:/x", NoImage),
            ("image:api", NoTag),
            ("image:api@sha256:0f", Digest),
            ("image:123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:1", Registry),
            ("image:localhost:5000/api:1", Registry),
            ("image:localhost:5000/api", Registry),
            ("image::1", Repository),
            ("image:a:1", Repository),
            ("image:Api:1", Repository),
            ("image:a//b:1", Repository),
            ("image:a___b:1", Repository),
            ("image:a..b:1", Repository),
            ("image:-api:1", Repository),
            ("image:api_:1", Repository),
            ("image:api:", Tag),
            ("image:api:.1", Tag),
            ("image:api:1 2", Tag),
        ] {
            assert_eq!(text.parse::<ImageName>(), Err(expected), "{text}");
        }
        assert_eq!(format!("image:api:{}", "1".repeat(129)).parse::<ImageName>(), Err(Tag));
    }
}
