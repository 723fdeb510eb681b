//! A place, opened: what reads from it, and what publishes to it.

use std::{path::PathBuf, sync::Arc};

use aws_config::SdkConfig;
use coxswain_store::{
    PathError,
    s3::{self, Objects},
};

use super::{
    DirectorySource, FilesSource, Folder, Nudge, PolledShelf, Polling, S3Shelf, Shelf, Source, SourcePlace,
    SsmShelf,
};
use crate::aws::Aws;

/// What places are reached with.
#[derive(Debug, Clone)]
pub struct Clients {
    /// For Systems Manager.
    pub aws: Arc<dyn Aws>,
    /// For buckets.
    pub s3: s3::Client,
}

impl Clients {
    /// The clients of a configuration. At an endpoint of one's own, names of buckets are no names of hosts.
    pub fn new(aws: Arc<dyn Aws>, config: &SdkConfig) -> Self {
        let of_ones_own = config.endpoint_url().is_some();
        let config = s3::config::Builder::from(config).force_path_style(of_ones_own).build();
        Self { aws, s3: s3::Client::from_conf(config) }
    }
}

/// Why a place is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is not said which environment's bundles are to be taken.
    #[error(
        "bundles are taken for one environment, and it is not said which: give its name by --environment"
    )]
    NoEnvironment,
    /// The prefix in the bucket.
    #[error("the prefix cannot be used")]
    Prefix(#[from] PathError),
}

/// A place, opened.
#[derive(Debug, Clone)]
pub struct OpenPlace {
    reads: Reads,
    polling: Polling,
}

#[derive(Debug, Clone)]
enum Reads {
    Directory(PathBuf),
    Folder(Arc<dyn Folder>),
    Shelf { shelf: Arc<dyn Shelf>, environment: String },
}

/// What a controller publishes to: its own source.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// The shelf.
    pub shelf: Arc<dyn Shelf>,
    /// The environment that is served.
    pub environment: String,
    /// Makes the source look at once.
    pub nudge: Nudge,
}

impl SourcePlace {
    /// The shelf that bundles are published to; none where the place holds plain files.
    ///
    /// # Errors
    /// If the prefix cannot be used.
    pub fn shelf(&self, clients: &Clients) -> Result<Option<Arc<dyn Shelf>>, PathError> {
        Ok(match self {
            Self::S3 { bucket, prefix } => {
                Some(Arc::new(S3Shelf::new(Objects::new(&clients.s3, bucket, prefix)?)))
            }
            Self::Ssm { path } => Some(Arc::new(SsmShelf::new(clients.aws.clone(), path))),
            Self::Directory(_) | Self::S3Files { .. } => None,
        })
    }

    /// The folder that plain manifests are published to; none for any other place.
    ///
    /// # Errors
    /// If the prefix cannot be used.
    pub fn folder(&self, clients: &Clients) -> Result<Option<Arc<dyn Folder>>, PathError> {
        Ok(match self {
            Self::S3Files { bucket, prefix } => Some(Arc::new(Objects::new(&clients.s3, bucket, prefix)?)),
            Self::Directory(_) | Self::S3 { .. } | Self::Ssm { .. } => None,
        })
    }
}

impl OpenPlace {
    /// Opens a place, without asking it anything yet.
    ///
    /// # Errors
    /// If bundles are to be read and it is not said for which environment.
    pub fn new(
        place: &SourcePlace,
        environment: Option<&str>,
        clients: &Clients,
        polling: Polling,
    ) -> Result<Self, OpenError> {
        let reads = match (place, place.shelf(clients)?, place.folder(clients)?) {
            (_, Some(shelf), _) => {
                let environment = environment.ok_or(OpenError::NoEnvironment)?.to_owned();
                Reads::Shelf { shelf, environment }
            }
            (_, _, Some(folder)) => Reads::Folder(folder),
            (SourcePlace::Directory(path), ..) => Reads::Directory(path.clone()),
            // These have a shelf or a folder.
            _ => return Err(OpenError::NoEnvironment),
        };
        Ok(Self { reads, polling })
    }

    /// A reader that has read nothing yet.
    pub fn source(&self) -> Box<dyn Source> {
        let polling = self.polling.clone();
        match &self.reads {
            Reads::Directory(path) => Box::new(DirectorySource::watched(path)),
            Reads::Folder(folder) => Box::new(FilesSource::new(folder.clone(), polling)),
            Reads::Shelf { shelf, environment } => {
                Box::new(PolledShelf::new(shelf.clone(), environment, polling))
            }
        }
    }

    /// What publishes to it; nothing where the next reading of it would undo that.
    pub fn publisher(&self) -> Option<Publisher> {
        match &self.reads {
            Reads::Shelf { shelf, environment } => Some(Publisher {
                shelf: shelf.clone(),
                environment: environment.clone(),
                nudge: self.polling.nudge.clone(),
            }),
            Reads::Directory(_) | Reads::Folder(_) => None,
        }
    }
}
