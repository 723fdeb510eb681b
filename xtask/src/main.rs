//! The project's own tool: CI, code generation, test set-up and benchmarks.

mod check_deps;
mod check_size;
mod ci;
mod codegen;
mod dev;
mod python;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tool")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything that CI runs; sets up what it needs.
    Ci {
        /// Also what is built from source or takes long to install.
        #[arg(long)]
        full: bool,
    },
    /// Measure, in ratios against peers, with release builds.
    Bench,
    /// Build `cox` and the api, and run `cox dev`.
    Dev {
        /// Passed on to `cox dev`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Hold the crate graph against the design's table.
    CheckDeps,
    /// Fail where a hand-written file is longer than one sitting can read.
    CheckSize,
    /// Write the shape table from botocore's models.
    Codegen {
        /// Fail where a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Run the judges by boto3 and the AWS CLI alone.
    Python,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Ci { full } => ci::run(full),
        Task::Bench => bench(),
        Task::Dev { arguments } => dev::run(&arguments),
        Task::CheckDeps => check_deps::run(),
        Task::CheckSize => check_size::run(),
        Task::Codegen { check } => codegen::run(check),
        Task::Python => python::run(),
    }
}

fn bench() -> anyhow::Result<()> {
    python::environments()?;
    ci::cargo(&["build", "--release", "--locked", "--workspace"])?;
    ci::cargo(&["bench", "--locked", "--package", "coxswain-local-aws", "--bench", "virtual_time"])?;
    ci::cargo(&["bench", "--locked", "--package", "coxswain-tests"])
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The folder of the workspace's programs, in the profile that this tool was built with.
fn programs() -> PathBuf {
    let own = std::env::current_exe().ok();
    own.as_deref()
        .and_then(Path::parent)
        .map_or_else(|| workspace_root().join("target/debug"), Path::to_path_buf)
}
