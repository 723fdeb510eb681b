//! `secrets[].valueFrom`: what a task's secrets are when it starts.

use super::store::Parameters;

impl Parameters {
    /// The value that a task definition's `valueFrom` names: a parameter's ARN, or its name in this
    /// region. An error is the task's stopped reason.
    ///
    /// Source: Amazon ECS developer guide, `ResourceInitializationError` and Systems Manager
    /// parameters as environment variables.
    pub(crate) fn secret(&self, value_from: &str) -> Result<String, String> {
        const UNABLE: &str = "ResourceInitializationError: unable to pull secrets or registry auth:";
        if value_from.starts_with("arn:aws:secretsmanager:") {
            return Err(format!(
                "{UNABLE} unable to retrieve secret from asm: this local AWS has no Secrets Manager, \
                 which {value_from} is in"
            ));
        }
        self.current(self.name_of(value_from)).map(|stored| stored.value.clone()).ok_or_else(|| {
            format!(
                "{UNABLE} execution resource retrieval failed: unable to retrieve secrets from ssm: \
                 service call has been retried 1 time(s): invalid ssm parameters: {value_from}"
            )
        })
    }
}
