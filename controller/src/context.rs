//! What every look at an object has at hand, in one term.

use std::sync::Arc;

use coxswain_plan::Policy;
use coxswain_runtime::{Clock, DrainWatch};

use crate::{
    act::{Families, Refusals},
    authority::Authority,
    aws::Aws,
    desired::DesiredState,
    intents::Intents,
    observe::Observers,
    records::Records,
    report::Reporter,
};

/// What every look at an object has at hand.
///
/// All that is cached is here, and here only: a new term begins with a new one.
#[derive(Debug)]
pub struct Context {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// AWS, behind its rate limits and the fence of the term.
    pub aws: Arc<dyn Aws>,
    /// What the manifests ask, resolved; the last good of it.
    pub desired: DesiredState,
    /// What is remembered of each object.
    pub records: Records,
    /// What people asked for.
    pub intents: Arc<Intents>,
    /// Reads of ECS, batched and cached.
    pub observers: Observers,
    /// What AWS has refused.
    pub refusals: Refusals,
    /// Which families are being registered.
    pub families: Families,
    /// What a plan may do.
    pub policy: Policy,
    /// The writer of status.
    pub reporter: Arc<dyn Reporter>,
    /// The right to write.
    pub authority: Authority,
    /// Whether the program is ending: then no further step begins.
    pub drain: DrainWatch,
}
