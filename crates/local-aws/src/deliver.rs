//! What ECS says and what is said of calls to it, on the way to the queues that rules send it to.

use serde_json::Value;

use crate::{
    answer::Answer,
    clock::Time,
    error::ApiError,
    events::{Answered, Caller},
    world::World,
};

impl World {
    /// Has everything that ECS says, and what CloudTrail says of calls to it, go to a queue, which is
    /// made where there is none.
    ///
    /// # Errors
    /// Where SQS would refuse the name, or EventBridge the rule.
    pub fn send_events_to(&self, queue: &str) -> Result<(), ApiError> {
        self.create_queue(queue)?;
        self.bus.listen_to_ecs(queue, &self.queues.arn(queue), self.clock.now())
    }

    /// Takes on what there is to tell, and hands over what has arrived.
    pub(crate) fn deliver(&self) {
        let now = self.clock.now();
        if self.bus.is_heard() {
            let (told, delay) = {
                let mut state = self.state();
                (state.notices.take(), state.timing.event_delivery)
            };
            for event in told {
                self.bus.publish(&event, delay, now);
            }
        }
        for delivery in self.bus.due(now) {
            if !self.queues.deliver(&delivery.queue, delivery.message, now) {
                tracing::warn!(
                    queue = delivery.queue,
                    "an event is lost: the queue is not there, or refuses it"
                );
            }
        }
    }

    /// Tells of a call to ECS, as CloudTrail does.
    pub(crate) fn tell_of_call(
        &self,
        (operation, request): (&'static str, &Value),
        caller: &Caller,
        outcome: &Result<Answer, ApiError>,
    ) {
        if !self.bus.is_heard() {
            return;
        }
        let now = self.clock.now();
        let delay = self.state().timing.api_call_delivery;
        let tree = outcome.as_ref().map(Answer::tree);
        let outcome = tree.as_ref().map(AsRef::as_ref).map_err(|error| *error);
        let call = Answered { operation, request, outcome, caller };
        let event = self.bus.of_call(&call, now);
        self.bus.publish(&event, delay, now);
        self.deliver();
        // The loop may have to rise earlier than it meant to.
        self.wake();
    }

    /// When something of this arrives.
    pub(crate) fn delivers_at(&self) -> Option<Time> {
        self.bus.wakes_at()
    }
}
