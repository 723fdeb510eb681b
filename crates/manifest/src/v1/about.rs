//! What the kinds' own fields are for, in a sentence each: what `cox explain` and the editors' schemas say.
//! ECS's members are described by ECS's own pages.

/// The structure, its member, and the sentence.
const ABOUT: &[(&str, &str, &str)] = &[
    ("Count", "fixed", "How many tasks run."),
    ("Count", "unmanaged", "Whether somebody else, such as an autoscaler, decides how many tasks run."),
    ("Defaults", "service", "CreateService's JSON, merged under each Service's own."),
    ("Defaults", "taskDefinition", "RegisterTaskDefinition's JSON, merged under each Service's own."),
    ("Environment", "apiVersion", "The version of Coxswain's manifests."),
    ("Environment", "kind", "What the document is: where a bundle goes, and what its services share."),
    ("Environment", "metadata", "What the environment is called."),
    ("Environment", "spec", "Where the bundle goes, and what its services share."),
    (
        "EnvironmentSpec",
        "account",
        "The AWS account, to be read by ${env.account}; quoted, as it may begin with 0.",
    ),
    ("EnvironmentSpec", "cluster", "The ECS cluster's name."),
    ("EnvironmentSpec", "defaults", "What is merged under each Service, which may override any of it."),
    ("EnvironmentSpec", "policy", "What may be done without being asked."),
    ("EnvironmentSpec", "references", "What becomes of references after a bundle was taken."),
    ("EnvironmentSpec", "region", "The AWS Region."),
    ("EnvironmentSpec", "tags", "Tags of every task definition and service."),
    ("Metadata", "name", "The object's name, of A-Z, a-z, 0-9, _ and -; another name is another object."),
    ("Policy", "drift", "Whether a change that somebody made by hand is undone or told."),
    ("Policy", "prune", "Whether services are deleted whose manifest is gone: not in this version."),
    (
        "References",
        "refreshSeconds",
        "How often references are looked up again, in seconds; without it, only when a bundle is taken.",
    ),
    ("Rollout", "progressDeadlineSeconds", "How long a rollout may go without progress, in seconds."),
    ("Service", "apiVersion", "The version of Coxswain's manifests."),
    ("Service", "kind", "What the document is: an ECS service with its task definition."),
    ("Service", "metadata", "What the service is called."),
    ("Service", "spec", "The service as it is to be."),
    ("ServiceSpec", "count", "How many tasks run: { fixed: 2 }, or { unmanaged: true }."),
    ("ServiceSpec", "drift", "Whether a change that somebody made by hand is undone or told."),
    (
        "ServiceSpec",
        "ignoreDifferences",
        "Fields that are left alone, by their paths in a difference: containerDefinitions[api].image.",
    ),
    ("ServiceSpec", "rollout", "How a new version is brought out."),
    ("ServiceSpec", "service", "The service itself, as CreateService's JSON."),
    ("ServiceSpec", "suspend", "Whether nothing is changed for now, and only told."),
    ("ServiceSpec", "taskDefinition", "What each task runs, as RegisterTaskDefinition's JSON."),
];

/// What a member of a structure of the kinds' own is for; nothing for ECS's.
pub(crate) fn about(owner: &str, name: &str) -> Option<&'static str> {
    ABOUT.iter().find(|entry| (entry.0, entry.1) == (owner, name)).map(|entry| entry.2)
}
