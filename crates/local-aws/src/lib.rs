//! A local ECS: AWS's protocol for unmodified clients, deployments by ECS's rules, real failures.
//!
//! Start with [`LocalAws`]: it is made from a [`Config`], a [`Clock`] and a [`TaskDriver`], serves
//! requests by [`LocalAws::handle`] (over HTTP by [`LocalAws::server`], under the AWS SDK without a
//! socket by [`InProcess`]), and lives while [`LocalAws::run`] does. The [`ProcessDriver`] runs tasks as
//! real processes, the [`DockerDriver`] as containers of an engine, the [`ScriptedDriver`] plays them in virtual
//! time.
//!
//! What it answers is judged by the table of `coxswain-ecs-shapes`; it shares that table with the
//! controller and none of the rules.
//!
//! ```
//! use std::sync::Arc;
//!
//! use coxswain_local_aws::{Clock, Config, LocalAws, ScriptedDriver, SystemClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock: Arc<dyn Clock> = Arc::new(SystemClock);
//! let (sender, events) = tokio::sync::mpsc::unbounded_channel();
//! let driver = ScriptedDriver::new(sender, Arc::clone(&clock));
//! let local = LocalAws::new(Config::default(), clock, driver, events);
//! let request = http::Request::post("/")
//!     .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.CreateCluster")
//!     .body(r#"{"clusterName": "main"}"#.into())?;
//! assert_eq!(local.handle(request).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! `docs/fidelity.md` has all of them, with sources and doubts. Kept and read back, but without effect:
//! placement. Alarms are told to it ([`LocalAws::set_alarm`]), and so are metrics
//! ([`LocalAws::set_metric`]); the answers of hooks' functions are told ([`LocalAws::answer_hooks`]) or
//! asked for over HTTP ([`LocalAws::ask_hooks`]). Load balancers are served by [`LocalAws::balance`]
//! alone. Refused by name: other deployment controllers than `ECS`, and the operations that are not done.
//! Capacity never runs out, a daemon service has no instance to run on, and signatures are not looked at.
//! Nothing outlives the process. What AWS leaves unsettled is a switch: [`Switches`].

mod admin;
mod alb;
mod answer;
mod caller;
mod cbor;
mod clock;
mod cloud_map;
mod config;
mod connector;
mod container_log;
mod deliver;
mod dependency;
mod dns;
mod docker;
mod drive;
mod driver;
mod ecr;
mod ecs;
mod elb;
mod error;
mod events;
mod exchange;
mod fault;
mod function;
mod id;
mod image;
mod journal;
mod kms;
mod labels;
mod life;
mod local;
mod logs;
mod metadata;
mod neighbour;
mod process;
mod query;
mod recorder;
mod registry;
mod scaling;
mod scheduler;
mod scripted;
mod secrets_manager;
mod server;
mod session;
mod sqs;
mod ssm;
mod sts;
mod switches;
mod task_secret;
mod task_spec;
mod throttle;
mod validate;
mod wire;
mod world;

pub use alb::BalancerConfig;
pub use clock::{Clock, SystemClock, Time, TokioClock};
pub use config::{Config, Timing};
pub use connector::InProcess;
pub use dns::DnsServer;
pub use docker::{DockerConfig, DockerDriver, EngineError};
pub use driver::{LogLine, TaskDriver, TaskEvent, TaskEventKind, TaskEventSender, Usage};
pub use ecs::{HookAnswer, HookAnswerError, HookUrl, HookUrlError};
pub use elb::CertificateError;
pub use error::ApiError;
pub use events::{AnyFaultRule, EventFault, EventFaultRule};
pub use fault::{Call, Fault, FaultHook, FaultRule, FaultRuleError, When};
pub use image::{ImageEntry, ImageMap, ImageMapError};
pub use journal::Journal;
pub use local::LocalAws;
pub use process::{ProcessConfig, ProcessDriver, shim_main_if_asked};
pub use recorder::Recorded;
pub use registry::Image;
pub use scripted::{Script, ScriptedDriver};
pub use switches::Switches;
pub use task_spec::{
    ContainerSpec, HealthCheck, Mount, RestartPolicy, TaskSpec, Ulimit, Volume, VolumeSource,
};
pub use wire::ConnectionCut;
pub use world::World;
