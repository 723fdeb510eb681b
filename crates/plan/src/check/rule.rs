//! The rules by name.

use std::fmt;

/// A rule that a plan breaks, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which rule.
    pub rule: Rule,
    /// In words, for people; never with a secret in it.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a plan must keep to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

rules! {
    /// Nothing is written while the manifest suspends the object.
    WriteWhileSuspended,
    /// Nothing is written to a service that is not ours.
    WriteToForeignService,
    /// Nothing is written while the service is being deleted.
    WriteWhileDraining,
    /// Nothing is written while the outcome of a call cannot be known.
    WriteWhileInDoubt,
    /// Nothing is written while the plan itself says that something stands in the way.
    WriteWhileBlocked,
    /// A held digest is not rolled out.
    RolloutWhileHeld,
    /// What is in flight is not rolled out once more.
    RolloutTwice,
    /// An answer that may be older than our own change shows no drift.
    CorrectionOnStaleAnswer,
    /// Drift is left where the policy only reports it.
    CorrectionAgainstPolicy,
    /// A field is corrected so many times an hour and no more.
    CorrectionBeyondBudget,
    /// Where all was sent before, whatever is settled is a correction and counts as one.
    CorrectionUncounted,
    /// One call of each kind at most.
    StepTwice,
    /// A service is created or updated, never both.
    CreateAndUpdate,
    /// A service is created only where there is none.
    CreateOverService,
    /// Only a service that is there is changed.
    ChangeWithoutService,
    /// A revision is registered only for a step that uses it.
    RegisteredForNothing,
    /// A step that names a revision has it registered.
    NotRegistered,
    /// A revision is registered before it is used.
    RegisteredTooLate,
    /// One digest throughout: of what is wanted.
    DigestMismatch,
    /// Every step has a reason, and that it is in sync is none.
    StepWithoutReason,
    /// Every step says why, in words.
    StepWithoutWords,
    /// Every change shows what it settles.
    StepWithoutDifference,
    /// A definition is registered as it is wanted.
    RegisterNotAsWanted,
    /// A revision carries its digest and its owner, so that it is found again.
    RevisionNotTagged,
    /// Only a revision that we remember with that digest is used again.
    RevisionNotOurs,
    /// A service is created with its owner's tag.
    CreateNotTagged,
    /// A service is created as it is wanted, and the revision is named by the step.
    CreateNotAsWanted,
    /// A call goes to the object's own cluster, service and ARN.
    WrongTarget,
    /// What UpdateService cannot take is not sent.
    ImmutableMember,
    /// A count that the manifest does not own is not sent, and one that it owns is sent as it is.
    WrongCount,
    /// The task definition is named only where the definition differs; a pure scale leaves it out.
    TaskDefinitionUnneeded,
    /// A change of capacity providers forces a new deployment, or ECS refuses it.
    NotForced,
    /// Nothing else forces a new deployment, but a person's retry.
    ForcedForNothing,
    /// ECS replaces parts of a deployment configuration, so it is sent whole.
    ConfigurationNotWhole,
    /// Only members that differ are sent.
    MemberUnexplained,
    /// A member that differs and is to be settled is sent.
    DifferenceUnsettled,
    /// Whether an update starts a rollout is said, and rightly.
    RolloutMismarked,
    /// An update changes something.
    EmptyChange,
    /// A tag is taken off only where we had set it and no longer want it.
    ForeignTag,
    /// Tags of AWS's own are not touched.
    ReservedTag,
    /// Tags are set as they are wanted.
    WrongTag,
    /// What is shown as a difference is ours.
    DifferenceNotOwned,
    /// What differs is shown.
    DifferenceMissing,
    /// What is shown as a difference differs, and a step's are among the plan's.
    DifferenceInvented,
    /// What the manifest ignores is not shown.
    DifferenceIgnored,
    /// No secret appears.
    SecretShown,
    /// The plan and its record are of this object, in this layout and epoch.
    WrongObject,
    /// The living service's identity is kept.
    IdentityLost,
    /// A hold stays until the manifest changes or somebody says retry.
    HoldForgotten,
    /// A rollout that ends other than successful is held.
    FailureNotHeld,
    /// A rollout in flight is forgotten only with its end told, or once it is sure that it never began.
    InFlightDropped,
    /// Success is what ECS says of that very deployment.
    SuccessInvented,
    /// What was good once is known by a success or by ECS's own word.
    GoodInvented,
    /// Corrections of the last hour, and revisions of ours, are remembered.
    MemoryLost,
    /// What is remembered as sent is what is sent.
    SendsWrong,
    /// Each condition is there exactly once, with words.
    ConditionsIncomplete,
    /// The condition agrees with the hold.
    HeldDisagrees,
    /// Synced is said where nothing differs, and only there.
    SyncedDisagrees,
    /// The condition agrees with the manifest.
    SuspendedDisagrees,
    /// What stands in the way is said.
    BlockedDisagrees,
    /// Nothing that is not there works or moves.
    HealthWithoutService,
    /// What is in flight or in doubt is looked at again, and in the future.
    LookMissing,
}
