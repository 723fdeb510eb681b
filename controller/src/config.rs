//! How the program is told what to do: flags, environment variables and a file, read here and nowhere else.

mod file;
mod shown;
mod store_place;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;

use crate::{
    app::Settings,
    aws::{AssumedRole, Location, session_name},
    source::SourcePlace,
    telemetry::LogFormat,
};

pub use file::{ConfigError, Given, read};
pub use shown::{reference, shown};
pub use store_place::{InvalidStorePlace, StorePlace};

/// Watches manifests and brings ECS to what they say.
///
/// Every setting is a flag, an environment variable, or a line of the file that `--config` names; of several
/// the first of these counts. `coxswain-controller healthcheck` asks one that is running whether it lives.
#[derive(Debug, Clone, Parser)]
#[command(name = "coxswain-controller", version, max_term_width = 100)]
pub struct Config {
    /// A YAML or JSON file of settings, named as the flags are: `sweep-interval: 60s`.
    #[arg(long, env = "COXSWAIN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Prints every setting that is in force and where it comes from, and ends.
    #[arg(long)]
    pub print_config: bool,

    /// Where the manifests are: a directory, `s3://BUCKET/PREFIX/` or `ssm:/PATH` for bundles, or
    /// `s3-files://BUCKET/PREFIX/` for plain manifests.
    #[arg(long, env = "COXSWAIN_SOURCE", value_name = "PLACE")]
    pub source: Option<SourcePlace>,

    /// The directory that holds the manifests, where no source is given.
    #[arg(long, env = "COXSWAIN_MANIFESTS", value_name = "DIR")]
    pub manifests: Option<PathBuf>,

    /// The environment that is served; required for bundles, and what other manifests have to name.
    #[arg(long, env = "COXSWAIN_ENVIRONMENT", value_name = "NAME")]
    pub environment: Option<String>,

    /// From one look at a source in S3 or Systems Manager to the next.
    #[arg(long, env = "COXSWAIN_POLL_INTERVAL", default_value = "15s", value_parser = interval, value_name = "TIME")]
    pub poll_interval: Duration,

    /// Where the controller keeps its memory: a directory, `s3://BUCKET/PREFIX/`, or `memory` to forget
    /// everything at the end.
    #[arg(long, env = "COXSWAIN_STORE", value_name = "DIR|s3://BUCKET/PREFIX/|memory")]
    pub store: StorePlace,

    /// Whether replicas take turns by a lease in the store; `auto` is on for S3 and off otherwise.
    #[arg(long, env = "COXSWAIN_LEASE", default_value = "auto", value_enum)]
    pub lease: LeaseChoice,

    /// This replica's name in the lease, in logs and in role sessions; without one, the host's.
    #[arg(long, env = "COXSWAIN_REPLICA", value_name = "NAME")]
    pub replica: Option<String>,

    /// The AWS Region; without it, the one of the usual AWS configuration.
    #[arg(long, env = "COXSWAIN_REGION")]
    pub region: Option<String>,

    /// Another endpoint for every AWS API, such as a local ECS; S3 is asked in path style there.
    #[arg(long, env = "COXSWAIN_ENDPOINT_URL", value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// Use example credentials, for a local endpoint that checks none.
    #[arg(long, env = "COXSWAIN_EXAMPLE_CREDENTIALS")]
    pub example_credentials: bool,

    /// A role to assume for ECS, parameters and logs; the store is reached with the program's own rights.
    #[arg(long, env = "COXSWAIN_ASSUME_ROLE_ARN", value_name = "ARN")]
    pub assume_role_arn: Option<String>,

    /// The external id that the role's trust policy asks for.
    #[arg(long, env = "COXSWAIN_ASSUME_ROLE_EXTERNAL_ID", value_name = "ID", hide_env_values = true)]
    pub assume_role_external_id: Option<String>,

    /// Where the status endpoint listens; port 0 takes a free one. The URL is the first line of stdout.
    #[arg(long, env = "COXSWAIN_LISTEN", default_value = "127.0.0.1:7400", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// A further name under which the status endpoint is reached.
    #[arg(long, env = "COXSWAIN_HOST", value_name = "NAME")]
    pub host: Option<String>,

    /// A file with the bearer token; required on any address that is not loopback.
    #[arg(long, env = "COXSWAIN_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Within which every object is looked at for drift.
    #[arg(long, env = "COXSWAIN_SWEEP_INTERVAL", default_value = "60s", value_parser = interval, value_name = "TIME")]
    pub sweep_interval: Duration,

    /// From one look at a rollout to the next.
    #[arg(long, env = "COXSWAIN_ROLLOUT_INTERVAL", default_value = "5s", value_parser = interval, value_name = "TIME")]
    pub rollout_interval: Duration,

    /// Objects looked at at once; a multiple of ten fills whole calls.
    #[arg(long, env = "COXSWAIN_CONCURRENCY", default_value = "40", value_name = "N")]
    pub concurrency: NonZeroUsize,

    /// What is logged: a level, or directives such as `info,coxswain_controller=debug`.
    #[arg(long, env = "COXSWAIN_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// The form of log lines, on stderr.
    #[arg(long, env = "COXSWAIN_LOG_FORMAT", default_value = "text", value_enum)]
    pub log_format: LogFormat,
}

/// Whether replicas take turns by a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LeaseChoice {
    /// On for a store in S3, off for others.
    Auto,
    /// Always.
    On,
    /// Never: this is the only controller on its store.
    Off,
}

impl Config {
    /// How the controller runs.
    pub fn settings(&self) -> Settings {
        Settings {
            sweep_interval: self.sweep_interval,
            rollout_interval: self.rollout_interval,
            concurrency: self.concurrency,
            environment: self.environment.clone(),
            seed: fastrand::u64(..),
            ..Settings::default()
        }
    }

    /// Where the manifests are.
    pub fn source_place(&self) -> Option<SourcePlace> {
        self.source.clone().or_else(|| self.manifests.clone().map(SourcePlace::Directory))
    }

    /// Where AWS is.
    pub fn location(&self) -> Location {
        Location {
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            example_credentials: self.example_credentials,
            http_client: None,
        }
    }

    /// The role that is assumed, where there is one; its sessions are named after the replica.
    pub fn assumed_role(&self, replica: &str) -> Option<AssumedRole> {
        Some(AssumedRole {
            arn: self.assume_role_arn.clone()?,
            external_id: self.assume_role_external_id.clone(),
            session_name: session_name(replica),
        })
    }

    /// Whether replicas take turns by a lease.
    pub fn takes_turns(&self) -> bool {
        match self.lease {
            LeaseChoice::Auto => matches!(self.store, StorePlace::S3 { .. }),
            LeaseChoice::On => true,
            LeaseChoice::Off => false,
        }
    }

    /// A name for this life of the program: no other life of any replica has it.
    pub fn replica(&self) -> String {
        let name = self.replica.clone().or_else(host_name).unwrap_or_else(|| "controller".to_owned());
        format!("{name}/{:016x}", fastrand::u64(..))
    }

    /// What the settings ask of one another.
    fn check(&self) -> Result<(), ConfigError> {
        if self.source_place().is_none() {
            return Err(ConfigError::NoSource);
        }
        if self.example_credentials && self.endpoint_url.is_none() {
            return Err(ConfigError::Needs { setting: "example-credentials", needed: "endpoint-url" });
        }
        if self.assume_role_external_id.is_some() && self.assume_role_arn.is_none() {
            return Err(ConfigError::Needs { setting: "assume-role-external-id", needed: "assume-role-arn" });
        }
        if self.lease == LeaseChoice::On && self.store == StorePlace::Memory {
            return Err(ConfigError::NothingToShare);
        }
        Ok(())
    }
}

/// The host's name, where the system tells it.
fn host_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A time such as `60s`, `5m` or `500ms`; more than nothing.
fn interval(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().map_err(|error| error.to_string())?;
    match Duration::try_from(parsed) {
        Ok(interval) if !interval.is_zero() => Ok(interval),
        _ => Err("it has to be longer than nothing, such as 60s or 5m".to_owned()),
    }
}

#[cfg(test)]
mod tests;
