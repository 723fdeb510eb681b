//! The judges that we did not write, in virtual environments of their own: boto3, the AWS CLI, ecs-deploy,
//! moto, MiniStack.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use crate::ci::run_in;

/// Sets the environment up where its requirements changed, and runs the judges.
pub(crate) fn run() -> Result<()> {
    pytest(&["tests/python"], &[])?;
    // Once more with everything that AWS leaves unsettled turned, for who rolls services out.
    let rollouts = ["test_ecs_deploy", "test_rollouts", "test_sequences", "test_services"]
        .map(|name| format!("tests/python/{name}.py"));
    pytest(&rollouts.each_ref().map(String::as_str), &[("COXSWAIN_SWITCHES_TURNED", "1")])
}

fn pytest(tests: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let root = crate::workspace_root();
    let python = environment()?;
    let programs = crate::programs();
    let status = Command::new(python)
        // Four at once, since they mostly wait for tasks to start and to end.
        .args(["-m", "pytest", "-q", "-n", "4"])
        .args(tests)
        .envs(variables.iter().copied())
        .env("COXSWAIN_LOCAL", programs.join("coxswain-local"))
        .env("COXSWAIN_API", programs.join("coxswain-api"))
        .env("COXSWAIN_PROGRAMS", &programs)
        .env("COXSWAIN_MINISTACK", ministack()?)
        .env("COXSWAIN_REQUESTS", requests())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(&root)
        .status()
        .context("pytest could not be started")?;
    ensure!(status.success(), "pytest ended with {status}");
    Ok(())
}

/// Where the Rust tests write down what they send to AWS's APIs: cargo's folder for tests' files.
fn requests() -> PathBuf {
    crate::programs().join("../tmp/requests")
}

/// Forgets what earlier runs sent, so that what is judged is what this one sends.
pub(crate) fn forget_requests() -> Result<()> {
    let folder = requests();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(())
}

/// Sets everything up.
pub(crate) fn environments() -> Result<()> {
    environment()?;
    ministack().map(drop)
}

/// The Python that has the judges and their tools.
pub(crate) fn environment() -> Result<PathBuf> {
    set_up("venv", "tests/python/requirements.txt")
}

/// The Python that has MiniStack, which insists on a botocore of its own.
fn ministack() -> Result<PathBuf> {
    set_up("ministack", "tests/python/ministack.txt")
}

/// Makes a virtual environment, unless it stands already, and gives its Python.
///
/// The requirements are pinned; a copy beside the environment says for which it was made.
fn set_up(name: &str, requirements: &str) -> Result<PathBuf> {
    let root = crate::workspace_root();
    let wanted = fs::read_to_string(root.join(requirements))?;
    let folder = root.join("target/xtask").join(name);
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    fs::create_dir_all(root.join("target/xtask"))?;
    run_in(&root, "python3", &["-m", "venv", "--clear", &folder.to_string_lossy()])?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements];
    run_in(&root, &python.to_string_lossy(), &install)?;
    fs::write(stamp, wanted)?;
    Ok(python)
}
