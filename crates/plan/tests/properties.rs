//! What holds of every sequence of edits, foreign changes, deaths and lost answers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a world that cannot be built fails the test, which is what it should do"
)]

mod shared {
    pub(crate) mod ecs;
    pub(crate) mod manifest;
    pub(crate) mod world;
}

use coxswain_plan::Reason;
use proptest::prelude::*;
use shared::world::{Act, VARIANTS, World};

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (prop::option::weighted(0.4, 0_u8..12), any::<bool>())
            .prop_map(|(dies_at, is_stale)| Act::Look { dies_at, is_stale }),
        3 => (0..VARIANTS.len()).prop_map(Act::Edit),
        3 => Just(Act::Tick),
        1 => (0_u32..5).prop_map(Act::SetCount),
        1 => any::<bool>().prop_map(|crashes| Act::ForeignDefinition { crashes }),
        1 => Just(Act::GoBack),
        1 => Just(Act::Tag),
        1 => Just(Act::TakeTags),
        1 => Just(Act::Delete),
        1 => Just(Act::Retry),
    ]
}

#[test]
fn a_rollout_that_fails_is_tried_once_and_once_more_for_each_retry() {
    let crashes_after_one_that_runs = [0, 2];
    let crashes_at_first = [2];
    let crashes_without_rollback = [0, 8];
    for variants in [&crashes_after_one_that_runs[..], &crashes_at_first, &crashes_without_rollback] {
        let mut world = World::new(variants[0]);
        for variant in variants {
            world.act(Act::Edit(*variant)).unwrap();
            world.rest().unwrap();
        }
        assert_eq!(world.started(), variants.len(), "{variants:?}");
        for retries in 1..=2 {
            world.act(Act::Retry).unwrap();
            let last = world.rest().unwrap();
            assert!(last.record.hold.is_some(), "{last}");
            assert_eq!(world.started(), variants.len() + retries, "{last}");
        }
    }
}

#[test]
fn a_retry_is_made_once_wherever_the_process_dies_in_it() {
    for dies_at in 0..12 {
        let mut world = World::new(0);
        world.rest().unwrap();
        world.act(Act::Edit(2)).unwrap();
        world.rest().unwrap();
        world.act(Act::Retry).unwrap();
        world.act(Act::Look { dies_at: Some(dies_at), is_stale: false }).unwrap();
        let hold = world.rest().unwrap().record.hold.expect("it failed again");
        assert_eq!(hold.reason, Reason::CircuitBreakerRolledBack, "died at {dies_at}");
        assert_eq!(world.started(), 3, "died at {dies_at}");
    }
}

#[test]
fn a_count_that_somebody_else_keeps_changing_is_corrected_five_times_an_hour() {
    let mut world = World::new(0);
    world.rest().unwrap();
    for time in 1..=7 {
        world.act(Act::SetCount(4)).unwrap();
        world.rest().unwrap();
        assert_eq!(world.count(), if time <= 5 { 2 } else { 4 }, "time {time}");
    }
}

#[test]
fn what_was_sent_without_an_answer_is_taken_back_once_the_manifest_names_it_no_more() {
    let with_a_tag_and_a_member_more = 5;
    for dies_at in 0..12 {
        let mut world = World::new(1);
        world.rest().unwrap();
        world.act(Act::Edit(with_a_tag_and_a_member_more)).unwrap();
        world.act(Act::Look { dies_at: Some(dies_at), is_stale: false }).unwrap();
        world.act(Act::Edit(1)).unwrap();
        let last = world.rest().unwrap();
        world.is_settled(&last).unwrap();
    }
}

proptest! {
    // A quarter of the usual number, which PROPTEST_CASES sets.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_live_is_as_wanted_in_the_end_or_is_held_with_a_reason(
        first in 0..VARIANTS.len(),
        acts in prop::collection::vec(act(), 0..24),
    ) {
        let mut world = World::new(first);
        for act in acts {
            world.act(act)?;
        }
        let last = world.rest()?;
        world.is_settled(&last)?;
        world.started_no_more_than_allowed()?;
    }

    #[test]
    fn a_manifest_that_nothing_disturbs_is_carried_out_in_one_plan(edits in prop::collection::vec(0..VARIANTS.len(), 1..6)) {
        let mut world = World::new(0);
        for edit in edits {
            world.act(Act::Edit(edit))?;
            world.rest()?;
            world.act(Act::Tick)?;
            let again = world.look(None, false)?;
            prop_assert!(again.steps.is_empty(), "{again}");
        }
        world.started_no_more_than_allowed()?;
    }
}
