//! moto, an AWS that we did not write, as a process of this test on a free port.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{ChildStdin, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use coxswain_controller::{
    aws::{Aws, Location, SdkAws},
    source::Clients,
};
use coxswain_runtime::SystemClock;

/// A running server. It ends when its standard input does, which is at the latest when the test ends.
struct Moto {
    port: u16,
    _alive: ChildStdin,
}

static MOTO: LazyLock<Moto> = LazyLock::new(start);
static PLACES: AtomicU32 = AtomicU32::new(0);

#[expect(clippy::zombie_processes, reason = "it ends after the test's process, which cannot wait for it")]
fn start() -> Moto {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/xtask/venv/bin/python");
    assert!(python.exists(), "there is no {}: run `cargo xtask ci` once", python.display());
    let journal = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requests");
    let mut server = Command::new(python)
        .arg(root.join("crates/store/tests/moto/serve.py"))
        .arg("--journal")
        .arg(journal.join(format!("places-{}.jsonl", std::process::id())))
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

/// Clients of the server.
pub(crate) async fn clients() -> Clients {
    let location = Location {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(format!("http://127.0.0.1:{}", MOTO.port)),
        example_credentials: true,
        ..Location::default()
    };
    let config = location.load(Arc::new(SystemClock)).await;
    let aws: Arc<dyn Aws> = Arc::new(SdkAws::new(&config));
    Clients::new(aws, &config)
}

/// An empty bucket that no other test has.
pub(crate) async fn bucket(clients: &Clients) -> String {
    let name = format!("manifests-{}", PLACES.fetch_add(1, Ordering::Relaxed));
    clients.s3.create_bucket().bucket(&name).send().await.unwrap();
    name
}
