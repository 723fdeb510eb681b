//! Rebalancing: a steady service whose tasks are unevenly spread over zones moves one at a time.
//!
//! A task is started in the emptiest zone first, and when it is healthy one of the fullest goes.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>

use super::{
    lifecycle,
    rolling::{self, Situation, Standing, cap},
};
use crate::{
    clock::Time,
    ecs::{Balance, Load, Service, State, StopCode, words},
};

/// How many tasks more than desired are wanted, while one is moved.
pub(super) fn extra(service: &Service) -> u64 {
    u64::from(service.balance == Balance::Starting)
}

/// Begins, ends or gives up the move of a task; to be called when nothing else moves.
pub(super) fn rebalance(state: &mut State, service: &mut Service, situation: &Situation, now: Time) {
    let Some(primary) = service.deployments.first() else { return };
    let (number, revision) = (primary.number, std::sync::Arc::clone(&primary.revision));
    let all_healthy = situation.members.iter().all(|member| member.standing == Standing::Healthy);
    let is_whole = u64::try_from(situation.members.len()) == Ok(situation.desired);
    if !(all_healthy && is_whole && service.deployments.len() == 1 && service.ongoing().is_none()) {
        // A deployment has other plans; one that waits for its new task goes on.
        if service.deployments.len() > 1 || service.ongoing().is_some() {
            service.balance = Balance::Even;
        }
        return;
    }
    if service.balance == Balance::Starting {
        service.balance = Balance::Stopping;
        stop_in_the_fullest(state, service, situation, now);
        state.agenda.look_at(&service.key);
        return;
    }
    let mut load = state.load(service.live.iter(), number);
    for zone in state.zones.usable(&revision.spec) {
        load.entry(zone).or_default();
    }
    let key = service.key.name.clone();
    if is_even(&load) {
        if service.balance == Balance::Stopping {
            service.events.say(&mut state.random, now, &key, &words::balanced(&load));
        }
        service.balance = Balance::Even;
    } else if service.is_rebalanced()
        && cap(service.desired_count, service.percent("maximumPercent", 200)) > service.desired_count
    {
        service.events.say(&mut state.random, now, &key, &words::not_balanced(&load));
        service.balance = Balance::Starting;
        state.agenda.look_at(&service.key);
    }
}

/// As even as the numbers allow.
fn is_even(load: &Load) -> bool {
    let most = load.values().max().copied().unwrap_or(0);
    most.saturating_sub(load.values().min().copied().unwrap_or(0)) <= 1
}

fn stop_in_the_fullest(state: &mut State, service: &mut Service, situation: &Situation, now: Time) {
    let Some(id) = service.deployments.first().map(crate::ecs::Deployment::id) else { return };
    let reason = format!("Scaling activity initiated by (deployment {id})");
    for id in rolling::surplus(&situation.members, 1) {
        let zone = state.tasks.get(&id).map(|task| task.zone.clone()).unwrap_or_default();
        lifecycle::stop_task(state, &id, StopCode::ServiceSchedulerInitiated, &reason, now);
        let text = words::stopped_to_rebalance(&id, &zone);
        service.events.say(&mut state.random, now, &service.key.name, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_one_is_even() {
        for (counts, even) in
            [(vec![2, 2, 1], true), (vec![3, 1, 1], false), (vec![0, 2], false), (vec![], true)]
        {
            let load: Load =
                counts.iter().enumerate().map(|(zone, count)| (zone.to_string(), *count)).collect();
            assert_eq!(is_even(&load), even, "{counts:?}");
        }
    }
}
