//! The judges that we did not write: boto3 and the AWS CLI, in a virtual environment of their own.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use crate::ci::run_in;

/// Sets the environment up where its requirements changed, and runs the judges.
pub(crate) fn run() -> Result<()> {
    let root = crate::workspace_root();
    let python = environment()?;
    let programs = crate::programs();
    let status = Command::new(python)
        .args(["-m", "pytest", "-q", "tests/python"])
        .env("COXSWAIN_LOCAL", programs.join("coxswain-local"))
        .env("COXSWAIN_API", programs.join("coxswain-api"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(&root)
        .status()
        .context("pytest could not be started")?;
    ensure!(status.success(), "pytest ended with {status}");
    Ok(())
}

/// The virtual environment's Python.
///
/// The requirements are pinned; a copy beside the environment says for which it was made.
pub(crate) fn environment() -> Result<PathBuf> {
    let root = crate::workspace_root();
    let wanted = fs::read_to_string(root.join("tests/python/requirements.txt"))?;
    let folder = root.join("target/xtask/venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    fs::create_dir_all(root.join("target/xtask"))?;
    run_in(&root, "python3", &["-m", "venv", "--clear", "target/xtask/venv"])?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "tests/python/requirements.txt",
    ];
    run_in(&root, &python.to_string_lossy(), &install)?;
    fs::write(stamp, wanted)?;
    Ok(python)
}
