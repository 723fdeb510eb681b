//! Every AWS operation that the controller calls: a closed list, so that its rights can be read off it.

use std::fmt;

/// Which of AWS's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Elastic Container Service.
    Ecs,
    /// Systems Manager, for parameters.
    Ssm,
    /// CloudWatch Logs, for the last lines of a task that failed.
    Logs,
    /// Elastic Container Registry, for the digests that tags stand for.
    Ecr,
}

impl Api {
    /// The prefix of its IAM actions: `ecs`.
    pub fn iam_prefix(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Ssm => "ssm",
            Self::Logs => "logs",
            Self::Ecr => "ecr",
        }
    }
}

macro_rules! operations {
    ($($name:ident: $api:ident, $reads:literal, $doc:literal;)*) => {
        /// An operation, as AWS names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $(#[doc = $doc] $name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// AWS's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Whose operation it is.
            pub fn api(self) -> Api {
                match self { $(Self::$name => Api::$api,)* }
            }

            /// Whether it changes nothing, so that no failure of it leaves a doubt.
            pub fn only_reads(self) -> bool {
                match self { $(Self::$name => $reads,)* }
            }
        }
    };
}

operations! {
    CreateService: Ecs, false, "Creates a service.";
    DescribeServiceDeployments: Ecs, true, "How rollouts ended, at most 20 at once.";
    DescribeServices: Ecs, true, "Services by name, at most ten at once.";
    DescribeTaskDefinition: Ecs, true, "A revision by ARN, or a family's newest.";
    DescribeTasks: Ecs, true, "Tasks by ARN, at most 100 at once.";
    ListServiceDeployments: Ecs, true, "A service's rollouts, newest first.";
    ListTasks: Ecs, true, "A service's tasks.";
    RegisterTaskDefinition: Ecs, false, "Makes a new revision of a family.";
    TagResource: Ecs, false, "Sets tags.";
    UntagResource: Ecs, false, "Removes tags.";
    UpdateService: Ecs, false, "Changes a service.";
    DeleteParameters: Ssm, false, "Removes parameters, at most ten at once.";
    GetParameters: Ssm, true, "Parameters by name, at most ten at once.";
    GetParametersByPath: Ssm, true, "Parameters under a path, ten a page.";
    PutParameter: Ssm, false, "Sets a parameter.";
    GetLogEvents: Logs, true, "Lines of a log stream.";
    DescribeImages: Ecr, true, "An image of a repository by its tag.";
    DescribeRepositories: Ecr, true, "A repository by its name.";
}

impl Operation {
    /// The action that a policy must allow: `ecs:UpdateService`.
    pub fn iam_action(self) -> String {
        format!("{}:{}", self.api().iam_prefix(), self.name())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
