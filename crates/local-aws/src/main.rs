//! `coxswain-local`: a local ECS for the AWS CLI, any SDK and the controller.

mod options;

use std::{
    error::Error,
    fs,
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use coxswain_local_aws::{
    AnyFaultRule, ApiError, CertificateError, DnsServer, DockerConfig, DockerDriver, EngineError, LocalAws,
    ProcessConfig, ProcessDriver, ScriptedDriver, SystemClock, TaskDriver, TaskEventSender,
    shim_main_if_asked,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::unbounded_channel,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use self::options::{HookFunction, LogFormat, Options, OptionsError};

/// Why the program could not do its work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Options(#[from] OptionsError),
    #[error("`{0}` is no log filter")]
    Log(String, #[source] tracing_subscriber::filter::ParseError),
    #[error("the parameter {0} is refused")]
    Parameter(String, #[source] ApiError),
    #[error("the queue {0} is refused")]
    Queue(String, #[source] ApiError),
    #[error("the certificate {0} cannot be used")]
    Certificate(String, #[source] CertificateError),
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot make the folder {}", .0.display())]
    State(PathBuf, #[source] io::Error),
    #[error("the container engine cannot be used")]
    Engine(#[from] EngineError),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the system refuses what the program needs")]
    System(#[from] io::Error),
}

fn main() -> ExitCode {
    // First: a shim must not start threads, and its arguments are its container's.
    if let Some(code) = shim_main_if_asked() {
        return code;
    }
    let options = Options::parse();
    let outcome = start_logging(&options).and_then(|()| {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(serve(&options))
    });
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

/// An error and what it came from, in one line.
fn chain(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

fn start_logging(options: &Options) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(&options.log).map_err(|source| Failure::Log(options.log.clone(), source))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match options.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

async fn serve(options: &Options) -> Result<ExitCode, Failure> {
    options.check_address()?;
    let settings = options.config()?;
    let parameters = options.parameters()?;
    let state = StateFolder::make(options.state.clone())?;
    // Before anything runs, so that no signal is missed.
    let mut stops = Stops::new()?;

    let (sender, events) = unbounded_channel();
    let driver = Driver::new(options, &state, sender).await?;
    let local = Arc::new(LocalAws::new(settings, Arc::new(SystemClock), driver.shared(), events));
    for (name, value) in parameters {
        local.put_parameter(&name, &value).map_err(|source| Failure::Parameter(name, source))?;
    }
    for name in &options.queues {
        local.create_queue(name).map_err(|source| Failure::Queue(name.clone(), source))?;
    }
    for name in &options.events {
        local.send_events_to(name).map_err(|source| Failure::Queue(name.clone(), source))?;
    }
    for fault in &options.faults {
        match fault.clone() {
            AnyFaultRule::Request(rule) => local.add_fault(rule),
            AnyFaultRule::Event(rule) => local.add_event_fault(&rule),
        }
    }
    for alarm in &options.alarms {
        local.set_alarm(alarm, true);
    }
    for (function, stands_in) in &options.hooks {
        match stands_in {
            HookFunction::Answers(answers) => local.answer_hooks(function, answers.clone()),
            HookFunction::Url(url) => local.ask_hooks(function, url.clone()),
        }
    }
    prepare_balancers(options, &local)?;

    let listener =
        TcpListener::bind(options.listen).await.map_err(|source| Failure::Listen(options.listen, source))?;
    let address = listener.local_addr()?;
    let dns = bind_dns(options.dns).await?;
    local.served_at(&format!("http://{}", options::from_here(address)));
    writeln!(io::stdout(), "http://{address}")?;
    if let Some(dns) = &dns {
        writeln!(io::stdout(), "dns://{}", dns.address())?;
    }
    io::stdout().flush()?;

    let shutdown = CancellationToken::new();
    let mut running = JoinSet::new();
    let service = Arc::clone(&local).server().into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service);
    running.spawn(async move { drop(server.await) });
    if let Some(dns) = dns {
        running.spawn(dns.serve(Arc::clone(&local), shutdown.clone()));
    }
    let (token, balancing, config) = (shutdown.clone(), Arc::clone(&local), options.balancers());
    running.spawn(async move { balancing.balance(config, token).await });
    let token = shutdown.clone();
    running.spawn(async move { local.run(token).await });

    stops.next().await;
    tracing::info!("stopping all tasks; once more to kill them");
    shutdown.cancel();
    tokio::select! {
        () = driver.shutdown() => Ok(ExitCode::SUCCESS),
        // Every task's shim sees this program's end and kills what is left.
        () = stops.next() => Ok(ExitCode::from(130)),
    }
}

/// What runs the tasks.
enum Driver {
    Processes(Arc<ProcessDriver>),
    Containers(Arc<DockerDriver>),
    Scripts(Arc<ScriptedDriver>),
}

impl Driver {
    async fn new(options: &Options, state: &StateFolder, events: TaskEventSender) -> Result<Self, Failure> {
        let clock = Arc::new(SystemClock);
        if options.scripted {
            return Ok(Self::Scripts(ScriptedDriver::new(events, clock)));
        }
        if let Some(socket) = options.docker.clone() {
            let (state, pause_image) = (state.path.clone(), options.docker_pause_image.clone());
            let config = DockerConfig { socket, state, pause_image, clock };
            return Ok(Self::Containers(Arc::new(DockerDriver::connect(config, events).await?)));
        }
        let config = ProcessConfig {
            images: options.image_map()?,
            state: state.path.clone(),
            inherited: std::env::vars_os().collect(),
            shim: None,
            clock,
        };
        Ok(Self::Processes(Arc::new(ProcessDriver::new(config, events))))
    }

    fn shared(&self) -> Arc<dyn TaskDriver> {
        match self {
            Self::Processes(driver) => driver.clone(),
            Self::Containers(driver) => driver.clone(),
            Self::Scripts(driver) => driver.clone(),
        }
    }

    /// Resolves when no task's process or container is left.
    async fn shutdown(&self) {
        match self {
            Self::Processes(driver) => driver.shutdown().await,
            Self::Containers(driver) => driver.shutdown().await,
            Self::Scripts(_) => {}
        }
    }
}

async fn bind_dns(address: Option<SocketAddr>) -> Result<Option<DnsServer>, Failure> {
    let Some(address) = address else { return Ok(None) };
    DnsServer::bind(address).await.map(Some).map_err(|source| Failure::Listen(address, source))
}

/// Gives load balancers what they would find at ACM and in S3.
fn prepare_balancers(options: &Options, local: &LocalAws) -> Result<(), Failure> {
    let read = |path: &PathBuf| fs::read(path).map_err(|source| Failure::Read(path.clone(), source));
    for (arn, chain, key) in &options.certificates {
        local
            .put_certificate(arn, &read(chain)?, &read(key)?)
            .map_err(|source| Failure::Certificate(arn.clone(), source))?;
    }
    for (bucket, folder) in &options.buckets {
        local.put_bucket(bucket, folder);
    }
    Ok(())
}

/// SIGINT and SIGTERM.
struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The folder for logs and scratch space; removed at the end where nobody named it.
struct StateFolder {
    path: PathBuf,
    is_temporary: bool,
}

impl StateFolder {
    fn make(named: Option<PathBuf>) -> Result<Self, Failure> {
        let is_temporary = named.is_none();
        let path = named
            .unwrap_or_else(|| std::env::temp_dir().join(format!("coxswain-local-{}", std::process::id())));
        // A temporary folder must be new: somebody else's of that name would see the tasks' output.
        let made = fs::DirBuilder::new().mode(0o700).recursive(!is_temporary).create(&path);
        let path = made.and_then(|()| path.canonicalize()).map_err(|source| Failure::State(path, source))?;
        Ok(Self { path, is_temporary })
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        if self.is_temporary {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
