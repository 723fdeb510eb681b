//! The whole picture in one folder: a local ECS, a controller, the example's manifests, and `cox`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::{
    ecs::{Ecs, http, send},
    moto::Moto,
    process::{Program, binary, journal, wait_for},
};

/// Long enough for a rollout of two tasks with health checks on a busy machine.
pub const ROLLOUT: Duration = Duration::from_secs(90);

/// A local ECS, a controller on the example's manifests, and what a test asks of them.
#[derive(Debug)]
pub struct Picture {
    folder: tempfile::TempDir,
    local: Program,
    controller: Option<Program>,
    /// The local ECS's clients' end.
    pub ecs: Ecs,
    status: String,
}

impl Picture {
    /// Starts a local ECS with the cluster, the parameters and the images that the example needs, and the
    /// controller on a copy of the example's manifests.
    pub async fn start() -> Result<Self> {
        let mut picture = Self::without_controller().await?;
        picture.start_controller().await?;
        Ok(picture)
    }

    /// The same without a controller.
    pub async fn without_controller() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let manifests = folder.path().join("manifests");
        fs::create_dir_all(&manifests)?;
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/example");
        for entry in fs::read_dir(&example)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "yaml") {
                fs::copy(entry.path(), manifests.join(entry.file_name()))?;
            }
        }
        let images = folder.path().join("images.json");
        fs::write(&images, image_map(&folder.path().join("events"))?.to_string())?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let local = Program::start(
            "coxswain-local",
            &[
                "--listen".to_owned(),
                "127.0.0.1:0".to_owned(),
                "--images".to_owned(),
                images.display().to_string(),
                "--state".to_owned(),
                path("local"),
                "--region".to_owned(),
                "eu-west-1".to_owned(),
                "--journal".to_owned(),
                journal("picture")?.display().to_string(),
            ],
        )?;
        let endpoint = url(&local).await?;
        let ecs = Ecs::new(&endpoint);
        seed(&ecs).await?;
        Ok(Self { folder, local, controller: None, ecs, status: String::new() })
    }

    /// Starts the controller, or starts it again on the same store.
    pub async fn start_controller(&mut self) -> Result<()> {
        let (controller, status) = self.controller(&[]).await?;
        self.status = status;
        self.controller = Some(controller);
        Ok(())
    }

    /// A controller on this picture's manifests and store, and its URL.
    pub(crate) async fn controller(&self, more: &[&str]) -> Result<(Program, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let arguments = [
            ("--manifests", path("manifests")),
            ("--store", path("store")),
            ("--region", "eu-west-1".to_owned()),
            ("--endpoint-url", self.ecs.endpoint().to_owned()),
            ("--listen", "127.0.0.1:0".to_owned()),
            ("--sweep-interval", "2s".to_owned()),
            ("--rollout-interval", "1s".to_owned()),
        ];
        let mut arguments: Vec<_> =
            arguments.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        arguments.push("--example-credentials".to_owned());
        arguments.extend(more.iter().map(ToString::to_string));
        let controller = Program::start("coxswain-controller", &arguments)?;
        let status = url(&controller).await?;
        Ok((controller, status))
    }

    /// A file of the controllers' store.
    pub fn stored(&self, name: &str) -> PathBuf {
        self.folder.path().join("store").join(name)
    }

    /// Starts a controller that takes bundles from a bucket of moto, and everything else from the local ECS.
    pub async fn start_controller_on(&mut self, moto: &Moto, place: &str) -> Result<()> {
        let store = self.folder.path().join("store").display().to_string();
        let arguments = [
            ("--source", place),
            ("--environment", "dev"),
            ("--poll-interval", "1s"),
            ("--store", &store),
            ("--region", "eu-west-1"),
            ("--listen", "127.0.0.1:0"),
            ("--sweep-interval", "2s"),
            ("--rollout-interval", "1s"),
        ];
        let arguments: Vec<_> =
            arguments.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.to_owned()]).collect();
        let variables = [
            ("AWS_ENDPOINT_URL", self.ecs.endpoint()),
            ("AWS_ENDPOINT_URL_S3", moto.endpoint()),
            ("AWS_ACCESS_KEY_ID", "example"),
            ("AWS_SECRET_ACCESS_KEY", "example"),
        ];
        let controller = Program::start_with("coxswain-controller", &arguments, &variables)?;
        self.status = url(&controller).await?;
        self.controller = Some(controller);
        Ok(())
    }

    /// kill -9 of the controller.
    pub fn kill_controller(&mut self) -> Result<()> {
        self.controller.take().context("no controller runs")?.kill()
    }

    /// SIGTERM to the controller; its exit code.
    pub async fn terminate_controller(&mut self) -> Result<Option<i32>> {
        self.controller.take().context("no controller runs")?.terminate().await
    }

    /// kill -9 of the local ECS.
    pub fn kill_local(&mut self) -> Result<()> {
        self.local.kill()
    }

    /// A file of the manifests' copy.
    pub fn manifest(&self, name: &str) -> PathBuf {
        self.folder.path().join("manifests").join(name)
    }

    /// Edits a manifest as an editor does: a new file, renamed over the old one.
    pub fn edit(&self, name: &str, from: &str, to: &str) -> Result<()> {
        let path = self.manifest(name);
        let text = fs::read_to_string(&path)?;
        ensure!(text.contains(from), "{name} does not hold {from:?}:\n{text}");
        let new = self.folder.path().join("edit.tmp");
        fs::write(&new, text.replace(from, to))?;
        fs::rename(new, path)?;
        Ok(())
    }

    /// Runs `cox` against the controller, from the picture's folder.
    pub async fn cox(&self, arguments: &[&str]) -> Result<Output> {
        let output = tokio::process::Command::new(binary("cox")?)
            .args(arguments)
            .env("COXSWAIN_CONTROLLER", &self.status)
            .env("AWS_ENDPOINT_URL", self.ecs.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "example")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .current_dir(self.folder.path())
            .kill_on_drop(true)
            .output();
        tokio::time::timeout(ROLLOUT * 2, output)
            .await
            .context("cox did not end")?
            .context("cox could not be started")
    }

    /// Runs `cox` and holds its exit code; gives both streams.
    pub async fn cox_exits(&self, arguments: &[&str], code: i32) -> Result<(String, String)> {
        let output = self.cox(arguments).await?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(
            output.status.code() == Some(code),
            "cox {} ended with {:?}, not {code}\nstdout:\n{out}\nstderr:\n{err}",
            arguments.join(" "),
            output.status.code()
        );
        Ok((out.into_owned(), err.into_owned()))
    }

    /// The controller's status of a service, as JSON.
    pub async fn status(&self, name: &str) -> Result<Value> {
        let request = http::Request::get(format!("{}/v1/services/{name}", self.status))
            .body(Full::<Bytes>::default())?;
        let (status, body) = send(&http(), request).await?;
        ensure!(status.is_success(), "{status}: {body}");
        Ok(body)
    }

    /// Waits until the controller says of a service that a condition is so.
    pub async fn condition(&self, name: &str, kind: &str, status: &str) -> Result<Value> {
        wait_for(&format!("{kind}={status} of {name}"), ROLLOUT, async || {
            let body = self.status(name).await?;
            let conditions = body["conditions"].as_array().cloned().unwrap_or_default();
            let holds = conditions.iter().any(|found| found["type"] == kind && found["status"] == status);
            Ok(holds.then_some(body))
        })
        .await
    }

    /// Waits until a service is Synced and Ready and no rollout goes on.
    pub async fn settled(&self, name: &str) -> Result<Value> {
        wait_for(&format!("{name} to be Synced and Ready"), ROLLOUT, async || {
            let body = self.status(name).await?;
            let conditions = body["conditions"].as_array().cloned().unwrap_or_default();
            let holds = |kind: &str, status: &str| {
                conditions.iter().any(|found| found["type"] == kind && found["status"] == status)
            };
            Ok((holds("Synced", "True") && holds("Ready", "True") && holds("Progressing", "False"))
                .then_some(body))
        })
        .await
    }

    /// Waits until nothing that was sent for a service goes on, by its record, which is written before anything is
    /// sent; and then until it is [`settled`](Self::settled), which alone could be said of before.
    pub async fn at_rest(&self, name: &str) -> Result<Value> {
        wait_for(&format!("nothing of {name} to be in flight"), ROLLOUT, async || {
            let request = http::Request::get(format!("{}/v1/services/{name}/record", self.status))
                .body(Full::<Bytes>::default())?;
            let (status, body) = send(&http(), request).await?;
            ensure!(status.is_success(), "{status}: {body}");
            Ok(body["record"]["in_flight"].is_null().then_some(()))
        })
        .await?;
        self.settled(name).await
    }

    /// The workspace's AWS CLI, which `cargo xtask ci` installs, against the local ECS.
    pub async fn aws(&self, arguments: &[&str]) -> Result<Value> {
        let aws = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/xtask/venv/bin/aws");
        ensure!(aws.exists(), "the AWS CLI is not set up: run `cargo xtask ci` once");
        let output = tokio::process::Command::new(aws)
            .args(["--endpoint-url", self.ecs.endpoint(), "--region", "eu-west-1", "--output", "json"])
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", "example")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("AWS_MAX_ATTEMPTS", "1")
            .output()
            .await?;
        ensure!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }
}

/// Where a program says that it listens.
async fn url(program: &Program) -> Result<String> {
    let line = program.line("http://").await?;
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).context("a URL")?;
    Ok(url.trim_end_matches('/').to_owned())
}

/// Images of the example: a tag is the api's version, and one is given a setting that the api refuses.
fn image_map(events: &Path) -> Result<Value> {
    let api = binary("coxswain-api")?;
    let folder = api.parent().context("a program stands in a folder")?;
    let image = |tag: &str, more: Value| {
        let mut environment = json!({
            "API_LISTEN": "{address}:8000",
            "API_VERSION": "{tag}",
            "API_STORE": events.display().to_string(),
            "API_GRACE": "2",
        });
        if let (Some(all), Some(more)) = (environment.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        json!({
            "image": format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:{tag}"),
            "entryPoint": [api.display().to_string()],
            "bin": [folder.display().to_string()],
            "environment": environment,
        })
    };
    Ok(json!({ "images": [image("*-broken", json!({ "API_GRACE": "soon" })), image("*", json!({}))] }))
}

async fn seed(ecs: &Ecs) -> Result<()> {
    ecs.call("CreateCluster", json!({"clusterName": "dev"})).await?;
    for (name, kind, value) in [
        (
            "/coxswain/dev/infra/private-subnets",
            "StringList",
            "subnet-0a1b2c3d4e5f60001,subnet-0a1b2c3d4e5f60002",
        ),
        ("/coxswain/dev/infra/api-security-group", "String", "sg-0a1b2c3d4e5f60001"),
        (
            "/coxswain/dev/infra/execution-role",
            "String",
            "arn:aws:iam::123456789012:role/coxswain-dev-execution",
        ),
    ] {
        ecs.target("AmazonSSM.PutParameter", json!({"Name": name, "Type": kind, "Value": value})).await?;
    }
    Ok(())
}
