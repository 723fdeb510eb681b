//! The arguments of the verbs that publish.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use coxswain_controller::source::{Keep, SourcePlace};

use super::{OneOutput, duration};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cox publish manifests/prod --to s3://example-manifests/prod/\n  \
                        cox publish manifests/prod --to ssm:/coxswain/prod --dry-run\n  \
                        cox publish manifests/prod --to s3-files://example-manifests/plain/")]
#[expect(clippy::struct_excessive_bools, reason = "flags, each read once")]
pub(crate) struct PublishArguments {
    /// The manifests; without it those of the `cox dev` that runs, else this folder
    pub(crate) path: Option<PathBuf>,

    /// Where to: s3://BUCKET/PREFIX/ or ssm:/PATH, or for plain files s3-files://BUCKET/PREFIX/
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: SourcePlace,

    /// Only show what would be published, and what it changes
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Publish manifests that are not as committed, too
    #[arg(long)]
    pub(crate) allow_dirty: bool,

    /// Look references up now, and publish their values; without it the controller does, once
    #[arg(long)]
    pub(crate) resolve: bool,

    /// Of bundles: keep so many of the newest there, and all younger than an hour; at most 5 in ssm:
    #[arg(long, value_name = "NUMBER", default_value_t = Keep::default().newest)]
    pub(crate) keep: usize,

    /// Of plain files: also replace and remove those there that were not published by cox
    #[arg(long)]
    pub(crate) replace_foreign: bool,

    /// Another endpoint for every AWS API
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// The AWS Region; without it the manifests', else that of the usual AWS configuration
    #[arg(long)]
    pub(crate) region: Option<String>,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: OneOutput,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cox apply manifests/prod --yes --wait")]
#[expect(clippy::struct_excessive_bools, reason = "flags, each read once")]
pub(crate) struct ApplyArguments {
    /// The manifests; without it those of the `cox dev` that runs, else this folder
    pub(crate) path: Option<PathBuf>,

    /// Only show the plan, as `cox plan` does
    #[arg(long, conflicts_with_all = ["yes", "wait"])]
    pub(crate) dry_run: bool,

    /// Do not show the plan and ask
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Then follow each service until it stands
    #[arg(long)]
    pub(crate) wait: bool,

    /// How long to wait for all of them, such as 90s or 10m
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Duration,

    /// Apply manifests that are not as committed, too
    #[arg(long)]
    pub(crate) allow_dirty: bool,

    /// The form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: OneOutput,
}
