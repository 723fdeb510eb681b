//! The rolling deployment's arithmetic: how many tasks start, and which stop.
//!
//! Pure: the same situation gives the same moves. Source:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>

use std::{cmp::Reverse, collections::BTreeMap};

/// How a task that is wanted stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It does not run yet.
    Pending,
    /// Its health check failed.
    Unhealthy,
    /// It runs and has not shown that it is healthy.
    Settling,
    /// It runs and counts as healthy.
    Healthy,
}

/// A task that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: String,
    /// Whether the PRIMARY deployment started it.
    pub(super) is_primary: bool,
    pub(super) standing: Standing,
    /// Neither scaling in nor a deployment stops it.
    pub(super) is_protected: bool,
    /// Its availability zone.
    pub(super) zone: String,
}

/// What the scheduler decides from.
#[derive(Debug)]
pub(super) struct Situation {
    pub(super) desired: u64,
    pub(super) minimum_healthy_percent: u64,
    pub(super) maximum_percent: u64,
    /// Whether the PRIMARY deployment may launch: a failed one may not.
    pub(super) may_launch: bool,
    /// Whether tasks are still on their way out.
    pub(super) is_draining: bool,
    /// Oldest first.
    pub(super) members: Vec<Member>,
}

/// What the scheduler does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// How many tasks of the PRIMARY deployment start.
    pub(super) start: usize,
    /// How many of these stand in for unhealthy ones.
    pub(super) replaces_unhealthy: usize,
    /// Tasks that stop since they are too many or too old.
    pub(super) stop: Vec<String>,
    /// Tasks that stop since their health checks failed.
    pub(super) stop_unhealthy: Vec<String>,
    /// Tasks of the PRIMARY deployment that would be too many, and are protected.
    pub(super) held_by_protection: usize,
    /// The percentages allow neither a start nor a stop, and nothing else will come.
    pub(super) is_stuck: bool,
}

/// Fewest healthy running tasks: rounded up.
pub(super) fn floor(desired: u64, minimum_healthy_percent: u64) -> u64 {
    desired.saturating_mul(minimum_healthy_percent).div_ceil(100)
}

/// Most running and pending tasks: rounded down.
pub(super) fn cap(desired: u64, maximum_percent: u64) -> u64 {
    desired.saturating_mul(maximum_percent) / 100
}

/// Starts up to the cap, stops old tasks down to the floor, replaces unhealthy ones.
pub(super) fn decide(situation: &Situation) -> Moves {
    let members = &situation.members;
    let count = |wanted: &dyn Fn(&Member) -> bool| members.iter().filter(|member| wanted(member)).count();
    let desired = whole(situation.desired);
    let floor = whole(floor(situation.desired, situation.minimum_healthy_percent));
    let room = whole(cap(situation.desired, situation.maximum_percent)).saturating_sub(members.len());
    let fit = count(&|member| member.is_primary && member.standing != Standing::Unhealthy);
    let unhealthy = count(&|member| member.is_primary && member.standing == Standing::Unhealthy);
    let missing = if situation.may_launch { desired.saturating_sub(fit) } else { 0 };
    let start = missing.min(room);

    let mut moves = Moves { start, replaces_unhealthy: start.min(unhealthy), ..Moves::default() };
    if situation.may_launch {
        stop_old(members, floor, &mut moves);
    }
    stop_surplus(members, fit.saturating_sub(desired), &mut moves);
    stop_unhealthy(members, desired, missing > 0 && room == 0, &mut moves);
    let waits = situation.is_draining || members.iter().any(|member| member.standing != Standing::Healthy);
    moves.is_stuck =
        missing > 0 && start == 0 && moves.stop.is_empty() && moves.stop_unhealthy.is_empty() && !waits;
    moves
}

/// Old tasks that serve nothing go at once; those that serve go as far as the floor allows.
fn stop_old(members: &[Member], floor: usize, moves: &mut Moves) {
    let old = || members.iter().filter(|member| !member.is_primary);
    let serves = |member: &&Member| member.standing >= Standing::Settling;
    let healthy_new =
        members.iter().filter(|member| member.is_primary && member.standing == Standing::Healthy).count();
    // Old tasks that run count as serving even before they have proved it, so that a second change
    // right after a first one does not stop what is just coming up.
    let serving_old = old().filter(serves).count();
    let budget = (healthy_new + serving_old).saturating_sub(floor).min(serving_old);
    let may_stop = || old().filter(|member| !member.is_protected);
    moves.stop.extend(may_stop().filter(|member| !serves(member)).map(|member| member.id.clone()));
    let mut serving: Vec<&Member> = may_stop().filter(serves).collect();
    serving.sort_by_key(|member| member.standing);
    moves.stop.extend(serving.into_iter().take(budget).map(|member| member.id.clone()));
}

/// More tasks of the PRIMARY than are desired.
fn stop_surplus(members: &[Member], count: usize, moves: &mut Moves) {
    let stops = surplus(members, count);
    moves.held_by_protection = count.saturating_sub(stops.len());
    moves.stop.extend(stops);
}

/// So many tasks of the PRIMARY that can go: the least useful first, then those of the fullest zone,
/// then the newest.
pub(super) fn surplus(members: &[Member], count: usize) -> Vec<String> {
    let fit = || members.iter().filter(|member| member.is_primary && member.standing != Standing::Unhealthy);
    let mut crowds: BTreeMap<&str, usize> = BTreeMap::new();
    for member in fit() {
        *crowds.entry(&member.zone).or_default() += 1;
    }
    let mut left: Vec<&Member> = fit().rev().filter(|member| !member.is_protected).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let crowd = |member: &Member| crowds.get(member.zone.as_str()).copied().unwrap_or(0);
        let next =
            left.iter().enumerate().min_by_key(|(_, member)| (member.standing, Reverse(crowd(member))));
        let Some(place) = next.map(|(place, _)| place) else { break };
        let member = left.remove(place);
        crowds.entry(&member.zone).and_modify(|crowd| *crowd -= 1);
        chosen.push(member.id.clone());
    }
    chosen
}

/// Unhealthy tasks go once they are replaced; where the cap leaves no room for that, one by one first.
fn stop_unhealthy(members: &[Member], desired: usize, has_no_room: bool, moves: &mut Moves) {
    let unhealthy =
        members.iter().filter(|member| member.is_primary && member.standing == Standing::Unhealthy);
    let healthy =
        members.iter().filter(|member| member.is_primary && member.standing == Standing::Healthy).count();
    let count = match (healthy >= desired, has_no_room) {
        (true, _) => usize::MAX,
        (false, true) => 1,
        (false, false) => 0,
    };
    moves.stop_unhealthy.extend(unhealthy.take(count).map(|member| member.id.clone()));
}

fn whole(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members from letters: upper case for the PRIMARY's, lower case for old ones; H healthy,
    /// S settling, P pending, U unhealthy; X and x healthy and protected. Ids are the letters with their place.
    fn members(letters: &str) -> Vec<Member> {
        let member = |(place, letter): (usize, char)| Member {
            id: format!("{letter}{place}"),
            is_primary: letter.is_ascii_uppercase(),
            standing: match letter.to_ascii_uppercase() {
                'H' | 'X' => Standing::Healthy,
                'S' => Standing::Settling,
                'P' => Standing::Pending,
                _ => Standing::Unhealthy,
            },
            is_protected: letter.eq_ignore_ascii_case(&'X'),
            zone: "a".into(),
        };
        letters.chars().enumerate().map(member).collect()
    }

    fn moves(desired: u64, minimum: u64, maximum: u64, letters: &str) -> Moves {
        decide(&Situation {
            desired,
            minimum_healthy_percent: minimum,
            maximum_percent: maximum,
            may_launch: true,
            is_draining: false,
            members: members(letters),
        })
    }

    fn summary(moves: &Moves) -> String {
        let stuck = if moves.is_stuck { " stuck" } else { "" };
        let stopped: Vec<&String> = moves.stop.iter().chain(&moves.stop_unhealthy).collect();
        format!("+{} -{stopped:?}{stuck}", moves.start).replace('"', "")
    }

    #[test]
    fn the_floor_is_rounded_up_and_the_cap_down() {
        assert_eq!((floor(2, 75), cap(3, 125)), (2, 3));
        assert_eq!((floor(3, 50), cap(3, 150)), (2, 4));
        assert_eq!((floor(0, 100), cap(0, 200)), (0, 0));
    }

    #[test]
    fn moves_follow_the_documented_examples() {
        for (name, desired, minimum, maximum, letters, expected) in [
            ("a first deployment starts all", 2, 100, 200, "", "+2 -[]"),
            ("new tasks start beside the old ones", 2, 100, 200, "hh", "+2 -[]"),
            ("old tasks stay until new ones are healthy", 2, 100, 200, "hhSS", "+0 -[]"),
            ("one healthy new task releases one old task", 2, 100, 200, "hhHS", "+0 -[h0]"),
            ("all healthy: the old ones go", 2, 100, 200, "hhHH", "+0 -[h0, h1]"),
            ("a minimum under 100 stops first", 2, 50, 100, "hh", "+0 -[h0]"),
            ("and then starts", 2, 50, 100, "h", "+1 -[]"),
            ("two desired, at least 75 %: none can stop", 2, 75, 100, "hh", "+0 -[] stuck"),
            ("three desired, at most 125 %: none can start", 3, 100, 125, "hhh", "+0 -[] stuck"),
            ("nothing desired: all stop at once", 0, 100, 200, "hhH", "+0 -[h0, h1, H2]"),
            ("old tasks that never ran go at once", 2, 100, 200, "pu", "+2 -[p0, u1]"),
            ("old tasks that run are spared before they are healthy", 2, 100, 200, "ss", "+2 -[]"),
            ("scaling down stops the least useful first", 1, 100, 200, "HSP", "+0 -[P2, S1]"),
            ("scaling up starts the difference", 4, 100, 200, "HH", "+2 -[]"),
            ("a dead task is replaced", 3, 100, 200, "HH", "+1 -[]"),
            ("an unhealthy task is replaced first", 2, 100, 200, "HU", "+1 -[]"),
            ("and stops when the replacement is healthy", 2, 100, 200, "HUH", "+0 -[U1]"),
            ("a protected old task stays", 2, 100, 200, "xhHH", "+0 -[h1]"),
            ("and holds the room that it takes", 2, 100, 150, "xx", "+1 -[]"),
            ("so that the rest waits for it", 2, 100, 150, "xxH", "+0 -[] stuck"),
            ("a protected task is not scaled in", 1, 100, 200, "XHX", "+0 -[H1]"),
            ("though more run than are desired", 1, 100, 200, "XXX", "+0 -[]"),
            ("without room unhealthy ones stop one by one", 2, 50, 100, "UU", "+0 -[U0]"),
        ] {
            assert_eq!(summary(&moves(desired, minimum, maximum, letters)), expected, "{name}");
        }
    }

    #[test]
    fn a_replacement_of_an_unhealthy_task_is_called_one() {
        assert_eq!(moves(2, 100, 200, "HU").replaces_unhealthy, 1);
        assert_eq!(moves(2, 100, 200, "H").replaces_unhealthy, 0);
    }

    #[test]
    fn a_failed_deployment_launches_nothing_and_leaves_the_old_tasks_alone() {
        let situation = Situation {
            desired: 2,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            may_launch: false,
            is_draining: false,
            members: members("hh"),
        };
        assert_eq!(decide(&situation), Moves::default());
    }

    #[test]
    fn nothing_is_called_stuck_while_something_is_still_coming() {
        assert!(!moves(3, 100, 125, "hhs").is_stuck);
        let draining = Situation {
            desired: 3,
            minimum_healthy_percent: 100,
            maximum_percent: 125,
            may_launch: true,
            is_draining: true,
            members: members("hhh"),
        };
        assert!(!decide(&draining).is_stuck);
    }

    #[test]
    fn what_is_too_much_goes_from_the_fullest_zone_and_the_newest_first() {
        let mut members = members("HHHHHX");
        for (member, zone) in members.iter_mut().zip(["a", "b", "a", "c", "c", "a"]) {
            zone.clone_into(&mut member.zone);
        }
        assert_eq!(surplus(&members, 1), ["H2"]);
        assert_eq!(surplus(&members, 3), ["H2", "H4", "H0"]);
        assert_eq!(surplus(&members, 9).len(), 5, "the protected one stays");
    }

    #[test]
    fn no_moves_break_the_floor_or_the_cap() {
        const LETTERS: [char; 10] = ['h', 's', 'p', 'u', 'x', 'H', 'S', 'P', 'U', 'X'];
        for desired in 0..4 {
            for (minimum, maximum) in [(0, 100), (50, 100), (50, 150), (100, 150), (100, 200), (75, 125)] {
                for code in 0..LETTERS.len().pow(4) {
                    let letters: String = (0..4)
                        .map(|place| LETTERS[code / LETTERS.len().pow(place) % LETTERS.len()])
                        .collect();
                    let members = members(&letters);
                    let moves = moves(desired, minimum, maximum, &letters);
                    let total = members.len() + moves.start;
                    assert!(moves.start == 0 || total as u64 <= cap(desired, maximum), "{letters} {moves:?}");
                    let stopped = |member: &&Member| moves.stop.contains(&member.id);
                    let healthy = members.iter().filter(|member| member.standing == Standing::Healthy);
                    let serving = members.iter().filter(|member| member.standing >= Standing::Settling);
                    let left = serving.filter(|member| !stopped(member)).count() as u64;
                    let took_healthy = healthy.clone().any(|member| stopped(&member));
                    let protected = members.iter().filter(|member| member.is_protected);
                    assert!(!protected.clone().any(|member| stopped(&member)), "{letters} {moves:?}");
                    let surplus = members.iter().filter(|member| member.is_primary).count() as u64 > desired;
                    assert!(
                        !took_healthy || surplus || left >= floor(desired, minimum),
                        "{desired} {minimum}/{maximum} {letters} {moves:?}"
                    );
                }
            }
        }
    }
}
