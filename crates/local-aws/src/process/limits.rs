//! `ulimits`: what a container's programs may use, set right before its program is executed.

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::task_spec::Ulimit;

/// Between the limits of one container, and in place of none.
const BETWEEN: char = ',';

/// The limits as one argument: `nofile=1024:4096,core=0:0`.
pub(super) fn argument(limits: &[Ulimit]) -> String {
    let one = |limit: &Ulimit| format!("{}={}:{}", limit.name, limit.soft, limit.hard);
    limits.iter().map(one).collect::<Vec<_>>().join(&BETWEEN.to_string())
}

/// Sets the limits of [`argument`] for this process and what it becomes.
///
/// A limit above what this machine lets its user have becomes that. An error says which limit is refused.
pub(super) fn set(argument: &str) -> Result<(), String> {
    for limit in argument.split(BETWEEN).filter(|limit| !limit.is_empty()) {
        let refused = |why: &str| format!("the limit {limit} cannot be set: {why}");
        let (resource, wanted) = read(limit).ok_or_else(|| refused("there is none of that name"))?;
        let outcome = match setrlimit(resource, wanted) {
            Err(Errno::PERM) => setrlimit(resource, lowered(wanted, &getrlimit(resource))),
            done => done,
        };
        outcome.map_err(|error| refused(&error.to_string()))?;
    }
    Ok(())
}

/// What of the wanted limit may be had under the present one.
fn lowered(wanted: Rlimit, present: &Rlimit) -> Rlimit {
    let least = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    Rlimit {
        current: least(wanted.current, present.maximum),
        maximum: least(wanted.maximum, present.maximum),
    }
}

fn read(limit: &str) -> Option<(Resource, Rlimit)> {
    let (name, bounds) = limit.split_once('=')?;
    let (soft, hard) = bounds.split_once(':')?;
    // The greatest number is no limit.
    let bound = |text: &str| text.parse::<u64>().ok().map(|bound| (bound < u64::MAX).then_some(bound));
    Some((resource(name)?, Rlimit { current: bound(soft)?, maximum: bound(hard)? }))
}

fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_the_way_through_an_argument() {
        let limit = |name: &str, soft, hard| Ulimit { name: name.into(), soft, hard };
        let text = argument(&[limit("nofile", 1_024, u64::MAX), limit("core", 0, 0)]);
        let read: Vec<_> = text.split(BETWEEN).map(|limit| read(limit).unwrap()).collect();
        let of = |current, maximum| Rlimit { current, maximum };
        assert_eq!(read, [(Resource::Nofile, of(Some(1_024), None)), (Resource::Core, of(Some(0), Some(0)))]);
        assert!(set("").is_ok());
        assert!(set("moon=1:1").unwrap_err().contains("moon=1:1"));
    }

    #[test]
    fn what_may_not_be_had_becomes_what_may() {
        let of = |current, maximum| Rlimit { current, maximum };
        assert_eq!(lowered(of(Some(5), None), &of(Some(1), Some(3))), of(Some(3), Some(3)));
        assert_eq!(lowered(of(Some(2), Some(9)), &of(None, None)), of(Some(2), Some(9)));
    }
}
