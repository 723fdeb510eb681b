//! The environment that ECS adds to a container's own.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-environment-variables.html>

use std::io;

use super::{Credentials, secret};
use crate::{
    ecs::{Place, State},
    task_spec::TaskSpec,
};

/// Where the endpoints are, and what every task is told.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// Without a slash at its end; `None` where nothing is served over HTTP.
    pub(crate) url: Option<String>,
    pub(crate) account: String,
    pub(crate) region: String,
}

impl State {
    /// Gives a task its paths, and its containers the variables that name them.
    ///
    /// The task definition's own values of the region and of the execution environment win, those of the
    /// paths do not.
    pub(crate) fn equip(&mut self, task: &mut TaskSpec, around: &Surroundings) -> io::Result<()> {
        let Some(known) = self.tasks.get_mut(&task.task_id) else { return Ok(()) };
        let execution = if known.is_on_fargate() { "AWS_ECS_FARGATE" } else { "AWS_ECS_EC2" };
        for container in &mut task.containers {
            let mut usual = |name: &str, value: &str| {
                container.environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            };
            usual("AWS_EXECUTION_ENV", execution);
            usual("AWS_REGION", &around.region);
            usual("AWS_DEFAULT_REGION", &around.region);
        }
        let Some(url) = &around.url else { return Ok(()) };
        let credentials = match known.role() {
            Some(role) => {
                Some((secret::hex32()?, Credentials::of_role(role, &around.account, &task.task_id)))
            }
            None => None,
        };
        for container in &mut task.containers {
            let id = secret::hex32()?;
            let variables = &mut container.environment;
            variables.insert("ECS_CONTAINER_METADATA_URI_V4".to_owned(), format!("{url}/v4/{id}"));
            variables.insert("ECS_AGENT_URI".to_owned(), format!("{url}/api/{id}"));
            if let Some((id, _)) = &credentials {
                // ECS gives the path alone, under 169.254.170.2, where nothing can be served here.
                let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
                variables.insert(name.to_owned(), format!("{url}/v2/credentials/{id}"));
            }
            known.add_path(&id);
            let place = Place::Container { task: task.task_id.clone(), container: container.name.clone() };
            self.places.insert(id, place);
        }
        if let Some((id, credentials)) = credentials {
            known.credentials = Some(credentials);
            known.add_path(&id);
            self.places.insert(id, Place::Credentials { task: task.task_id.clone() });
        }
        Ok(())
    }
}
