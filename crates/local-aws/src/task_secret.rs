//! What a task's secrets are when it starts: `valueFrom` of a task definition, looked up as ECS's agent
//! does.
//!
//! The texts are ECS's stopped reasons. Source: Amazon ECS developer guide, `ResourceInitializationError`;
//! stopped reasons that others published (docker-archive/compose-cli#1510, Releem/releem-agent#195,
//! rileydakota/valheim-ecs-fargate-cdk#9); the agent's own words, in `agent/asm` of aws/amazon-ecs-agent.

use serde_json::{Map, Value};

use crate::{ecs::Members, ssm::Around, world::World};

const UNABLE: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                      retrieval failed:";
const TRIED: &str = "service call has been retried 1 time(s):";

/// A secret that a task definition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskSecret {
    /// The container that wants it.
    pub(crate) container: String,
    pub(crate) purpose: Purpose,
    pub(crate) value_from: String,
}

/// What a secret is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `secrets`: the variable of that name.
    Variable(String),
    /// `logConfiguration.secretOptions`: an option of a log driver, which no driver here reads.
    LogOption,
    /// `repositoryCredentials`: who pulls the image, which comes from nowhere here.
    Registry,
}

impl TaskSecret {
    /// The secrets that a container's definition names: who pulls its image, its variables, its log's
    /// options.
    pub(crate) fn all_of(definition: &Value) -> Vec<Self> {
        let container = definition.text("name").unwrap_or_default();
        let named = |purpose: Purpose, from: &str| Self {
            container: container.to_owned(),
            purpose,
            value_from: from.to_owned(),
        };
        let login =
            definition.member("repositoryCredentials").and_then(|login| login.text("credentialsParameter"));
        let variables = definition.items("secrets").iter().filter_map(|secret| {
            let variable = secret.text("name")?.to_owned();
            Some(named(Purpose::Variable(variable), secret.text("valueFrom")?))
        });
        let log = definition.member("logConfiguration");
        let options = log.map(|log| log.items("secretOptions")).unwrap_or_default();
        let options =
            options.iter().filter_map(|option| Some(named(Purpose::LogOption, option.text("valueFrom")?)));
        login.into_iter().map(|from| named(Purpose::Registry, from)).chain(variables).chain(options).collect()
    }
}

impl World {
    /// The value of a task's secret; an error is the task's stopped reason.
    pub(crate) fn task_secret(&self, secret: &TaskSecret) -> Result<String, String> {
        let from = secret.value_from.as_str();
        if secret.purpose == Purpose::Registry {
            return self
                .registry_login(from)
                .map_err(|why| format!("{UNABLE} unable to get registry auth from asm: {TRIED} {why}"));
        }
        if is_secrets_managers(from) {
            return self
                .secret_value(from)
                .map_err(|why| format!("{UNABLE} unable to retrieve secret from asm: {TRIED} {why}"));
        }
        let now = self.clock.now();
        let value = self.parameters().secret(from, self, now);
        value.ok_or_else(|| {
            format!("{UNABLE} unable to retrieve secrets from ssm: {TRIED} invalid ssm parameters: {from}")
        })
    }

    fn secret_value(&self, from: &str) -> Result<String, String> {
        let named = Named::read(from).ok_or_else(|| {
            format!(
                "trying to retrieve secret with value {from} resulted in error: an invalid ARN format for the AWS \
                 Secrets Manager secret was specified. Specify a valid ARN and try again."
            )
        })?;
        let answer = self
            .secret(&named.arn, named.version, named.stage)
            .map_err(|error| format!("failed to fetch secret {} from secrets manager: {error}", named.arn))?;
        let text = answer.text("SecretString").ok_or_else(|| {
            format!("secret {} has no SecretString: a task gets no SecretBinary", named.arn)
        })?;
        match named.json_key {
            None => Ok(text.to_owned()),
            Some(key) => value_of(text, key),
        }
    }

    fn registry_login(&self, from: &str) -> Result<String, String> {
        let answer = self
            .secret(from, None, None)
            .map_err(|error| format!("asm fetching secret from the service for {from}: {error}"))?;
        let text =
            answer.text("SecretString").ok_or("asm fetching authorization data: empty secrets value")?;
        let login: Map<String, Value> = serde_json::from_str(text).map_err(
            |_| "asm fetching authorization data: unable to unmarshal secret value, invalid schema",
        )?;
        for member in ["username", "password"] {
            if login.text(member).is_none_or(str::is_empty) {
                return Err(format!("asm fetching {member}: AuthorizationData is malformed, empty field"));
            }
        }
        Ok(text.to_owned())
    }
}

fn is_secrets_managers(from: &str) -> bool {
    let mut parts = from.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some("secretsmanager")
}

/// A secret's ARN, and what follows it: `:json-key:version-stage:version-id`, each of which may be empty.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    arn: String,
    json_key: Option<&'a str>,
    stage: Option<&'a str>,
    version: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// `None` where there are neither seven parts nor ten.
    fn read(from: &'a str) -> Option<Self> {
        let parts: Vec<&str> = from.split(':').collect();
        let filled = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        match parts.as_slice() {
            [_, _, _, _, _, _, _] => {
                Some(Self { arn: from.to_owned(), json_key: None, stage: None, version: None })
            }
            [arn @ .., key, stage, version] if arn.len() == 7 => Some(Self {
                arn: arn.join(":"),
                json_key: filled(key),
                stage: filled(stage),
                version: filled(version),
            }),
            _ => None,
        }
    }
}

/// A key's value in a secret that is a JSON object.
///
/// AWS's error quotes the first letter that is no JSON; this one does not, since it is of a secret.
fn value_of(text: &str, key: &str) -> Result<String, String> {
    let members: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
        "invalid character looking for beginning of value (the secret is no JSON object)".to_owned()
    })?;
    let value = members.get(key);
    value
        .map(printed)
        .ok_or_else(|| format!("retrieved secret from Secrets Manager did not contain json key {key}"))
}

/// A JSON value as the agent, which is written in Go, prints one into a variable: `fmt`'s `%v` of what
/// `encoding/json` makes of it. So 1000000 becomes `1e+06`.
fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => printed_number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let mut pairs: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}:{}", printed(value))).collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

/// Go's shortest form of a number: with an exponent from a million on, and under 0.0001.
///
/// Source: Go's `fmt` package, on `%v` and `%g`; `strconv`, whose shortest form decides as six digits do.
fn printed_number(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests;
