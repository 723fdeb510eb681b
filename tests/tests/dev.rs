//! The README's walk: `cox dev` on the example, an edit, a version that crashes, the end.

use std::{fs, path::Path, process::Output, time::Duration};

use anyhow::{Context, Result, ensure};
use coxswain_tests::{
    ecs::Ecs,
    process::{Program, binary, wait_for},
};
use serde_json::Value;

/// A folder as a newcomer has it: the example, and nothing else.
fn newcomer() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests");
    fs::create_dir_all(folder.path().join("manifests/example"))?;
    for name in ["example.dev.json", "example/api.yaml", "example/environment.yaml"] {
        fs::copy(manifests.join(name), folder.path().join("manifests").join(name))?;
    }
    Ok(folder)
}

async fn cox(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let output = tokio::process::Command::new(binary("cox")?).args(arguments).current_dir(folder).output();
    tokio::time::timeout(Duration::from_mins(3), output).await.context("cox did not end")?.context("cox")
}

async fn exits(folder: &Path, arguments: &[&str], code: i32) -> Result<String> {
    let output = cox(folder, arguments).await?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "cox {arguments:?} ended with {}: {text}", output.status);
    Ok(text)
}

fn edit(folder: &Path, from: &str, to: &str) -> Result<()> {
    let path = folder.join("manifests/example/api.yaml");
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).map_err(Into::into)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_walk_works_and_leaves_nothing_behind() -> Result<()> {
    let folder = newcomer()?;
    let mut dev = Program::start_in("cox", &["dev".to_owned()], folder.path())?;
    dev.line("http://").await?;
    let connection = folder.path().join(".coxswain/dev/connection.json");
    let connection: Value = wait_for("the connection file", Duration::from_secs(10), async || {
        Ok(fs::read(&connection).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    })
    .await?;
    let ecs = Ecs::new(connection["endpoint"].as_str().context("an endpoint")?);

    exits(folder.path(), &["wait", "service/api"], 0).await?;
    let addresses = ecs.healthy_addresses("api").await?;
    ensure!(addresses.len() == 2, "two tasks answer: {addresses:?}");
    let table = exits(folder.path(), &["get"], 0).await?;
    ensure!(table.contains("Synced") && table.contains("Healthy"), "{table}");

    edit(folder.path(), "api:1.0", "api:1.1")?;
    exits(folder.path(), &["wait", "service/api"], 0).await?;
    edit(folder.path(), "api:1.1", "api:1.2-broken")?;
    let told = exits(folder.path(), &["wait", "service/api"], 4).await?;
    ensure!(told.contains("API_STORE is not set"), "the crash's last lines: {told}");
    let told = exits(folder.path(), &["describe", "service/api"], 0).await?;
    ensure!(told.contains("CircuitBreakerRolledBack"), "{told}");

    let addresses = ecs.healthy_addresses("api").await?;
    dev.interrupt().await?;
    for address in addresses {
        ensure!(
            tokio::net::TcpStream::connect(format!("{address}:8000")).await.is_err(),
            "{address} still answers after the end"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_init_writes_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    exits(folder.path(), &["init", "shop"], 0).await?;
    let mut dev = Program::start_in("cox", &["dev".to_owned(), "shop".to_owned()], folder.path())?;
    dev.line("http://").await?;
    let connection = folder.path().join(".coxswain/dev/connection.json");
    wait_for("the connection file", Duration::from_secs(10), async || Ok(connection.exists().then_some(())))
        .await?;
    let told = exits(folder.path(), &["wait", "service/hello"], 0).await?;
    ensure!(told.contains("2 of 2 tasks running"), "{told}");
    ensure!(dev.interrupt().await? == Some(0), "it ends in good order");
    Ok(())
}
