//! How the program is told what to do: flags and environment variables, read here and nowhere else.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

use clap::Parser;
use jiff::SignedDuration;

use crate::{app::Settings, aws::Location, source::SourcePlace, telemetry::LogFormat};

/// Watches manifests and brings ECS to what they say.
#[derive(Debug, Clone, Parser)]
#[command(name = "coxswain-controller", version, max_term_width = 100)]
pub struct Config {
    /// Where the manifests are: a directory, `s3://BUCKET/PREFIX/` or `ssm:/PATH` for bundles, or
    /// `s3-files://BUCKET/PREFIX/` for plain manifests.
    #[arg(long, env = "COXSWAIN_SOURCE", value_name = "PLACE", required_unless_present = "manifests")]
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

    /// Where the controller keeps its memory: a directory, or `memory` to forget everything at the end.
    #[arg(long, env = "COXSWAIN_STORE", value_name = "DIR|memory")]
    pub store: StorePlace,

    /// The AWS Region; without it, the one of the usual AWS configuration.
    #[arg(long, env = "COXSWAIN_REGION")]
    pub region: Option<String>,

    /// Another endpoint for every AWS API, such as a local ECS.
    #[arg(long, env = "COXSWAIN_ENDPOINT_URL", value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// Use example credentials, for a local endpoint that checks none.
    #[arg(long, env = "COXSWAIN_EXAMPLE_CREDENTIALS", requires = "endpoint_url")]
    pub example_credentials: bool,

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

/// Where the controller keeps its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In a directory.
    Directory(PathBuf),
    /// In memory: for trying things out.
    Memory,
}

impl FromStr for StorePlace {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "memory" { Self::Memory } else { Self::Directory(text.into()) })
    }
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
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn intervals_are_read_with_their_units_and_nothing_is_no_interval() {
        assert_eq!(interval("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(interval("500ms").unwrap(), Duration::from_millis(500));
        for text in ["0s", "-5s", "60", "soon"] {
            assert!(interval(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn example_credentials_are_for_an_endpoint_of_ones_own_only() {
        let flags = ["coxswain-controller", "--manifests", "m", "--store", "memory"];
        assert!(Config::try_parse_from(flags).is_ok());
        let wrong = flags.iter().chain(&["--example-credentials"]);
        assert!(Config::try_parse_from(wrong).is_err());
    }
}
