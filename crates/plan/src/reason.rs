//! The closed list of reasons: why a step is taken, or why a condition is what it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident: $cause:literal, $cure:literal;)*) => {
        /// Why a step is taken, or why a condition is what it is.
        ///
        /// Names are CamelCase on the wire, as Kubernetes' reasons are; the list is closed and each
        /// has its cause and cure in words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Reason {
            $(#[doc = $cause] $(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name as it stands in status, events and exit messages.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What has happened, in one sentence.
            pub fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)* }
            }

            /// What to do about it, in one sentence; empty where nothing needs doing.
            pub fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)* }
            }
        }
    };
}

reasons! {
    InSync: "Every field that the manifest owns is live.", "";
    NotCreated: "The service does not exist yet.", "";
    Deleted: "The service that Coxswain created is gone.", "";
    Retried: "A person asked to try the held rollout again.", "";
    DefinitionChanged: "The task definition in the manifest differs from the live one.", "";
    ServiceChanged: "Service fields in the manifest differ from the live ones.", "";
    CountChanged: "The desired count in the manifest differs from the live one.", "";
    TagsChanged: "Tags in the manifest differ from the live ones.", "";
    MemberRemoved: "A field that was applied before is no longer in the manifest and is reset.", "";
    Drifted: "Somebody else changed a field that the manifest owns.", "Change the manifest if the live value is the right one.";
    DriftReported: "A field differs from the manifest, and the drift policy only reports.", "Set policy.drift to correct, or change the manifest.";
    RolloutInProgress: "ECS is rolling the service out.", "";
    RollingBack: "ECS is rolling the service back to the last good deployment.", "";
    RolloutCompleted: "The last rollout completed.", "";
    TasksRunning: "As many tasks run as are wanted.", "";
    TasksMissing: "Fewer tasks run than are wanted.", "Look at the stopped tasks: cox describe service/NAME.";
    ScaledToZero: "No task is wanted.", "";
    CircuitBreakerRolledBack: "The circuit breaker stopped the rollout and rolled it back.", "Mend the cause and edit the manifest, or: cox retry service/NAME.";
    CircuitBreakerTripped: "The circuit breaker stopped the rollout, and there was nothing to roll back to.", "Mend the cause and edit the manifest, or: cox retry service/NAME.";
    AlarmTripped: "An alarm stopped the rollout.", "Mend the cause and edit the manifest, or: cox retry service/NAME.";
    RolloutStopped: "Somebody stopped the rollout.", "Edit the manifest, or: cox retry service/NAME.";
    RolloutFailed: "The rollout ended without success.", "Mend the cause and edit the manifest, or: cox retry service/NAME.";
    Superseded: "Another deployment replaced the rollout before it had ended.", "";
    ProgressDeadlineExceeded: "The rollout takes longer than its progress deadline.", "Look at the tasks: cox describe service/NAME.";
    EmergencyRollback: "Somebody moved the service back to an earlier good revision.", "Edit the manifest, or: cox retry service/NAME to roll forward again.";
    OutcomeUnknown: "A call was sent and its outcome cannot be known yet.", "Coxswain looks again by itself.";
    ReferenceUnresolved: "A reference in the manifest has no value.", "Create the parameter, or change the reference.";
    InvalidManifest: "The manifest does not validate.", "Run: cox validate.";
    CannotChange: "The manifest changes a field that ECS cannot change on a living service.", "Undo the change, or delete the service and let it be created again.";
    NotOwned: "A service of that name exists and is not Coxswain's.", "Hand it over by the tag coxswain.dev/environment, or choose another name.";
    Draining: "The service is being deleted.", "Coxswain creates it again once it is gone.";
    NotConverging: "The same fields were corrected again and again and do not stay.", "Find what else writes them, or take them out of the manifest.";
    Denied: "AWS refused a call for lack of permission.", "Grant the action that the message names.";
    Refused: "AWS refused a call as invalid.", "Change the field that the message names.";
    Unavailable: "AWS, or the store, does not answer.", "Nothing is changed meanwhile; Coxswain tries again by itself.";
    Throttled: "AWS throttles the calls.", "Coxswain slows down and tries again by itself.";
    RecordUnreadable: "What Coxswain remembers of the object cannot be read, and is never taken for empty.", "Restore the record that the message names, or delete it: what is live is then found again by its tags.";
    PlanRefused: "What was planned breaks a rule that no plan may break, and was not carried out.", "This is a fault of Coxswain's: report it with the rule that the message names; cox plan shows the plan.";
    Suspended: "The manifest suspends the object.", "Take spec.suspend out of the manifest.";
    KillSwitch: "The kill switch is set: nothing is sent to AWS.", "Once it is safe, remove the kill switch: the entry v1/kill-switch of the store.";
    LeaderChanged: "Another replica of the controller has taken the lead.", "";
    Orphaned: "The object is no longer in the manifests; it is left running.", "Delete the service by hand if it is no longer wanted.";
    SourceRead: "The manifests were read and are valid.", "";
    SourceUnreadable: "The manifests cannot be read; the last good ones stand.", "Make the source readable.";
    SourceUnsettled: "The manifests change while they are read; the last good ones stand.", "Finish the upload; Coxswain looks again by itself.";
    SourceUnverified: "No signature of the manifests is verified: whoever can write to the source decides what runs.", "Let nobody but the publisher write to the source.";
    NothingPublished: "Nothing was ever published to the source.", "Run: cox publish --to PLACE.";
    BundleMissing: "The pointer leads to a bundle that is not there; the last good one stands.", "Publish again.";
    BundleTorn: "The bundle is not there as a whole; the last good one stands.", "Publish again.";
    BundleTampered: "The bundle's content is not what its digest says; the last good one stands.", "Find out who can write to the source, and publish again.";
    BundleMalformed: "What the source holds is no bundle that this version reads; the last good one stands.", "Publish again, with a cox of the controller's version.";
    BundleTooLarge: "The bundle is larger than any that is taken; the last good one stands.", "Split the environment.";
    BundleReplayed: "The bundle is older than what stands, which stays.", "Publish again: the next number is above what stands.";
    SequenceTaken: "Another bundle with the same number stands, and stays.", "Publish again.";
    OtherEnvironment: "The manifests are of another environment than the one that is served; the last good ones stand.", "Point the controller, or the publisher, at the right place.";
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
