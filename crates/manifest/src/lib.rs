//! Coxswain's manifests: kinds, spanned parsing, validation, references.
//!
//! Start with [`load`]: files in, every object and every error of every file out. [`Loaded::resolve`]
//! then puts values in the place of references and gives each object in the wire's own JSON, which is
//! what the planner works on. [`render`] shows a [`Diagnostic`] to people, [`schema`] tells editors what
//! can be written. [`Bundle`] carries files from
//! where they were published to where they are loaded.
//!
//! On the way a file becomes a spanned tree (`yaml`, `json`), its documents are told apart
//! (`document`), the Environment's defaults are merged under each Service (`merge`), references found
//! (`reference`), and the result is judged by one walk over the shapes (`faults`) and by the rules that
//! look at more than one field (`rules`).

mod bundle;
mod change;
mod code;
mod cursor;
mod diagnostic;
mod document;
mod duplicate;
mod faults;
mod field;
mod image;
mod json;
mod judge;
mod key;
mod limit;
mod load;
mod merge;
mod reference;
mod render;
mod resolve;
mod resolved;
mod rules;
mod schema;
mod settings;
mod source;
mod suggest;
mod tree;
mod v1;
mod yaml;

pub use bundle::{
    BuildError, Bundle, BundleDigest, BundleError, BundleFault, ContentDigest, InvalidDigest,
    MAX_BUNDLE_BYTES, Pointer, Provenance, Signature, StandingBundle,
};
pub use change::{ChangeKind, ObjectChange, changes};
pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};
pub use field::{Field, UnknownField};
pub use image::{ImageName, InvalidImageName};
pub use key::{InvalidKey, Key, Kind};
pub use load::{Loaded, load};
pub use render::render;
pub use resolved::{
    Count, DriftPolicy, EnvironmentSettings, Origin, OriginSource, ParameterValue, Resolved, ResolvedObject,
    ResolvedService,
};
pub use schema::schema;
pub use settings::{Setting, SettingsFault, read_settings};
pub use source::{Location, SourceFile, Sources};
pub use suggest::nearest;
