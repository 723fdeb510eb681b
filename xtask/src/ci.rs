//! `cargo xtask ci`: the one definition of CI. `.ci/run` and GitHub Actions run this and nothing else.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{check_deps, check_size, codegen, python};

/// Runs every check, in the order in which a mistake is cheapest to find, and stops at the first that fails.
///
/// `full` adds what is built from source or takes long to install.
pub(crate) fn run(full: bool) -> Result<()> {
    let mut report = Report::default();
    report.step("formatting", || cargo(&["fmt", "--all", "--check"]))?;
    report.step("crate graph", check_deps::run)?;
    report.step("file sizes", check_size::run)?;
    report.step("shape table is current", || codegen::run(true))?;
    report.step("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"])
    })?;
    report.step("programs", || cargo(&["build", "--workspace", "--locked", "--quiet"]))?;
    report.step("boto3, moto, MiniStack", python::environments)?;
    python::forget_requests()?;
    report.step("tests", || cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]))?;
    report.step("judges", python::run)?;
    report.step("bans, licences, sources", || deny(full))?;
    report.print();
    Ok(())
}

#[derive(Default)]
struct Report {
    lines: Vec<(String, Duration)>,
}

impl Report {
    fn step(&mut self, name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("\n== {name}");
        #[expect(
            clippy::disallowed_methods,
            reason = "a report of how long CI's steps took is not a decision"
        )]
        let started = Instant::now();
        run().with_context(|| format!("CI failed at: {name}"))?;
        self.lines.push((name.to_owned(), started.elapsed()));
        Ok(())
    }

    fn print(&self) {
        eprintln!("\n== all passed");
        for (name, took) in &self.lines {
            eprintln!("{:>7.1} s  {name}", took.as_secs_f64());
        }
        let total: Duration = self.lines.iter().map(|(_, took)| *took).sum();
        eprintln!("{:>7.1} s  in all", total.as_secs_f64());
    }
}

/// Runs cargo in the workspace's root and fails where it fails.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    run_in(&crate::workspace_root(), "cargo", arguments)
}

/// Runs a program in a folder and fails where it fails.
pub(crate) fn run_in(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .status()
        .with_context(|| format!("{program} could not be started"))?;
    ensure!(status.success(), "{program} {} ended with {status}", arguments.join(" "));
    Ok(())
}

/// cargo-deny takes minutes to build, so it is installed by `--full` and used wherever it stands.
fn deny(full: bool) -> Result<()> {
    let installed = Command::new("cargo")
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed && full {
        cargo(&["install", "cargo-deny", "--version", "0.20.2", "--locked"])?;
    } else if !installed {
        eprintln!("cargo-deny is not installed: left to `cargo xtask ci --full`");
        return Ok(());
    }
    cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"])
}
