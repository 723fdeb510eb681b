//! Every setting of the program, read once, from flags or the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderValue, Uri};

/// The longest version text. Units: bytes.
const MAX_VERSION_BYTES: usize = 128;

/// Takes webhooks, keeps each event durably, and answers 202.
#[derive(Debug, Parser)]
#[command(name = "coxswain-api", version)]
pub(crate) struct Cli {
    /// What to do; without a word, serve.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The settings of the server.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// The other things that the program does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a running server for /healthz; exit 0 if it answers 200 within a second, else 1
    Healthcheck {
        /// What to ask instead of /healthz at the address to listen on
        #[arg(long)]
        url: Option<Uri>,
    },
}

/// The settings as written; [`Settings::check`] makes a [`Config`] of them.
///
/// Each has its variable's name as its value's name, so that an error names the variable too.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// The address to listen on
    #[arg(long, env = "API_LISTEN", value_name = "API_LISTEN", default_value = "127.0.0.1:8000")]
    pub(crate) listen: SocketAddr,
    /// How the gateway says who is calling; required
    #[arg(long, env = "API_IDENTITY", value_name = "API_IDENTITY")]
    pub(crate) identity: Option<IdentityMode>,
    /// The directory that keeps events; required
    #[arg(long, env = "API_STORE", value_name = "API_STORE")]
    pub(crate) store: Option<PathBuf>,
    /// The version to show in answers
    #[arg(id = "api-version", long, env = "API_VERSION", value_name = "API_VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    pub(crate) version: String,
    /// Seconds to go on serving after SIGTERM, so that routers notice
    #[arg(long, env = "API_GRACE", value_name = "API_GRACE", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) grace: u64,
    /// The longest body of a webhook, in bytes
    #[arg(long, env = "API_MAX_BODY", value_name = "API_MAX_BODY", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    pub(crate) max_body: u32,
    /// A JSON Web Key Set of the gateway's public keys, for the identity mode assertion
    #[arg(long, env = "API_ASSERTION_KEYS", value_name = "API_ASSERTION_KEYS")]
    pub(crate) assertion_keys: Option<PathBuf>,
    /// The name that the gateway's assertions are made for, for the identity mode assertion
    #[arg(long, env = "API_ASSERTION_AUDIENCE", value_name = "API_ASSERTION_AUDIENCE")]
    pub(crate) assertion_audience: Option<String>,
    /// The ECS task metadata endpoint, which says which task this is; ECS sets it
    #[arg(long, env = "ECS_CONTAINER_METADATA_URI_V4", value_name = "ECS_CONTAINER_METADATA_URI_V4")]
    pub(crate) task_metadata: Option<String>,
    /// The form of log lines
    #[arg(long, env = "API_LOG", value_name = "API_LOG", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
}

/// How the caller's identity arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IdentityMode {
    /// A signed assertion in X-Client-Assertion
    Assertion,
    /// Mutual TLS with the gateway (not built yet)
    Mtls,
    /// Plain X-Client-* headers; on a loopback listener only
    PlainHeaders,
    /// Nobody is asked who they are; on a loopback listener only
    None,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The settings, checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) callers: Callers,
    pub(crate) store: PathBuf,
    pub(crate) version: Version,
    /// The URL of the task metadata endpoint; `None` outside of ECS.
    pub(crate) task_metadata: Option<String>,
    pub(crate) grace: Duration,
    /// Units: bytes.
    pub(crate) max_body: usize,
}

/// How callers are known, with what each way needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    Assertion { keys: PathBuf, audience: String },
    PlainHeaders,
    Anyone,
}

/// The version that answers show; fit for a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    text: String,
    header: HeaderValue,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_VERSION_BYTES || !graphic {
            return Err(ConfigError::Version);
        }
        let header = HeaderValue::from_str(text).map_err(|_| ConfigError::Version)?;
        Ok(Self { text: text.to_owned(), header })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// Why settings are refused; each text says what to set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "API_IDENTITY is not set. Say how the gateway tells who is calling: assertion, plain-headers or none \
         (the last two on a loopback address only)."
    )]
    NoIdentity,
    #[error(
        "API_IDENTITY=mtls is not built yet. Set API_IDENTITY=assertion, with API_ASSERTION_KEYS and \
         API_ASSERTION_AUDIENCE: the gateway then signs who is calling for each request."
    )]
    Mtls,
    #[error(
        "API_IDENTITY={mode} would let anybody who reaches {listen} claim to be any caller. Listen on a \
         loopback address (127.0.0.0/8 or [::1]), or set API_IDENTITY=assertion."
    )]
    NotLoopback { mode: &'static str, listen: SocketAddr },
    #[error("API_STORE is not set. Set it to the directory that is to keep the events.")]
    NoStore,
    #[error("API_IDENTITY=assertion needs {missing}.")]
    AssertionNeeds { missing: &'static str },
    #[error(
        "{unused} is set but has no effect with API_IDENTITY={mode}. Remove it, or set API_IDENTITY=assertion."
    )]
    Unused { unused: &'static str, mode: &'static str },
    #[error("API_VERSION must be 1 to {MAX_VERSION_BYTES} printable ASCII characters without spaces.")]
    Version,
}

const KEYS: &str = "API_ASSERTION_KEYS (the file of the gateway's public keys)";
const AUDIENCE: &str = "API_ASSERTION_AUDIENCE (the name that assertions are made for)";

impl Settings {
    /// Checks the settings against each other.
    pub(crate) fn check(self) -> Result<Config, ConfigError> {
        let callers = self.callers()?;
        Ok(Config {
            listen: self.listen,
            callers,
            store: self.store.filter(|path| !path.as_os_str().is_empty()).ok_or(ConfigError::NoStore)?,
            version: Version::parse(&self.version)?,
            task_metadata: self.task_metadata.filter(|endpoint| !endpoint.is_empty()),
            grace: Duration::from_secs(self.grace),
            max_body: usize::try_from(self.max_body).unwrap_or(usize::MAX),
        })
    }

    fn callers(&self) -> Result<Callers, ConfigError> {
        let keys = self.assertion_keys.clone().filter(|path| !path.as_os_str().is_empty());
        let audience = self.assertion_audience.clone().filter(|audience| !audience.is_empty());
        let (mode, callers) = match self.identity.ok_or(ConfigError::NoIdentity)? {
            IdentityMode::Mtls => return Err(ConfigError::Mtls),
            IdentityMode::Assertion => {
                let keys = keys.ok_or(ConfigError::AssertionNeeds { missing: KEYS })?;
                let audience = audience.ok_or(ConfigError::AssertionNeeds { missing: AUDIENCE })?;
                return Ok(Callers::Assertion { keys, audience });
            }
            IdentityMode::PlainHeaders => ("plain-headers", Callers::PlainHeaders),
            IdentityMode::None => ("none", Callers::Anyone),
        };
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::NotLoopback { mode, listen: self.listen });
        }
        // A key file that is set and not used is a mistake about who is trusted, not a spare setting.
        for (unused, is_set) in
            [("API_ASSERTION_KEYS", keys.is_some()), ("API_ASSERTION_AUDIENCE", audience.is_some())]
        {
            if is_set {
                return Err(ConfigError::Unused { unused, mode });
            }
        }
        Ok(callers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(mode: Option<IdentityMode>) -> Settings {
        Settings {
            listen: "127.0.0.1:8000".parse().unwrap(),
            identity: mode,
            store: Some("/events".into()),
            version: "1.4.0".to_owned(),
            grace: 5,
            max_body: 1024,
            assertion_keys: None,
            assertion_audience: None,
            task_metadata: None,
            log: LogFormat::Text,
        }
    }

    fn assertion() -> Settings {
        Settings {
            listen: "0.0.0.0:8000".parse().unwrap(),
            assertion_keys: Some("keys.json".into()),
            assertion_audience: Some("api".to_owned()),
            ..settings(Some(IdentityMode::Assertion))
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn assertions_are_taken_on_any_address() {
        let config = assertion().check().unwrap();
        assert_eq!(
            config.callers,
            Callers::Assertion { keys: "keys.json".into(), audience: "api".to_owned() }
        );
    }

    #[test]
    fn modes_that_prove_nothing_start_on_a_loopback_address_only() {
        let cases = [
            ("127.0.0.1:8000", true),
            ("127.44.3.2:8000", true),
            ("[::1]:8000", true),
            ("0.0.0.0:8000", false),
            ("10.0.0.7:8000", false),
            ("[::]:8000", false),
            ("[::ffff:127.0.0.1]:8000", false),
        ];
        for mode in [IdentityMode::PlainHeaders, IdentityMode::None] {
            for (listen, allowed) in cases {
                let settings = Settings { listen: listen.parse().unwrap(), ..settings(Some(mode)) };
                assert_eq!(settings.check().is_ok(), allowed, "{mode:?} on {listen}");
            }
        }
    }

    #[test]
    fn each_setting_that_does_not_fit_is_refused_by_name() {
        let headers = || settings(Some(IdentityMode::PlainHeaders));
        let cases = [
            (settings(None), "API_IDENTITY is not set"),
            (settings(Some(IdentityMode::Mtls)), "API_IDENTITY=mtls is not built yet"),
            (Settings { store: None, ..headers() }, "API_STORE is not set"),
            (Settings { store: Some("".into()), ..headers() }, "API_STORE is not set"),
            (Settings { version: String::new(), ..headers() }, "API_VERSION must be"),
            (Settings { version: "1 4".to_owned(), ..headers() }, "API_VERSION must be"),
            (Settings { version: "é".to_owned(), ..headers() }, "API_VERSION must be"),
            (
                Settings { assertion_keys: None, ..assertion() },
                "API_IDENTITY=assertion needs API_ASSERTION_KEYS",
            ),
            (
                Settings { assertion_audience: Some(String::new()), ..assertion() },
                "API_IDENTITY=assertion needs API_ASSERTION_AUDIENCE",
            ),
            (
                Settings { assertion_keys: Some("keys.json".into()), ..headers() },
                "API_ASSERTION_KEYS is set but has no effect with API_IDENTITY=plain-headers",
            ),
        ];
        for (settings, expected) in cases {
            let error = settings.check().expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
