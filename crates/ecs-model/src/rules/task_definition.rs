//! The rules of RegisterTaskDefinition's members.

use super::{
    Absent,
    Constant::{Bool, Text},
    Masking, Rule, Spelling, When,
};

const PARAMETERS: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html";
const CONTAINER: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html";
const PORT: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html";
const HEALTH: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html";
const RESTART: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html";
const DOCKER_VOLUME: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DockerVolumeConfiguration.html";
const EFS: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html";
const EFS_AUTHORIZATION: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSAuthorizationConfig.html";
const LOGGING: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html";
/// Definitions declared and read back from live accounts, July and August 2026: lists came permuted.
const READ_BACK: &str = "https://github.com/go-to-k/cdk-real-drift (tests/corpus/AWS__ECS__TaskDefinition)";
/// What ecspresso and Terraform's provider sort before they compare, for the same reason.
const SORTED_BY_OTHERS: &str = "https://github.com/kayac/ecspresso (sortTaskDefinition)";

const ROOT: &str = "RegisterTaskDefinitionRequest";
const DEFINITION: &str = "ContainerDefinition";

pub(super) static RULES: &[Rule] = &[
    Rule::of(ROOT, "containerDefinitions", READ_BACK).keyed(&["name"]),
    Rule::of(ROOT, "cpu", PARAMETERS).spelling(Spelling::CpuUnits),
    Rule::of(ROOT, "memory", PARAMETERS).spelling(Spelling::MemoryMib),
    Rule::of(ROOT, "taskRoleArn", PARAMETERS).spelling(Spelling::Role),
    Rule::of(ROOT, "executionRoleArn", PARAMETERS).spelling(Spelling::Role),
    Rule::of(ROOT, "networkMode", PARAMETERS).absent(Absent::When(When::NotFargate, Text("bridge"))),
    Rule::of(ROOT, "requiresCompatibilities", READ_BACK).set(),
    Rule::of(ROOT, "placementConstraints", SORTED_BY_OTHERS).keyed(&["type", "expression"]),
    Rule::of(ROOT, "volumes", READ_BACK).keyed(&["name"]),
    Rule::of(ROOT, "inferenceAccelerators", SORTED_BY_OTHERS).keyed(&["deviceName"]),
    Rule::of("RuntimePlatform", "operatingSystemFamily", PARAMETERS)
        .absent(Absent::When(When::Fargate, Text("LINUX"))),
    Rule::of("RuntimePlatform", "cpuArchitecture", PARAMETERS)
        .absent(Absent::When(When::Fargate, Text("X86_64"))),
    Rule::of("ProxyConfiguration", "properties", SORTED_BY_OTHERS).keyed(&["name"]),
    Rule::of("ProxyConfiguration", "type", PARAMETERS).text("APPMESH"),
    // Containers.
    Rule::of(DEFINITION, "cpu", READ_BACK).int(0),
    Rule::of(DEFINITION, "essential", CONTAINER).is(Bool(true)),
    Rule::of(DEFINITION, "versionConsistency", CONTAINER).text("enabled"),
    Rule::of(DEFINITION, "environment", READ_BACK).keyed(&["name"]),
    Rule::of(DEFINITION, "secrets", SORTED_BY_OTHERS).keyed(&["name"]),
    Rule::of(DEFINITION, "portMappings", READ_BACK).keyed(&[
        "containerPort",
        "containerPortRange",
        "protocol",
    ]),
    Rule::of(DEFINITION, "mountPoints", SORTED_BY_OTHERS).keyed(&["containerPath"]),
    Rule::of(DEFINITION, "volumesFrom", READ_BACK).keyed(&["sourceContainer"]),
    Rule::of(DEFINITION, "links", READ_BACK).set(),
    Rule::of(DEFINITION, "ulimits", SORTED_BY_OTHERS).keyed(&["name"]),
    Rule::of(DEFINITION, "systemControls", SORTED_BY_OTHERS).keyed(&["namespace"]),
    Rule::of(DEFINITION, "dependsOn", SORTED_BY_OTHERS).keyed(&["containerName"]),
    Rule::of(DEFINITION, "extraHosts", SORTED_BY_OTHERS).keyed(&["hostname", "ipAddress"]),
    Rule::of(DEFINITION, "dockerSecurityOptions", SORTED_BY_OTHERS).set(),
    Rule::of(DEFINITION, "resourceRequirements", SORTED_BY_OTHERS).keyed(&["type"]),
    Rule::of("PortMapping", "protocol", PORT).text("tcp").spelling(Spelling::Protocol),
    Rule::of("PortMapping", "hostPort", PORT).absent(Absent::HostPort("containerPort")),
    Rule::of("HealthCheck", "interval", HEALTH).int(30),
    Rule::of("HealthCheck", "timeout", HEALTH).int(5),
    Rule::of("HealthCheck", "retries", HEALTH).int(3),
    Rule::of("HealthCheck", "startPeriod", HEALTH).int(0),
    Rule::of("ContainerRestartPolicy", "restartAttemptPeriod", RESTART).int(300),
    Rule::of("ContainerRestartPolicy", "ignoredExitCodes", RESTART).set(),
    Rule::of("KernelCapabilities", "add", SORTED_BY_OTHERS).set(),
    Rule::of("KernelCapabilities", "drop", SORTED_BY_OTHERS).set(),
    Rule::of("LinuxParameters", "devices", SORTED_BY_OTHERS).keyed(&["hostPath", "containerPath"]),
    Rule::of("LinuxParameters", "tmpfs", SORTED_BY_OTHERS).keyed(&["containerPath"]),
    Rule::of("Device", "permissions", SORTED_BY_OTHERS).set(),
    Rule::of("LogConfiguration", "secretOptions", READ_BACK).keyed(&["name"]),
    // A log router's token may stand among the options; where logs go is no secret.
    Rule::of("LogConfiguration", "options", LOGGING).masking(Masking::ValuesExcept("awslogs-")),
    // Volumes.
    // Without any member it still asks for a Docker volume where none would be a host path.
    Rule::of("Volume", "dockerVolumeConfiguration", DOCKER_VOLUME).empty_counts(),
    Rule::of("DockerVolumeConfiguration", "scope", DOCKER_VOLUME).text("task"),
    // A network file system's driver takes its password here.
    Rule::of("DockerVolumeConfiguration", "driverOpts", DOCKER_VOLUME).masking(Masking::Values),
    Rule::of("EFSVolumeConfiguration", "rootDirectory", EFS).text("/"),
    Rule::of("EFSVolumeConfiguration", "transitEncryption", EFS).text("DISABLED"),
    Rule::of("EFSAuthorizationConfig", "iam", EFS_AUTHORIZATION).text("DISABLED"),
];
