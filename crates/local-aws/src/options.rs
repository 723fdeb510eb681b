//! The command line of `coxswain-local`.

use std::{
    collections::BTreeMap,
    fs, iter,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use coxswain_local_aws::{
    AnyFaultRule, BalancerConfig, Config, HookAnswer, HookAnswerError, HookUrl, HookUrlError, ImageMap,
    ImageMapError, Journal, Switches, Timing,
};

/// A local ECS: AWS's own protocol, tasks as processes of this machine, ECS's rules for rollouts.
///
/// The first line on standard output is the URL to give to clients:
/// aws --endpoint-url URL ecs list-clusters
#[derive(Debug, Parser)]
#[command(name = "coxswain-local", version)]
pub(crate) struct Options {
    /// Where to serve; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4580")]
    pub(crate) listen: SocketAddr,

    /// Serve on an address that other machines reach. They can then run the mapped programs here.
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Where to answer DNS for the namespaces of Cloud Map, by UDP and TCP; port 0 takes a free one. The
    /// second line on standard output says where: `dns://ADDRESS:PORT`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) dns: Option<SocketAddr>,

    /// JSON file that maps images to programs: {"images": [{"image": "*/api:*", "entryPoint": [...]}]}.
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,

    /// One more mapped image, before those of the file; may be given several times.
    #[arg(long = "image", value_name = "PATTERN=PROGRAM [ARGUMENT...]")]
    more_images: Vec<String>,

    /// Play tasks instead of running programs: every image exists, starts within 2 s, becomes healthy 3 s
    /// later, and serves until it is stopped. For more tasks than this machine could run.
    #[arg(long, conflicts_with_all = ["images", "more_images"])]
    pub(crate) scripted: bool,

    /// Run tasks as containers of a Docker engine instead of processes; images are the engine's, or pulled.
    /// Tried against a small engine of the tests, never against Docker itself.
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, default_missing_value = "/var/run/docker.sock",
        conflicts_with_all = ["images", "more_images", "scripted"])]
    pub(crate) docker: Option<PathBuf>,

    /// With --docker: the image of the containers that hold the tasks' networks.
    #[arg(long, value_name = "IMAGE", default_value = "registry.k8s.io/pause:3.10", requires = "docker")]
    pub(crate) docker_pause_image: String,

    /// Where logs and scratch folders of tasks are kept; without it, in a temporary folder that goes
    /// with this program.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,

    /// The region of requests whose signature names none, and of everything that flags set.
    #[arg(long, default_value = "us-east-1")]
    region: String,

    /// The account, twelve digits, of requests whose access key names none, and of everything that flags set.
    #[arg(long, default_value = "123456789012", value_parser = account)]
    account: String,

    /// Says of which account an access key is; may be given several times. A key whose id is twelve digits is
    /// of the account of that number.
    #[arg(long = "access-key", value_name = "ID=ACCOUNT", value_parser = access_key)]
    access_keys: Vec<(String, String)>,

    /// Sets a parameter of Systems Manager; may be given several times.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = assignment)]
    parameters: Vec<(String, String)>,

    /// JSON file of parameters: {"NAME": "VALUE"}.
    #[arg(long = "parameters", value_name = "FILE")]
    parameter_file: Option<PathBuf>,

    /// Makes a queue of SQS; may be given several times. A name in .fifo makes a FIFO queue.
    #[arg(long = "queue", value_name = "NAME")]
    pub(crate) queues: Vec<String>,

    /// Has all events of ECS, and CloudTrail's of calls to it, go to a queue, which is made; may be given
    /// several times.
    #[arg(long = "events", value_name = "QUEUE")]
    pub(crate) events: Vec<String>,

    /// Seconds after which a call to ECS shows as an event of CloudTrail.
    #[arg(long, value_name = "SECONDS")]
    api_call_delivery: Option<u64>,

    /// A fault, `FAULT:OPERATION[:WHEN]`, such as `throttle:UpdateService:every=3`, or of events,
    /// `FAULT:DETAIL-TYPE[:WHEN]`, such as `lose-event:*:percent=20`; may be given several times.
    #[arg(long = "fault", value_name = "RULE")]
    pub(crate) faults: Vec<AnyFaultRule>,

    /// A CloudWatch alarm that is in ALARM from the beginning; may be given several times. Others are
    /// set by POST /_local/alarms.
    #[arg(long = "alarm", value_name = "NAME")]
    pub(crate) alarms: Vec<String>,

    /// What the Lambda function of lifecycle hooks answers, in turn, the last for ever: SUCCEEDED,
    /// FAILED, `IN_PROGRESS[=SECONDS]`, NOTHING, or HOLD until POST /_local/hooks/ID. Or where it is asked,
    /// by POST of what ECS tells a function: `http://HOST:PORT/PATH`. May be given several times; FUNCTION is
    /// an ARN, a name, or `*`.
    #[arg(long = "hook", value_name = "FUNCTION=ANSWER[,ANSWER...]|URL", value_parser = hook)]
    pub(crate) hooks: Vec<(String, HookFunction)>,

    /// How many availability zones the region has; subnets lie in them in turn, as they are first named.
    #[arg(long, value_name = "COUNT", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=26))]
    zones: u8,

    /// Throttle requests to ECS by the buckets that ECS documents for its groups of actions.
    #[arg(long)]
    throttle: bool,

    /// Turns a switch for what AWS leaves unsettled away from its default; may be given several times.
    #[arg(long = "switch", value_name = "SWITCH")]
    switches: Vec<Switch>,

    /// Seconds after which a running task without a health check counts as healthy; 40 in ECS.
    #[arg(long, value_name = "SECONDS")]
    healthy_after: Option<u64>,

    /// Seconds in which an INACTIVE service is described; 0 makes it MISSING at once. AWS names no figure.
    #[arg(long, value_name = "SECONDS")]
    inactive_kept: Option<u64>,

    /// Seconds from a request to Cloud Map to its effect, in which a task that is stopped can still be found;
    /// 1 where nobody says. AWS names no figure.
    #[arg(long, value_name = "SECONDS")]
    cloud_map_delay: Option<u64>,

    /// Seconds from a change of a task's health to its effect in Cloud Map; 30 in AWS.
    #[arg(long, value_name = "SECONDS")]
    cloud_map_health_delay: Option<u64>,

    /// Serves load balancers' listeners of one port on another, such as 443=8443; may be given several
    /// times. Each load balancer has a loopback address of its own, its DNS name.
    #[arg(long = "listener-port", value_name = "PORT=PORT", value_parser = ports)]
    listener_ports: Vec<(u16, u16)>,

    /// A server certificate for HTTPS listeners, as ACM would hold it: chain and key are files in PEM form;
    /// may be given several times.
    #[arg(long = "certificate", value_name = "ARN=CHAIN,KEY", value_parser = certificate)]
    pub(crate) certificates: Vec<(String, PathBuf, PathBuf)>,

    /// A folder that is a bucket of S3, for trust stores and their revocation lists; may be given several
    /// times.
    #[arg(long = "bucket", value_name = "NAME=FOLDER", value_parser = assignment)]
    pub(crate) buckets: Vec<(String, String)>,

    /// Makes every id the same from run to run.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// A file to which every distinct request and every form of answer is appended, as JSON, one to a line.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// What is logged to standard error, such as `debug` or `coxswain_local_aws=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "COXSWAIN_LOCAL_LOG")]
    pub(crate) log: String,

    /// How it is logged.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// The switches, named by what is not the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// UpdateService with values that stand already starts a deployment.
    IdenticalUpdateDeploys,
    /// StopServiceDeployment takes ABORT.
    AbortStops,
    /// The circuit breaker watches rolling deployments only.
    BreakerWatchesRollingOnly,
    /// Failures that are seen at one time count once for the circuit breaker.
    BreakerCountsABatchOnce,
    /// Describe operations show lists in another order than they were sent in.
    PermutesLists,
    /// A service's first deployment bakes.
    FirstDeploymentBakes,
    /// lifecycleStage shows PRE_PRODUCTION_TRAFFIC_SHIFT, which the model's enum lacks.
    ShowsPreProductionStage,
    /// Load balancers take away headers of client certificates that clients sent themselves.
    RemovesClientSentMtlsHeaders,
}

/// What stands in for a Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookFunction {
    Answers(Vec<HookAnswer>),
    Url(HookUrl),
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object to a line.
    Json,
}

/// Why the options cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OptionsError {
    #[error(
        "{0} can be reached by other machines, and whoever reaches it can run the mapped programs here; \
         listen on 127.0.0.1, or add --allow-remote where the network is trusted"
    )]
    Remote(SocketAddr),
    #[error("the image map cannot be used")]
    Images(#[from] ImageMapError),
    #[error("cannot open the journal {}", path.display())]
    Journal { path: PathBuf, source: std::io::Error },
    #[error("cannot read the parameters in {}", path.display())]
    ReadParameters { path: PathBuf, source: std::io::Error },
    #[error("{} is not {{\"NAME\": \"VALUE\"}}", path.display())]
    ParameterForm { path: PathBuf, source: serde_json::Error },
}

impl Options {
    /// Refuses to serve other machines unless that is asked for.
    pub(crate) fn check_address(&self) -> Result<(), OptionsError> {
        let mut addresses = iter::once(self.listen).chain(self.dns);
        match addresses.find(|address| !address.ip().is_loopback() && !self.allow_remote) {
            Some(address) => Err(OptionsError::Remote(address)),
            None => Ok(()),
        }
    }

    pub(crate) fn config(&self) -> Result<Config, OptionsError> {
        let mut timing = Timing::default();
        if let Some(seconds) = self.healthy_after {
            timing.healthy_after = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.api_call_delivery {
            timing.api_call_delivery = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.inactive_kept {
            timing.inactive_kept = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.cloud_map_delay {
            timing.map_operation = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.cloud_map_health_delay {
            timing.map_health = Duration::from_secs(seconds);
        }
        let open = |path: &PathBuf| {
            Journal::open(path).map_err(|source| OptionsError::Journal { path: path.clone(), source })
        };
        Ok(Config {
            account: self.account.clone(),
            access_keys: self.access_keys.iter().cloned().collect(),
            region: self.region.clone(),
            seed: self.seed,
            timing,
            zones: self.zones.into(),
            throttles: self.throttle,
            switches: self.switches(),
            journal: self.journal.as_ref().map(open).transpose()?.map(Arc::new),
            ..Config::default()
        })
    }

    pub(crate) fn balancers(&self) -> BalancerConfig {
        BalancerConfig { ports: self.listener_ports.iter().copied().collect() }
    }

    fn switches(&self) -> Switches {
        let mut switches = Switches::default();
        for switch in &self.switches {
            match switch {
                Switch::IdenticalUpdateDeploys => switches.identical_update_deploys = true,
                Switch::AbortStops => switches.abort_stops = true,
                Switch::BreakerWatchesRollingOnly => switches.breaker_watches_every_strategy = false,
                Switch::BreakerCountsABatchOnce => switches.breaker_counts_a_batch_once = true,
                Switch::PermutesLists => switches.permutes_lists = true,
                Switch::FirstDeploymentBakes => switches.first_deployment_bakes = true,
                Switch::ShowsPreProductionStage => switches.shows_pre_production_stage = true,
                Switch::RemovesClientSentMtlsHeaders => switches.removes_client_sent_mtls_headers = true,
            }
        }
        switches
    }

    pub(crate) fn image_map(&self) -> Result<ImageMap, OptionsError> {
        let mut map = self.images.as_deref().map(ImageMap::read).transpose()?.unwrap_or_default();
        for flag in self.more_images.iter().rev() {
            map.put_first(flag)?;
        }
        Ok(map)
    }

    /// The file's parameters, and over them those of the command line.
    pub(crate) fn parameters(&self) -> Result<BTreeMap<String, String>, OptionsError> {
        let mut parameters = BTreeMap::new();
        if let Some(path) = &self.parameter_file {
            let text = fs::read_to_string(path)
                .map_err(|source| OptionsError::ReadParameters { path: path.clone(), source })?;
            parameters = serde_json::from_str(&text)
                .map_err(|source| OptionsError::ParameterForm { path: path.clone(), source })?;
        }
        parameters.extend(self.parameters.iter().cloned());
        Ok(parameters)
    }
}

/// Where tasks of this machine reach what listens on an address: SDKs take credentials over plain HTTP
/// from a loopback address only, and every address of the machine is none.
pub(crate) fn from_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account is twelve digits".to_owned())
    }
}

fn access_key(text: &str) -> Result<(String, String), String> {
    let (id, number) = assignment(text).map_err(|_| "write ID=ACCOUNT".to_owned())?;
    Ok((id, account(&number)?))
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let read = text.split_once('=').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    read.filter(|(from, to)| *from > 0 && *to > 0).ok_or_else(|| "write PORT=PORT".to_owned())
}

fn certificate(text: &str) -> Result<(String, PathBuf, PathBuf), String> {
    let read = assignment(text).ok().and_then(|(arn, files)| {
        let (chain, key) = files.split_once(',')?;
        Some((arn, chain.into(), key.into()))
    });
    read.ok_or_else(|| "write ARN=CHAIN,KEY".to_owned())
}

fn hook(text: &str) -> Result<(String, HookFunction), String> {
    // The function's ARN has no `=`, an answer may have one.
    let (function, answers) = assignment(text)?;
    if answers.contains("://") {
        let url = answers.parse().map_err(|error: HookUrlError| error.to_string())?;
        return Ok((function, HookFunction::Url(url)));
    }
    let answers: Result<_, HookAnswerError> = answers.split(',').map(str::parse).collect();
    Ok((function, HookFunction::Answers(answers.map_err(|error| error.to_string())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Options::try_parse_from([&["coxswain-local"], arguments].concat()).unwrap()
    }

    #[test]
    fn an_address_that_other_machines_reach_is_refused_unless_allowed() {
        for address in ["127.0.0.1:0", "127.8.0.1:1", "[::1]:1"] {
            assert!(options(&["--listen", address]).check_address().is_ok(), "{address}");
        }
        for address in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1"] {
            let text = options(&["--listen", address]).check_address().unwrap_err().to_string();
            assert!(text.contains("--allow-remote"), "{text}");
            assert!(options(&["--listen", address, "--allow-remote"]).check_address().is_ok());
            assert!(options(&["--dns", address]).check_address().is_err());
        }
    }

    #[test]
    fn tasks_are_told_a_loopback_address_where_every_address_is_served() {
        for (listen, told) in [
            ("0.0.0.0:4580", "127.0.0.1:4580"),
            ("[::]:4580", "[::1]:4580"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("192.0.2.1:1", "192.0.2.1:1"),
        ] {
            assert_eq!(from_here(listen.parse().unwrap()).to_string(), told);
        }
    }

    #[test]
    fn parameters_come_from_the_file_and_the_command_line_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parameters.json");
        std::fs::write(&path, r#"{"/a": "file", "/b": "file"}"#).unwrap();
        let file = path.to_str().unwrap();
        let found = options(&["--parameters", file, "--parameter", "/b=x=y"]).parameters().unwrap();
        let expected = [("/a", "file"), ("/b", "x=y")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(found, BTreeMap::from(expected));
        std::fs::write(&path, "[]").unwrap();
        assert!(matches!(
            options(&["--parameters", file]).parameters(),
            Err(OptionsError::ParameterForm { .. })
        ));
    }

    #[test]
    fn what_is_no_account_parameter_or_fault_is_refused() {
        for arguments in [
            ["--account", "12345"],
            ["--access-key", "AKIA=1"],
            ["--parameter", "=x"],
            ["--parameter", "x"],
            ["--fault", "burn:*"],
            ["--hook", "check"],
            ["--hook", "check=MAYBE"],
            ["--hook", "check=https://localhost/"],
        ] {
            let all = [&["coxswain-local"], arguments.as_slice()].concat();
            assert!(Options::try_parse_from(all).is_err(), "{arguments:?}");
        }
    }
}
