//! A program that the test started and ends.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

/// A program that the test started: killed when dropped, its output kept.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
}

/// The workspace's program of that name, beside the test's own binary.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder =
        own.parent().and_then(|deps| deps.parent()).context("a test binary lives in target/PROFILE/deps")?;
    let path = folder.join(name);
    if !path.exists() {
        bail!(
            "{} is not built: run `cargo build --workspace` first, as `cargo xtask ci` does",
            path.display()
        );
    }
    Ok(path)
}

/// Where a server writes down what this test's programs ask of it, for the judges in `tests/python`.
pub(crate) fn journal(name: &str) -> Result<PathBuf> {
    let local = binary("coxswain-local")?;
    let target = local.ancestors().nth(2).context("a program stands in target/PROFILE")?;
    Ok(target.join(format!("tmp/requests/{name}-{}.jsonl", std::process::id())))
}

impl Program {
    /// Starts a program of the workspace; its two streams are kept line by line.
    pub fn start(name: &str, arguments: &[String]) -> Result<Self> {
        Self::start_in(name, arguments, Path::new("."))
    }

    /// As [`Self::start`], in a folder.
    pub fn start_in(name: &str, arguments: &[String], folder: &Path) -> Result<Self> {
        Self::spawn(name, Command::new(binary(name)?).args(arguments).current_dir(folder))
    }

    /// As [`Self::start`], with variables of its environment.
    pub fn start_with(name: &str, arguments: &[String], variables: &[(&str, &str)]) -> Result<Self> {
        Self::spawn(name, Command::new(binary(name)?).args(arguments).envs(variables.iter().copied()))
    }

    /// Starts any program that serves until it is ended.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            // Open for as long as this value lives: moto ends with it.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        if let Some(stream) = child.stdout.take() {
            keep(stream, Arc::clone(&output), "");
        }
        if let Some(stream) = child.stderr.take() {
            keep(stream, Arc::clone(&output), "err: ");
        }
        Ok(Self { name: name.to_owned(), child, output })
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was printed so far.
    pub fn output(&self) -> Vec<String> {
        self.output.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Waits until a line was printed that contains `text`, and gives it.
    pub async fn line(&self, text: &str) -> Result<String> {
        let what = format!("{} to print {text:?}", self.name);
        wait_for(&what, Duration::from_secs(20), async || {
            Ok(self.output().into_iter().find(|line| line.contains(text)))
        })
        .await
        .with_context(|| self.output().join("\n"))
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end; its exit code.
    pub async fn terminate(&mut self) -> Result<Option<i32>> {
        self.end_by(Signal::TERM).await
    }

    /// Ctrl-C, and waits for the end; its exit code.
    pub async fn interrupt(&mut self) -> Result<Option<i32>> {
        self.end_by(Signal::INT).await
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)?)
    }

    async fn end_by(&mut self, signal: Signal) -> Result<Option<i32>> {
        self.signal(signal)?;
        let what = format!("{} to end after {signal:?}", self.name);
        wait_for(&what, Duration::from_secs(30), async || {
            Ok(self.child.try_wait()?.map(|status| status.code()))
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- {} printed:\n{}", self.name, self.output().join("\n"));
        }
    }
}

fn keep(stream: impl std::io::Read + Send + 'static, output: Arc<Mutex<Vec<String>>>, mark: &'static str) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Ok(mut lines) = output.lock() {
                lines.push(format!("{mark}{line}"));
            }
        }
    });
}

/// Asks again and again until there is an answer, and fails at the deadline with what was waited for.
pub async fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut last = None;
    let waited = tokio::time::timeout(deadline, async {
        loop {
            ticks.tick().await;
            match ask().await {
                Ok(Some(answer)) => return answer,
                Ok(None) => {}
                Err(error) => last = Some(error),
            }
        }
    });
    match (waited.await, last) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Some(error)) => Err(error.context(format!("waited {deadline:?} for {what}"))),
        (Err(_), None) => bail!("waited {deadline:?} for {what}"),
    }
}
