//! What a source may do to a controller: nothing but show it the next bundle, whole.
//!
//! A hundred thousand generated cases, in two worlds: a shelf in memory, and parameters of Systems Manager.
//! In each case somebody publishes, two publish at once, one dies half-way, or whoever can write there
//! truncates, flips, splices, replays and removes what is there; then the controller reads it. Whatever
//! happened, the objects that stand are those of one bundle that a publisher made, never of an older one
//! than before, and never fewer because of a doubt.
//!
//! A failure names its seed and case; the same seed plays it again.

#[cfg(test)]
mod attack;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod world;

#[cfg(test)]
mod tests {
    use coxswain_controller::source::{MemoryShelf, SsmShelf};
    use coxswain_plan::Reason;

    use crate::{attack, parameters::Parameters, world::World};

    /// What a damaged bundle ends as anywhere.
    const ENDS: &[Reason] = &[
        Reason::SourceRead,
        Reason::NothingPublished,
        Reason::BundleMissing,
        Reason::BundleTorn,
        Reason::BundleTampered,
        Reason::BundleMalformed,
        Reason::BundleReplayed,
        Reason::OtherEnvironment,
    ];

    const MEMORY_CASES: u64 = 80_000;
    const PARAMETER_CASES: u64 = 20_000;

    #[tokio::test(start_paused = true)]
    async fn eighty_thousand_cases_on_a_shelf_never_apply_a_part_of_a_bundle_and_never_lose_an_object() {
        let shelf = MemoryShelf::new();
        let mut world = World::new(shelf.clone(), 0x0c05);
        for case in 0..MEMORY_CASES {
            attack::on_a_shelf(&mut world, &shelf).await;
            world.read(case).await;
        }
        world.saw(&[ENDS, &[Reason::SequenceTaken]].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_thousand_cases_in_parameters_never_apply_a_part_of_a_bundle_and_never_lose_an_object() {
        let parameters = Parameters::default();
        let mut world = World::new(SsmShelf::new(parameters.clone(), "/coxswain/dev"), 0x0551);
        for case in 0..PARAMETER_CASES {
            attack::on_parameters(&mut world, &parameters).await;
            world.read(case).await;
        }
        world.saw(ENDS);
    }
}
