//! `cox schema`: the JSON Schema of manifests, for editors.

use coxswain_manifest::schema;

use crate::{
    arguments::SchemaArguments,
    exit::{Exit, Failure},
    output::Terminal,
};

pub(crate) fn run(arguments: &SchemaArguments, terminal: &mut Terminal) -> Result<Exit, Failure> {
    terminal.answer(&format!("{:#}\n", schema(arguments.kind)))?;
    Ok(Exit::Done)
}
