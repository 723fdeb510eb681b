//! MiniStack: an S3 that we did not write, and whose log tells what it was asked.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::{
    ecs::{http, send},
    process::Program,
};

/// A running MiniStack, with S3 alone.
#[derive(Debug)]
pub struct MiniStack {
    program: Program,
    endpoint: String,
}

impl MiniStack {
    /// Starts it on a free port.
    pub async fn start() -> Result<Self> {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/xtask/ministack/bin/python");
        ensure!(python.exists(), "MiniStack is not set up: run `cargo xtask ci` once");
        let mut command = Command::new(python);
        command
            .args(["-m", "hypercorn", "ministack.app:app", "--bind", "127.0.0.1:0"])
            .args(["--access-logfile", "-", "--access-logformat", "asked %(m)s %(U)s %(s)s"])
            .env("SERVICES", "s3")
            .env("MINISTACK_REGION", "eu-west-1")
            .env("LOG_LEVEL", "WARNING");
        let program = Program::spawn("ministack", &mut command)?;
        let line = program.line("Running on http://").await?;
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).context("a URL")?;
        let endpoint = address.trim_end_matches('/').to_owned();
        Ok(Self { program, endpoint })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes an empty bucket. Unsigned, which it allows.
    pub async fn bucket(&self, name: &str) -> Result<()> {
        let request =
            http::Request::put(format!("{}/{name}", self.endpoint)).body(Full::<Bytes>::default())?;
        let (status, body) = send(&http(), request).await?;
        ensure!(status.is_success(), "no bucket {name}: {status}: {body}");
        Ok(())
    }

    /// Method, path and status of each request that it has answered, oldest first.
    pub fn asked(&self) -> Vec<String> {
        let lines = self.program.output();
        lines.iter().filter_map(|line| line.split_once("asked ")).map(|(_, asked)| asked.to_owned()).collect()
    }
}
