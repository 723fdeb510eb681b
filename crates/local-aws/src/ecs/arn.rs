//! ARNs: how they are built, and what people may write in their place.

/// Builds the ARNs of one account and region.
#[derive(Debug, Clone)]
pub(super) struct Names {
    account: String,
    region: String,
}

impl Names {
    pub(super) fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned() }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    fn ecs(&self, resource: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{resource}", self.region, self.account)
    }

    pub(super) fn cluster(&self, name: &str) -> String {
        self.ecs(&format!("cluster/{name}"))
    }

    pub(super) fn capacity_provider(&self, name: &str) -> String {
        self.ecs(&format!("capacity-provider/{name}"))
    }

    pub(super) fn service(&self, cluster: &str, name: &str) -> String {
        self.ecs(&format!("service/{cluster}/{name}"))
    }

    pub(super) fn service_revision(&self, cluster: &str, service: &str, number: u64) -> String {
        self.ecs(&format!("service-revision/{cluster}/{service}/{number}"))
    }

    pub(super) fn service_deployment(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs(&format!("service-deployment/{cluster}/{service}/{id}"))
    }

    pub(super) fn task_definition(&self, family: &str, revision: u64) -> String {
        self.ecs(&format!("task-definition/{family}:{revision}"))
    }

    pub(super) fn task(&self, cluster: &str, id: &str) -> String {
        self.ecs(&format!("task/{cluster}/{id}"))
    }

    pub(super) fn container_instance(&self, cluster: &str, id: &str) -> String {
        self.ecs(&format!("container-instance/{cluster}/{id}"))
    }

    pub(super) fn container(&self, cluster: &str, task: &str, id: &str) -> String {
        self.ecs(&format!("container/{cluster}/{task}/{id}"))
    }

    /// The role that ECS makes for itself in every account.
    pub(super) fn service_linked_role(&self) -> String {
        let account = &self.account;
        format!("arn:aws:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    }

    /// Who asked: signatures are not looked at, so it is always the account's root.
    pub(super) fn caller(&self) -> String {
        format!("arn:aws:iam::{}:root", self.account)
    }
}

/// The parts after `kind/` of an ECS ARN of that kind; `None` for anything else.
pub(super) fn parts<'a>(arn: &'a str, kind: &str) -> Option<Vec<&'a str>> {
    let resource = arn.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
    let (found, rest) = resource.split_once('/')?;
    (found == kind && arn.contains(":ecs:")).then(|| rest.split('/').collect())
}

/// The kind in an ECS ARN, such as `service`.
pub(super) fn kind(arn: &str) -> Option<&str> {
    let resource = arn.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
    arn.contains(":ecs:").then(|| resource.split_once('/').map(|(kind, _)| kind))?
}

/// A cluster's name from its name or ARN; `default` where none is given.
pub(super) fn cluster_name(reference: Option<&str>) -> &str {
    let Some(reference) = reference else { return "default" };
    parts(reference, "cluster").and_then(|parts| parts.first().copied()).unwrap_or(reference)
}

/// The last part of an ARN of that kind, or the reference itself where it is a name or an id.
pub(super) fn last_part<'a>(reference: &'a str, kind: &str) -> &'a str {
    parts(reference, kind).and_then(|parts| parts.last().copied()).unwrap_or(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_mean_the_same() {
        let names = Names::new("123456789012", "eu-central-1");
        assert_eq!(cluster_name(None), "default");
        assert_eq!(cluster_name(Some("prod")), "prod");
        assert_eq!(cluster_name(Some(&names.cluster("prod"))), "prod");
        assert_eq!(last_part(&names.service("prod", "web"), "service"), "web");
        assert_eq!(last_part("web", "service"), "web");
        assert_eq!(parts(&names.task("prod", "abc"), "task").unwrap(), ["prod", "abc"]);
        assert_eq!(parts(&names.task("prod", "abc"), "service"), None);
        assert_eq!(kind(&names.task_definition("web", 3)), Some("task-definition"));
        assert_eq!(kind("web"), None);
    }
}
