//! `cargo dev`: builds what `cox dev` runs, and runs it.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Result, bail};

use crate::ci::cargo;

/// Builds `cox` and the example's api, and becomes `cox dev`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    eprintln!("building cox and the api (the first time this compiles the AWS SDK: a few minutes)");
    cargo(&["build", "--locked", "--package", "coxswain-cli", "--package", "coxswain-api"])?;
    let cox = crate::programs().join("cox");
    let error = Command::new(&cox).arg("dev").args(arguments).exec();
    bail!("{} could not be started: {error}", cox.display());
}
