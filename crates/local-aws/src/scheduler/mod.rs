//! The service scheduler: what happens by itself, decided from state and time alone.
//!
//! [`advance`] is the one entry for time, [`task_event`] the one for what the driver reports; both
//! change the state and leave what the driver is to do as effects.

mod breaker;
mod completion;
mod lifecycle;
mod moves;
mod pass;
mod rollback;
mod rolling;
mod shift;
mod zones;

pub(crate) use self::lifecycle::{stop_now, stop_task, task_event};
use crate::{
    clock::Time,
    ecs::{Alarm, Effect, State},
};

/// Does everything that is due at `now`, and says what the driver is to do.
pub(crate) fn advance(state: &mut State, now: Time) -> Vec<Effect> {
    loop {
        while let Some(alarm) = state.agenda.next_alarm(now) {
            ring(state, alarm, now);
        }
        // A look that starts or stops a task asks for another one; it ends when nothing moves.
        let Some(key) = state.agenda.next_due() else { break };
        pass::look_at(state, &key, now);
    }
    state.agenda.take_effects()
}

fn ring(state: &mut State, alarm: Alarm, now: Time) {
    match alarm {
        Alarm::Task(id) => lifecycle::move_on(state, &id, now),
        Alarm::Service(key) => state.agenda.look_at(&key),
        Alarm::ForgetTask(id) => state.forget_task(&id),
        Alarm::ForgetService(key) => state.forget_service(&key),
        Alarm::DeleteDefinition(family, revision) => state.delete_definition(family, revision, now),
    }
}
