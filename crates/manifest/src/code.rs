//! The closed list of what can be wrong with a bundle, each with its cause and cure.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[$attribute:meta])* $name:ident { cause: $cause:literal, cure: $cure:literal })+) => {
        /// What is wrong, as one of a closed list. The name is stable: scripts may match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$attribute])* $name,)+
        }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name that people see: `UnknownField`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// Why it happens.
            pub fn cause(self) -> &'static str {
                match self {
                    $(Self::$name => $cause,)+
                }
            }

            /// What to do about it.
            pub fn cure(self) -> &'static str {
                match self {
                    $(Self::$name => $cure,)+
                }
            }
        }
    };
}

codes! {
    /// A file is too large.
    FileTooLarge {
        cause: "A manifest file may hold 1 MB (1,048,576 bytes). Larger ones are nearly always something else.",
        cure: "Split the file, or keep it out of the bundle. A bundle as a whole has no such limit."
    }
    /// A file is no text.
    NotText {
        cause: "The file has NUL bytes or is not valid UTF-8, so that it is no manifest.",
        cure: "Save it as UTF-8 (a byte order mark is fine), or keep it out of the bundle."
    }
    /// A file has too many documents.
    TooManyDocuments {
        cause: "One file may hold 200 YAML documents.",
        cure: "Split the file. A bundle may have any number of files."
    }
    /// A file has too many nodes.
    TooManyNodes {
        cause: "One file may hold 20,000 nodes: scalars, lists and objects.",
        cure: "Split the file. A bundle may have any number of files."
    }
    /// Nesting is too deep.
    TooDeep {
        cause: "Objects and lists may be nested 32 deep; the deepest member of ECS's API needs less than half of that.",
        cure: "Look for a bracket that is never closed, or for generated text."
    }
    /// The YAML cannot be read.
    InvalidYaml {
        cause: "The text is not YAML. Often the real fault is a line above: an open quote or a tab.",
        cure: "Mend the line that is shown. What follows it in the file is not judged until then."
    }
    /// The JSON cannot be read.
    InvalidJson {
        cause: "A .json file is read as strict JSON (RFC 8259): no comments, no trailing commas, double quotes.",
        cure: "Mend the place that is shown, or give the file a name that ends in .yaml."
    }
    /// YAML anchors and aliases are not allowed.
    AnchorNotAllowed {
        cause: "Anchors (&name) and aliases (*name) make a small file expand without bound and hide where a value comes from.",
        cure: "Write the value out, or put what is shared into the Environment's spec.defaults."
    }
    /// YAML tags are not allowed.
    TagNotAllowed {
        cause: "A tag (!Sub, !!str) means something to another tool. Dropping it silently would change the value.",
        cure: "Remove the tag; references are written ${param:/path} or ${env.name}."
    }
    /// YAML merge keys are not allowed.
    MergeKeyNotAllowed {
        cause: "The merge key << is no part of YAML 1.2 and needs aliases.",
        cure: "Write the members out, or put what is shared into the Environment's spec.defaults."
    }
    /// A key stands twice in one object.
    DuplicateKey {
        cause: "An object holds the same key twice. One of the two values would be lost silently.",
        cure: "Remove one of them."
    }
    /// A key is no plain string.
    InvalidKey {
        cause: "A key of an object has to be a string.",
        cure: "Write a name before the colon."
    }
    /// The document's apiVersion is not known.
    UnknownApiVersion {
        cause: "Manifests say apiVersion: coxswain.dev/v1.",
        cure: "Correct the apiVersion, or keep other tools' files out of the bundle."
    }
    /// The document's kind is not known.
    UnknownKind {
        cause: "The kind is none that Coxswain knows.",
        cure: "Use Environment or Service."
    }
    /// A kind or field of the design that this version does not do.
    NotBuiltYet {
        cause: "The kind or field is documented for a later version. It is refused rather than accepted and ignored.",
        cure: "Remove it for now."
    }
    /// The bundle has no Environment.
    MissingEnvironment {
        cause: "A bundle needs exactly one document of kind Environment: it says where the bundle goes.",
        cure: "Add one, with metadata.name and spec.cluster."
    }
    /// The bundle has several Environments.
    SeveralEnvironments {
        cause: "A bundle needs exactly one document of kind Environment, and this one has more.",
        cure: "Keep one; another environment is another bundle, in a directory of its own."
    }
    /// Two objects have one name.
    DuplicateName {
        cause: "Two objects of a bundle have the same kind and name, or two services the same ECS service name.",
        cure: "Rename one of them."
    }
    /// A name has characters or a length that are not allowed.
    InvalidName {
        cause: "Object, family, service and container names have 1 to 255 characters of A-Z, a-z, 0-9, _ and -.",
        cure: "Rename it."
    }
    /// A field is not known there.
    UnknownField {
        cause: "The object has no field of that name: a misspelling, a wrong level, or a field of another tool.",
        cure: "Use the spelling or the place that the message suggests."
    }
    /// A field that lives elsewhere in a manifest.
    BelongsElsewhere {
        cause: "The field is ECS's, but in a manifest its value is said elsewhere.",
        cure: "Move it to the place that the message names."
    }
    /// A required field is missing.
    MissingField {
        cause: "The object needs that field.",
        cure: "Add it, here or in the Environment's spec.defaults."
    }
    /// A value of another type than the field's.
    WrongType {
        cause: "The field holds another type: a list where a string is expected, a word where a number is.",
        cure: "Write the type that the message names."
    }
    /// A value that is none of the allowed ones.
    ValueNotAllowed {
        cause: "The field takes one of a few values.",
        cure: "Use one of those that the message lists."
    }
    /// A number outside its range.
    OutOfRange {
        cause: "The number is smaller or larger than ECS takes.",
        cure: "Choose one within the range that the message names."
    }
    /// A string or list that is too short or too long.
    WrongLength {
        cause: "The string has too few or too many characters, or the list too few or too many items.",
        cure: "Keep within the limits that the message names."
    }
    /// A reference of a form that is not known.
    UnknownReference {
        cause: "The text holds ${...} of a form that Coxswain does not know.",
        cure: "Use ${param:/path}, ${image:name:tag}, ${env.name}, ${env.region}, ${env.account}, ${env.cluster}, ${env.tags.X}; write $${ for a literal ${."
    }
    /// A reference where none may stand.
    ReferenceNotAllowed {
        cause: "Names and the Environment's own settings have to be known before references are resolved.",
        cure: "Write the value itself."
    }
    /// A reference without a value.
    UnresolvedReference {
        cause: "The referenced parameter, image or setting has no value that can be used.",
        cure: "Create the parameter as String or StringList, push the image under its tag, or correct the name."
    }
    /// CPU and memory that Fargate does not offer together.
    InvalidCpuMemory {
        cause: "Fargate offers fixed pairs of task cpu and memory.",
        cure: "Choose one of the pairs that the message lists."
    }
    /// A setting that Fargate does not have.
    NotOnFargate {
        cause: "The setting needs a host of one's own; Fargate refuses the task definition.",
        cure: "Remove it, or run the service on EC2 capacity."
    }
    /// Two containers of a task have one name.
    DuplicateContainer {
        cause: "Container names are unique within a task definition.",
        cure: "Rename one of them."
    }
    /// An environment variable stands twice.
    DuplicateVariable {
        cause: "A container's environment names a variable twice; which one wins is not defined.",
        cure: "Remove one of them."
    }
    /// A secret's name stands twice, or is an environment variable's too.
    DuplicateSecret {
        cause: "Names of secrets are unique within a container, and shared with no environment variable.",
        cure: "Rename or remove one of them."
    }
    /// A port is used twice or mapped in a way that the network mode does not allow.
    PortConflict {
        cause: "In the network modes awsvpc and host the containers of a task share one network: a port belongs to one of them, and hostPort equals containerPort.",
        cure: "Use another port, or leave hostPort out."
    }
    /// A volume, container or port is named that does not exist.
    UnknownName {
        cause: "A container, volume or port is referred to by a name that the task definition does not have.",
        cure: "Correct the name, or add what it names."
    }
    /// Containers that wait for one another in a way that cannot end.
    InvalidDependency {
        cause: "dependsOn has a cycle or a condition that can never come true: HEALTHY needs a healthCheck there, COMPLETE and SUCCESS a container that is not essential.",
        cure: "Change the condition, or the container that it names."
    }
    /// No container is essential.
    NoEssentialContainer {
        cause: "A task needs at least one essential container: it lives as long as they do.",
        cure: "Set essential: true on one (it is the default)."
    }
    /// The network mode and the service's network settings do not fit.
    NetworkConfiguration {
        cause: "A service whose tasks use awsvpc needs networkConfiguration; with any other mode it must have none.",
        cure: "Add service.networkConfiguration.awsvpcConfiguration, or change the networkMode."
    }
    /// Settings that exclude each other.
    Conflict {
        cause: "Two settings exclude each other.",
        cure: "Keep one of them."
    }
    /// Tags that ECS refuses.
    InvalidTags {
        cause: "ECS refuses an empty list of tags, repeated keys, and keys that begin with aws:.",
        cure: "Leave tags out, or correct the key."
    }
}

impl Code {
    /// Cause and cure, for `cox explain`.
    pub fn explain(self) -> String {
        format!("{self}\n\nCause: {}\nCure:  {}\n", self.cause(), self.cure())
    }

    /// The code of that exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format!("there is no error code {name}")))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
