//! What a registry would know of the images: which tags there are, and the digest of each.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use crate::image::{ImageEntry, ImageMap, Reference};

/// Images that are remembered; the oldest are forgotten first.
const MOST: usize = 10_000;

/// An image, as a registry describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The repository, with its registry.
    pub repository: String,
    /// The tag by which it was found.
    pub tag: String,
    /// `sha256:` and 64 hexadecimal digits: another one for another tag or another program.
    pub digest: String,
    /// Units: bytes.
    pub size: u64,
}

impl Image {
    /// The image of a reference by tag, whose name is all that there is of it.
    pub(crate) fn scripted(reference: &str) -> Option<Self> {
        let parsed = Reference::parse(reference);
        if parsed.digest().is_some() {
            return None;
        }
        let tag = parsed.tag().unwrap_or("latest");
        let repository = parsed.repository().to_owned();
        let digest = Sha256::digest(format!("{repository}:{tag}"));
        Some(Self {
            repository,
            tag: tag.to_owned(),
            digest: format!("sha256:{}", hex::encode(digest)),
            size: 0,
        })
    }
}

/// The images that were asked for by tag, and so can be asked for by digest.
///
/// Patterns with a star have no end of tags, so that what exists is known only once it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    known: Mutex<VecDeque<Image>>,
    programs: Mutex<BTreeMap<PathBuf, Program>>,
}

/// A program file, when its content was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Program {
    size: u64,
    modified: Option<SystemTime>,
    hash: [u8; 32],
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// The image of the map that a reference names; by digest only where it was described by tag before.
    pub(crate) fn image(&self, images: &ImageMap, reference: &str) -> Option<Image> {
        let reference = self.tagged(reference);
        let parsed = Reference::parse(&reference);
        if parsed.digest().is_some() {
            return None;
        }
        let (entry, tag) = images.find(&reference)?;
        let (digest, size) = self.digest(entry, &tag);
        let image = Image { repository: parsed.repository().to_owned(), tag, digest, size };
        self.remember(image.clone());
        Some(image)
    }

    /// Keeps an image, in place of an earlier one under its tag.
    pub(crate) fn remember(&self, image: Image) {
        let mut known = lock(&self.known);
        known.retain(|other| (&other.repository, &other.tag) != (&image.repository, &image.tag));
        known.push_back(image);
        if known.len() > MOST {
            known.pop_front();
        }
    }

    /// The reference by tag in place of one by a known digest; any other stays as it is.
    pub(crate) fn tagged(&self, reference: &str) -> String {
        let parsed = Reference::parse(reference);
        let known = lock(&self.known);
        let image = known
            .iter()
            .find(|image| parsed.digest() == Some(&image.digest) && parsed.repository() == image.repository);
        image.map_or_else(|| reference.to_owned(), |image| format!("{}:{}", image.repository, image.tag))
    }

    /// The tags of a repository that are known, in order.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let known = lock(&self.known);
        let mut tags: Vec<String> = known
            .iter()
            .filter(|image| image.repository == repository)
            .map(|image| image.tag.clone())
            .collect();
        tags.sort();
        tags
    }

    /// The digest of what would run, and its size.
    fn digest(&self, entry: &ImageEntry, tag: &str) -> (String, u64) {
        let mut hash = Sha256::new();
        let mut text = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        text(tag);
        for words in [&entry.entry_point, &entry.command] {
            text(&words.len().to_string());
            for word in words {
                text(word);
            }
        }
        for (name, value) in &entry.environment {
            text(name);
            text(value);
        }
        text(entry.working_directory.as_deref().unwrap_or_default());
        let program = entry.entry_point.first().or(entry.command.first());
        let content = program.and_then(|program| self.program(Path::new(program)));
        if let Some(content) = &content {
            hash.update(content.hash);
        }
        let size = content.map_or(0, |content| content.size);
        (format!("sha256:{}", hex::encode(hash.finalize())), size)
    }

    /// A program's content, read again only where its size or date changed; `None` for a name that is
    /// looked up in `PATH`.
    fn program(&self, path: &Path) -> Option<Program> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        let read = lock(&self.programs).get(path).cloned();
        if let Some(read) = read.filter(|read| (read.size, read.modified) == (size, modified)) {
            return Some(read);
        }
        let hash = Sha256::digest(fs::read(path).ok()?).into();
        let program = Program { size, modified, hash };
        lock(&self.programs).insert(path.to_owned(), program.clone());
        Some(program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &[&str])]) -> ImageMap {
        let entry = |(image, words): &(&str, &[&str])| ImageEntry {
            image: (*image).to_owned(),
            entry_point: words.iter().map(|&word| word.to_owned()).collect(),
            ..ImageEntry::default()
        };
        ImageMap::new(entries.iter().map(entry).collect()).unwrap()
    }

    #[test]
    fn a_digest_stays_while_the_program_and_the_tag_do_and_the_digest_names_the_image_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("api");
        fs::write(&program, "one").unwrap();
        let images = map(&[("*/api", &[program.to_str().unwrap(), "serve"])]);
        let registry = Registry::default();
        let digest = |tag: &str| {
            let image = registry.image(&images, &format!("r.example.com/api:{tag}")).unwrap();
            assert_eq!(
                (image.repository.as_str(), image.tag.as_str(), image.size),
                ("r.example.com/api", tag, 3)
            );
            image.digest
        };
        let first = digest("1.4");
        assert_eq!(first.len(), "sha256:".len() + 64);
        assert_eq!(digest("1.4"), first);
        assert_ne!(digest("1.5"), first, "another tag is another image");
        let by_digest = registry.image(&images, &format!("r.example.com/api@{first}")).unwrap();
        assert_eq!(by_digest.tag, "1.4");
        assert_eq!(registry.tags("r.example.com/api"), ["1.4", "1.5"]);

        fs::write(&program, "other").unwrap();
        let rebuilt = registry.image(&images, "r.example.com/api:1.4").unwrap();
        assert_ne!(rebuilt.digest, first, "another program is another image");
        assert_eq!(registry.image(&images, &format!("r.example.com/api@{first}")), None);
    }

    #[test]
    fn a_digest_leads_to_the_entry_of_its_own_tag() {
        let images = map(&[("web:crash", &["false"]), ("web", &["true"])]);
        let registry = Registry::default();
        let digest = registry.image(&images, "web:crash").unwrap().digest;
        assert_eq!(registry.tagged(&format!("web@{digest}")), "web:crash");
        assert_eq!(registry.tagged(&format!("other@{digest}")), format!("other@{digest}"));
        assert_eq!(registry.tagged("web:1"), "web:1");
        assert_eq!(registry.image(&images, "none:1"), None);
    }

    #[test]
    fn only_the_newest_of_very_many_images_are_remembered() {
        let registry = Registry::default();
        let image = |number: usize| Image {
            repository: "web".into(),
            tag: format!("{number:05}"),
            digest: format!("sha256:{number:064}"),
            size: 0,
        };
        (0..=MOST).for_each(|number| registry.remember(image(number)));
        let tags = registry.tags("web");
        assert_eq!((tags.len(), tags[0].as_str()), (MOST, "00001"));
    }
}
