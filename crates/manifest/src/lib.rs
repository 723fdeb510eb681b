//! Coxswain's manifests: kinds, spanned parsing, validation, references.
//!
//! Start with [`load`]: files in, every object and every error of every file out. [`Loaded::resolve`]
//! then puts values in the place of references and gives each object in the wire's own JSON, which is
//! what the planner works on.

mod bundle;
mod code;
mod diagnostic;
mod key;
mod resolved;
mod source;

pub use bundle::BundleDigest;
pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};
pub use key::{InvalidKey, Key, Kind};
pub use resolved::{
    Count, DriftPolicy, EnvironmentSettings, Origin, OriginSource, ParameterValue, Resolved, ResolvedService,
};
pub use source::{Location, SourceFile, Sources};
