//! One of several controllers on one store.

use std::time::Duration;

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    ecs::{http, send},
    picture::Picture,
    process::{Program, wait_for},
};

/// Within which one replica follows another that was killed, on a machine that is busy with other tests.
const TAKEOVER: Duration = Duration::from_secs(40);

/// A controller that takes turns with others.
#[derive(Debug)]
pub struct Replica {
    program: Program,
    url: String,
}

impl Replica {
    /// Joins the other replicas on the picture's store.
    pub async fn join(picture: &Picture, name: &str) -> Result<Self> {
        let (program, url) =
            picture.controller(&["--lease", "on", "--replica", name, "--log-format", "json"]).await?;
        Ok(Self { program, url })
    }

    /// The document at a path, and its HTTP status.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let request = http::Request::get(format!("{}{path}", self.url))
            .header("accept", "application/json")
            .body(Full::<Bytes>::default())?;
        let (status, body) = send(&http(), request).await?;
        Ok((status.as_u16(), body))
    }

    /// Asks for a retry, or the like, of a service.
    pub async fn ask(&self, id: &str, kind: &str, object: &str) -> Result<u16> {
        let body = json!({"id": id, "kind": kind, "object": object}).to_string();
        let request = http::Request::post(format!("{}/v1/intents", self.url))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let (status, body) = send(&http(), request).await?;
        ensure!(status.is_success(), "{status}: {body}");
        Ok(status.as_u16())
    }

    /// Waits until it leads; the term.
    pub async fn leads(&self) -> Result<u64> {
        wait_for("a replica to lead", TAKEOVER, async || {
            let (_, body) = self.get("/v1/controller").await?;
            Ok((body["role"] == "leader").then(|| body["epoch"].as_u64().unwrap_or_default()))
        })
        .await
    }

    /// Waits until it says of a service that a condition is so.
    pub async fn condition(&self, name: &str, kind: &str, status: &str) -> Result<Value> {
        wait_for(&format!("{kind}={status} of {name}"), crate::picture::ROLLOUT, async || {
            let (_, body) = self.get(&format!("/v1/services/{name}")).await?;
            let conditions = body["conditions"].as_array().cloned().unwrap_or_default();
            let holds = conditions.iter().any(|found| found["type"] == kind && found["status"] == status);
            Ok(holds.then_some(body))
        })
        .await
    }

    /// Waits until it says that a service runs that image and nothing moves.
    pub async fn settled(&self, name: &str, image: &str) -> Result<Value> {
        wait_for(&format!("{name} to run {image}"), crate::picture::ROLLOUT, async || {
            let (_, body) = self.get(&format!("/v1/services/{name}")).await?;
            let runs = body["images"].to_string().contains(image);
            let is_still = body["sync"] == "Synced" && body["health"] == "Healthy";
            Ok((runs && is_still).then_some(body))
        })
        .await
    }

    /// Stops the process where it stands, as a whole, but not where it holds the directory's lock: there it
    /// would hold everybody up, which is the price of that kind of store.
    pub async fn stop(&self) -> Result<()> {
        let holds = format!(" {} ", self.program.id());
        wait_for("a moment without the store's lock", Duration::from_secs(10), async || {
            self.program.signal(Signal::STOP)?;
            let locks = std::fs::read_to_string("/proc/locks")?;
            if locks.lines().any(|line| line.contains("FLOCK") && line.contains(&holds)) {
                self.program.signal(Signal::CONT)?;
                return Ok(None);
            }
            Ok(Some(()))
        })
        .await
    }

    /// Lets it go on.
    pub fn go_on(&self) -> Result<()> {
        self.program.signal(Signal::CONT)
    }

    /// Waits until it follows that one, by name.
    pub async fn follows(&self, name: &str) -> Result<()> {
        wait_for("a replica to follow", TAKEOVER, async || {
            let (_, body) = self.get("/v1/controller").await?;
            let is_led = body["leader"].as_str().is_some_and(|leader| leader.starts_with(name));
            Ok((body["role"] == "follower" && is_led).then_some(()))
        })
        .await
    }

    /// kill -9.
    pub fn kill(mut self) -> Result<()> {
        self.program.kill()
    }

    /// SIGTERM, and the exit code.
    pub async fn terminate(mut self) -> Result<Option<i32>> {
        self.program.terminate().await
    }

    /// Everything that it printed so far.
    pub fn output(&self) -> Vec<String> {
        self.program.output()
    }
}
