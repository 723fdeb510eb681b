//! An address of its own for each task, as under `awsvpc`.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::id::Random;

/// All of them, as a subnet is written.
pub(super) const RANGE: &str = "127.64.0.0/10";

/// The first address, 127.64.0.1: Linux answers on all of 127.0.0.0/8 without further ado.
const FIRST: u32 = u32::from_be_bytes([127, 64, 0, 1]);

/// How many there are: 127.64.0.0/10 without its first and last.
const COUNT: u32 = (1 << 22) - 2;

/// Hands out loopback addresses in turn, so that a freed one rests as long as possible.
///
/// Clones share the range: all worlds are on one machine.
#[derive(Debug, Clone)]
pub(crate) struct Addresses(Arc<Mutex<Range>>);

#[derive(Debug)]
struct Range {
    taken: BTreeSet<u32>,
    next: u32,
}

impl Addresses {
    /// Begins anywhere in the range: two local ECS on one machine hardly ever meet.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self::beginning_at(u32::try_from(random.below(u64::from(COUNT))).unwrap_or(0))
    }

    fn beginning_at(next: u32) -> Self {
        Self(Arc::new(Mutex::new(Range { taken: BTreeSet::new(), next })))
    }

    /// An address that no task has; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<Ipv4Addr> {
        let mut range = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..COUNT {
            let offset = range.next;
            range.next = (range.next + 1) % COUNT;
            // 0 and 255 as last octet look like networks and broadcasts to many a tool.
            let plain = !matches!((FIRST + offset) & 0xff, 0 | 255);
            if plain && range.taken.insert(offset) {
                return Some(Ipv4Addr::from(FIRST + offset));
            }
        }
        None
    }

    /// Gives an address back.
    pub(crate) fn release(&self, address: Ipv4Addr) {
        let mut range = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        range.taken.remove(&u32::from(address).wrapping_sub(FIRST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tasks_share_an_address_and_a_freed_one_rests() {
        let addresses = Addresses::beginning_at(COUNT - 300);
        let first = addresses.take().unwrap();
        addresses.release(first);
        let many: BTreeSet<Ipv4Addr> = (0..600).map(|_| addresses.take().unwrap()).collect();
        assert_eq!(many.len(), 600);
        assert!(!many.contains(&first));
        assert!(many.iter().all(|address| !matches!(address.octets()[3], 0 | 255)));
        assert!(many.contains(&Ipv4Addr::new(127, 64, 0, 1)), "the range starts again at its end");
        assert!(many.iter().all(|address| (64..128).contains(&address.octets()[1])));
    }

    #[test]
    fn two_local_ecs_begin_at_different_addresses() {
        let first = |seed| Addresses::new(&mut Random::seeded(seed)).take().unwrap();
        assert_ne!(first(1), first(2));
        assert_eq!(first(1), first(1));
    }
}
