//! Plans without acting on them: `cox plan` and `cox diff` show what the controller would do.

use std::{collections::BTreeMap, sync::Arc};

use coxswain_manifest::{Diagnostic, Key, Loaded};
use coxswain_plan::{Desired, Observed, Plan, Policy, Record, plan};
use coxswain_runtime::Clock;
use futures::{StreamExt, stream};

use crate::{
    aws::Aws,
    desired::Wanted,
    observe::{Observers, observe},
    phase::PhaseError,
    resolve::{References, resolve},
};

/// Objects observed at once; a multiple of what one DescribeServices takes.
const AT_ONCE: usize = 40;

/// What would be done about one object.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What the manifest asks.
    pub desired: Arc<Desired>,
    /// What is live.
    pub observed: Observed,
    /// What would be done.
    pub plan: Plan,
}

/// Plans for every object of a bundle, from what is live now.
///
/// `references` were looked up before. `records` are the controller's, where it can be asked; without one an object is compared two ways
/// only: what the manifest no longer names is not known to have been applied.
///
/// # Errors
/// The bundle's own errors, where it names no environment. An object that cannot be planned has its
/// error in its place.
pub async fn plan_for(
    loaded: &Loaded,
    references: &References,
    records: &BTreeMap<Key, Record>,
    aws: Arc<dyn Aws>,
    clock: Arc<dyn Clock>,
) -> Result<BTreeMap<Key, Result<Preview, PhaseError>>, Vec<Diagnostic>> {
    let objects = resolve(loaded, references, "preview")?;
    let observers = Observers::new(&aws, &clock);
    let looks = objects.into_iter().map(|(key, wanted)| {
        let record = records.get(&key).cloned().unwrap_or_else(|| Record::new(key.clone()));
        let (observers, aws, clock) = (&observers, aws.as_ref(), clock.as_ref());
        async move { (key, look(wanted, &record, observers, aws, clock).await) }
    });
    Ok(stream::iter(looks).buffer_unordered(AT_ONCE).collect().await)
}

async fn look(
    wanted: Wanted,
    record: &Record,
    observers: &Observers,
    aws: &dyn Aws,
    clock: &dyn Clock,
) -> Result<Preview, PhaseError> {
    let desired = match wanted {
        Wanted::Usable(asked) => Arc::new(asked.desired()),
        Wanted::Blocked { reason, diagnostics } => return Err(PhaseError::Blocked { reason, diagnostics }),
    };
    let observed = observe(&desired, record, observers, aws).await?;
    let plan = plan(&desired, record, &observed, &Policy::default(), clock.now());
    Ok(Preview { desired, observed, plan })
}
