//! moto, an S3 that we did not write, as a program of the test.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::{
    ecs::http,
    process::{Program, journal},
};

/// A running server with one bucket.
#[derive(Debug)]
pub struct Moto {
    _program: Program,
    endpoint: String,
    bucket: String,
}

impl Moto {
    /// Starts it on a free port, and makes the bucket.
    pub async fn start() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = root.join("target/xtask/venv/bin/python");
        ensure!(python.exists(), "there is no {}: run `cargo xtask ci` once", python.display());
        let serve = root.join("crates/store/tests/moto/serve.py");
        let mut command = Command::new(python);
        let program = Program::spawn("moto", command.arg(serve).arg("--journal").arg(journal("moto")?))?;
        let port = program.line("").await?;
        let endpoint = format!("http://127.0.0.1:{}", port.trim());
        let bucket = "example-manifests".to_owned();
        let moto = Self { _program: program, endpoint, bucket };
        let made = http()
            .request(
                http::Request::put(format!("{}/{}", moto.endpoint, moto.bucket))
                    .body(Full::<Bytes>::default())?,
            )
            .await
            .context("moto does not answer")?;
        ensure!(made.status().is_success(), "the bucket could not be made: {}", made.status());
        Ok(moto)
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A place of bundles in its bucket.
    pub fn place(&self) -> String {
        format!("s3://{}/dev/", self.bucket)
    }
}
