//! moto, an S3 that we did not write, as a process of this test on a free port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use coxswain_store::s3::Client;

/// A running server. It ends when its standard input does, which is at the latest when the test ends.
struct Moto {
    port: u16,
    _alive: ChildStdin,
}

static MOTO: LazyLock<Moto> = LazyLock::new(start);
static BUCKETS: AtomicU32 = AtomicU32::new(0);

#[expect(clippy::zombie_processes, reason = "it ends after the test's process, which cannot wait for it")]
fn start() -> Moto {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = crate_root.join("../../target/xtask/venv/bin/python");
    assert!(python.exists(), "there is no {}: run `cargo xtask ci` once", python.display());
    let mut server = Command::new(python)
        .arg(crate_root.join("tests/moto/serve.py"))
        .arg("--journal")
        .arg(journal())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let Ok(port) = line.trim().parse() else { panic!("moto did not start: run `cargo xtask ci` once") };
    Moto { port, _alive: server.stdin.take().unwrap() }
}

/// Where the requests are written down, for the judges in `tests/python`.
fn journal() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requests");
    folder.join(format!("store-{}.jsonl", std::process::id()))
}

/// What a client needs whose answers come from no account.
pub(crate) fn config() -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .force_path_style(true)
}

/// A client of the server, and an empty bucket that no other test has.
pub(crate) async fn bucket() -> (Client, String) {
    let endpoint = format!("http://127.0.0.1:{}", MOTO.port);
    let client = Client::from_conf(config().endpoint_url(endpoint).build());
    let name = format!("bucket-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
    client.create_bucket().bucket(&name).create_bucket_configuration(place).send().await.unwrap();
    (client, name)
}
