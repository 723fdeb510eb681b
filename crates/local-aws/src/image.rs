//! The image map: which program on this machine stands for which image.
//!
//! A local task runs no container: an image reference is looked up in a list of [`ImageEntry`]s,
//! first match wins, and the entry names the program, its arguments, environment and directory. An
//! image that no entry matches does not exist, as in a registry.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The entries, in the order in which they are tried.
#[derive(Debug, Clone, Default)]
pub struct ImageMap {
    entries: Vec<ImageEntry>,
}

/// What stands for the images that a pattern matches.
///
/// In `entry_point`, `command`, the values of `environment` and `working_directory`, these
/// placeholders are replaced: `{address}` (the task's own address), `{tag}`, `{task_id}`, `{family}`
/// and `{container}`. `{{` stands for a brace that is meant as one where a placeholder could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageEntry {
    /// A pattern for the reference: `*` is any text, `?` any one character. A pattern without a tag
    /// matches every tag and digest of its repository; one with `@sha256:...` matches that digest.
    pub image: String,
    /// The program and its first arguments, as Dockerfile's `ENTRYPOINT`.
    #[serde(default)]
    pub entry_point: Vec<String>,
    /// The arguments (or the program, without an entry point), as Dockerfile's `CMD`.
    #[serde(default)]
    pub command: Vec<String>,
    /// As Dockerfile's `ENV`: the task definition's own values win.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Where the image's files are on this machine. It wins over the task definition's
    /// `workingDirectory`, since a path inside an image means nothing here.
    #[serde(default)]
    pub working_directory: Option<String>,
    /// Folders put before `PATH`, for the program and its health check.
    #[serde(default)]
    pub bin: Vec<PathBuf>,
    /// Variables taken from the environment of this program; nothing but `PATH` is otherwise.
    #[serde(default)]
    pub inherit: Vec<String>,
    /// What `{tag}` stands for where the reference has a digest and no tag.
    #[serde(default)]
    pub tag: Option<String>,
}

/// The values of the placeholders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placeholders<'a> {
    pub(crate) address: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) task_id: &'a str,
    pub(crate) family: &'a str,
    pub(crate) container: &'a str,
}

/// Why an image map cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageMapError {
    /// The file cannot be read.
    #[error("cannot read the image map {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not of the right form.
    #[error("the image map {} is not {{\"images\": [{{\"image\": ..., \"entryPoint\": [...]}}]}}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What was found, with line and column.
        source: serde_json::Error,
    },
    /// An entry names no program.
    #[error("the image map's entry for `{image}` has neither `entryPoint` nor `command`")]
    NoProgram {
        /// The entry's pattern.
        image: String,
    },
    /// An entry's pattern is empty.
    #[error("an entry of the image map has an empty `image`")]
    NoPattern,
    /// A placeholder that does not exist.
    #[error(
        "the image map's entry for `{image}` uses {{{placeholder}}}; there are {{address}}, {{tag}}, \
         {{task_id}}, {{family}} and {{container}} (write {{{{{placeholder}}} for the text itself)"
    )]
    UnknownPlaceholder {
        /// The entry's pattern.
        image: String,
        /// Without its braces.
        placeholder: String,
    },
    /// A flag that is not `PATTERN=PROGRAM [ARGUMENT...]`.
    #[error("`{flag}` is not PATTERN=PROGRAM [ARGUMENT...], such as '*/api:*=/usr/local/bin/api --verbose'")]
    Flag {
        /// As written.
        flag: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    images: Vec<ImageEntry>,
}

impl ImageMap {
    /// A map of these entries.
    pub fn new(entries: Vec<ImageEntry>) -> Result<Self, ImageMapError> {
        for entry in &entries {
            entry.check()?;
        }
        Ok(Self { entries })
    }

    /// Reads a JSON file; relative paths in it start from its folder.
    pub fn read(path: &Path) -> Result<Self, ImageMapError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ImageMapError::Read { path: path.to_path_buf(), source })?;
        let file: File = serde_json::from_str(&text)
            .map_err(|source| ImageMapError::Form { path: path.to_path_buf(), source })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        Self::new(file.images.into_iter().map(|entry| entry.relative_to(&folder)).collect())
    }

    /// Puts the entry of a flag, `PATTERN=PROGRAM [ARGUMENT...]`, before all others; a relative program
    /// starts from this process's folder.
    pub fn put_first(&mut self, flag: &str) -> Result<(), ImageMapError> {
        let words = flag.split_once('=').map(|(pattern, program)| {
            (pattern.trim(), program.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        });
        let Some((pattern, entry_point)) = words.filter(|(_, words)| !words.is_empty()) else {
            return Err(ImageMapError::Flag { flag: flag.to_owned() });
        };
        let entry = ImageEntry { image: pattern.to_owned(), entry_point, ..ImageEntry::default() };
        entry.check()?;
        // A task does not run where the flag was written.
        let here = std::env::current_dir().unwrap_or_default();
        self.entries.insert(0, entry.relative_to(&here));
        Ok(())
    }

    /// The first entry that matches a reference, and the tag that the reference stands for.
    pub(crate) fn find(&self, image: &str) -> Option<(&ImageEntry, String)> {
        let reference = Reference::parse(image);
        let entry = self.entries.iter().find(|entry| reference.matches(&Reference::parse(&entry.image)))?;
        let tag = match (reference.tag, reference.digest, &entry.tag) {
            (Some(tag), _, _) => tag.to_owned(),
            (None, Some(_), Some(tag)) => tag.clone(),
            (None, Some(digest), None) => digest.to_owned(),
            (None, None, _) => "latest".to_owned(),
        };
        Some((entry, tag))
    }

    /// The tags of a repository that entries name in full; `None` where no entry is about it.
    pub(crate) fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let patterns = self.entries.iter().map(|entry| Reference::parse(&entry.image));
        let mut about =
            patterns.filter(|pattern| glob(pattern.repository.as_bytes(), repository.as_bytes())).peekable();
        about.peek()?;
        let named = about.filter_map(|pattern| pattern.tag).filter(|tag| !tag.contains(['*', '?']));
        Some(named.map(str::to_owned).collect())
    }
}

impl ImageEntry {
    fn check(&self) -> Result<(), ImageMapError> {
        if self.image.is_empty() {
            return Err(ImageMapError::NoPattern);
        }
        if self.entry_point.is_empty() && self.command.is_empty() {
            return Err(ImageMapError::NoProgram { image: self.image.clone() });
        }
        let texts = self.entry_point.iter().chain(&self.command).chain(self.environment.values());
        for text in texts.chain(&self.working_directory) {
            if let Err(placeholder) = expand(text, None) {
                return Err(ImageMapError::UnknownPlaceholder { image: self.image.clone(), placeholder });
            }
        }
        Ok(())
    }

    fn relative_to(mut self, folder: &Path) -> Self {
        if let Some(program) = self.entry_point.first_mut().or(self.command.first_mut())
            && program.contains('/')
        {
            *program = folder.join(&*program).to_string_lossy().into_owned();
        }
        if let Some(directory) = &mut self.working_directory {
            *directory = folder.join(&*directory).to_string_lossy().into_owned();
        }
        for bin in &mut self.bin {
            *bin = folder.join(&*bin);
        }
        self
    }
}

impl Placeholders<'_> {
    /// The text with every placeholder replaced. Texts of a checked map have no unknown ones.
    pub(crate) fn fill(&self, text: &str) -> String {
        expand(text, Some(self)).unwrap_or_else(|_| text.to_owned())
    }

    fn value(&self, name: &str) -> Option<&str> {
        match name {
            "address" => Some(self.address),
            "tag" => Some(self.tag),
            "task_id" => Some(self.task_id),
            "family" => Some(self.family),
            "container" => Some(self.container),
            _ => None,
        }
    }
}

/// Replaces placeholders; fails with the name of an unknown one. Braces around anything that is not
/// a word of small letters (JSON, for one) are text.
fn expand(text: &str, values: Option<&Placeholders<'_>>) -> Result<String, String> {
    const NONE: Placeholders<'static> =
        Placeholders { address: "", tag: "", task_id: "", family: "", container: "" };
    let values = values.unwrap_or(&NONE);
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_word(name));
        if let Some(escaped) = after.strip_prefix('{') {
            filled.push('{');
            rest = escaped;
        } else if let Some(name) = name {
            filled.push_str(values.value(name).ok_or_else(|| name.to_owned())?);
            rest = after.get(name.len() + 1..).unwrap_or_default();
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
}

/// An image reference, or a pattern for some, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash is a registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        Self { repository, tag, digest }
    }

    pub(crate) fn repository(&self) -> &'a str {
        self.repository
    }

    pub(crate) fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    pub(crate) fn digest(&self) -> Option<&'a str> {
        self.digest
    }

    fn matches(&self, pattern: &Reference<'_>) -> bool {
        let tag = match (self.tag, self.digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        let part = |pattern: Option<&str>, text: Option<&str>| {
            pattern.is_none_or(|pattern| {
                text.map_or(pattern == "*", |text| glob(pattern.as_bytes(), text.as_bytes()))
            })
        };
        glob(pattern.repository.as_bytes(), self.repository.as_bytes())
            && part(pattern.tag, tag)
            && part(pattern.digest, self.digest)
    }
}

/// Linear in the text for each star: a star that fails is only ever retried at the last one seen.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut last_star = None;
    while let Some(letter) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == letter => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = last_star else {
                    return false;
                };
                last_star = Some((star, from + 1));
                at = star + 1;
                read = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(image: &str) -> ImageEntry {
        ImageEntry { image: image.into(), entry_point: vec!["true".into()], ..ImageEntry::default() }
    }

    #[test]
    fn patterns_match_repository_tag_and_digest() {
        let digest = "api@sha256:0000000000000000000000000000000000000000000000000000000000000000";
        for (pattern, image, expected) in [
            ("api", "api", true),
            ("api", "api:1.4", true),
            ("api", digest, true),
            ("api:1.*", "api:1.4", true),
            ("api:1.*", "api:2.0", false),
            ("api:1.*", "api", false),
            ("api:latest", "api", true),
            ("api:*", digest, true),
            ("api:1.*", digest, false),
            (digest, digest, true),
            (digest, "api:1.4", false),
            ("*/api", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api:1.4", true),
            ("*/api", "registry.example.com:5000/team/api", true),
            ("registry.example.com:5000/api", "registry.example.com:5000/api:2", true),
            ("*/api", "registry.example.com/web", false),
            ("a?i:?", "api:1", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
        ] {
            let map = ImageMap::new(vec![entry(pattern)]).unwrap();
            assert_eq!(map.find(image).is_some(), expected, "{pattern} against {image}");
        }
    }

    #[test]
    fn the_first_entry_that_matches_wins_and_a_flag_comes_before_the_file() {
        let mut map = ImageMap::new(vec![entry("api:1.4"), entry("api")]).unwrap();
        assert_eq!(map.find("api:1.4").unwrap().0.image, "api:1.4");
        map.put_first("api=/bin/echo hello  world").unwrap();
        let (found, _) = map.find("api:1.4").unwrap();
        assert_eq!(found.entry_point, ["/bin/echo", "hello", "world"]);
        map.put_first("tool=./tool ./as-is").unwrap();
        let here = std::env::current_dir().unwrap().join("./tool");
        assert_eq!(map.find("tool").unwrap().0.entry_point, [here.to_str().unwrap(), "./as-is"]);
        for flag in ["api", "api=", "api= "] {
            assert!(matches!(map.put_first(flag), Err(ImageMapError::Flag { .. })), "{flag}");
        }
        assert!(matches!(map.put_first("=/bin/true"), Err(ImageMapError::NoPattern)));
    }

    #[test]
    fn a_tag_is_the_references_or_the_entrys_for_a_digest_or_latest() {
        let digest = "api@sha256:abc";
        let mut tagged = entry("api");
        tagged.tag = Some("1.4".into());
        for (entry, image, tag) in [
            (entry("api"), "api:2", "2"),
            (entry("api"), "api:2@sha256:abc", "2"),
            (entry("api"), digest, "sha256:abc"),
            (entry("api"), "api", "latest"),
            (tagged.clone(), digest, "1.4"),
            (tagged, "api:2", "2"),
        ] {
            assert_eq!(ImageMap::new(vec![entry]).unwrap().find(image).unwrap().1, tag, "{image}");
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_are_text() {
        let values = Placeholders {
            address: "127.64.0.2",
            tag: "1.4",
            task_id: "abc",
            family: "api",
            container: "web",
        };
        for (text, expected) in [
            ("{address}:8000", "127.64.0.2:8000"),
            ("{family}-{tag}/{task_id}/{container}", "api-1.4/abc/web"),
            (r#"{"level": "info"}"#, r#"{"level": "info"}"#),
            ("{{tag}", "{tag}"),
            ("{", "{"),
            ("{}", "{}"),
            ("a{address", "a{address"),
        ] {
            assert_eq!(values.fill(text), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_placeholder_is_refused_with_the_ones_that_exist() {
        let mut wrong = entry("api");
        wrong.environment.insert("LISTEN".into(), "{adress}:8000".into());
        let text = ImageMap::new(vec![wrong]).unwrap_err().to_string();
        assert!(text.contains("`api` uses {adress}; there are {address}"), "{text}");
        assert!(text.contains("write {{adress} for"), "{text}");
    }

    #[test]
    fn an_entry_without_a_program_is_refused() {
        let empty = ImageEntry { image: "api".into(), ..ImageEntry::default() };
        assert!(matches!(ImageMap::new(vec![empty]), Err(ImageMapError::NoProgram { .. })));
    }

    #[test]
    fn a_file_is_read_with_paths_from_its_folder_and_an_unknown_member_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let path = folder.path().join("images.json");
        let text = r#"{"images": [{"image": "api", "entryPoint": ["./bin/api", "./as-is"],
            "workingDirectory": "data", "bin": ["bin"]}, {"image": "sh", "command": ["sh"]}]}"#;
        std::fs::write(&path, text).unwrap();
        let map = ImageMap::read(&path).unwrap();
        let (found, _) = map.find("api").unwrap();
        assert_eq!(found.entry_point, [root.join("./bin/api").to_str().unwrap(), "./as-is"]);
        assert_eq!(found.working_directory.as_deref(), root.join("data").to_str());
        assert_eq!(found.bin, [root.join("bin")]);
        assert_eq!(map.find("sh").unwrap().0.command, ["sh"]);

        std::fs::write(&path, r#"{"images": [{"image": "api", "entrypoint": []}]}"#).unwrap();
        assert!(matches!(ImageMap::read(&path), Err(ImageMapError::Form { .. })));
        assert!(matches!(ImageMap::read(&root.join("no.json")), Err(ImageMapError::Read { .. })));
    }
}
