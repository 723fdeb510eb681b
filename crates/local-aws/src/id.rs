//! Ids in the forms that ECS uses, drawn from a seed.

use std::hash::{BuildHasher, RandomState};

/// A small random source; not for secrets.
///
/// `SplitMix64`. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded from the operating system's randomness, which the standard library's hasher starts from.
    pub(crate) fn unseeded() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }

    /// Another source, told apart from this one by a digest.
    pub(crate) fn fork(&self, digest: &[u8]) -> Self {
        let apart = digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
        Self(self.0 ^ apart)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number under `limit`, 0 where that is 0; the slight bias does not matter here.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// 32 hexadecimal digits: tasks, containers' run times.
    pub(crate) fn hex32(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// A UUID of version 4: requests, events, attachments, containers.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff,
        )
    }

    /// 19 digits, the first no zero: deployments and service revisions.
    pub(crate) fn digits19(&mut self) -> u64 {
        1_000_000_000_000_000_000 + self.below(8_000_000_000_000_000_000)
    }

    /// Small letters and digits from 2 to 7: what Cloud Map has.
    pub(crate) fn base32(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
        self.letters(LETTERS, length)
    }

    fn letters(&mut self, letters: &[u8], length: usize) -> String {
        let mut letter = || {
            let index = usize::try_from(self.below(letters.len() as u64)).unwrap_or(0);
            char::from(letters.get(index).copied().unwrap_or(b'a'))
        };
        (0..length).map(|_| letter()).collect()
    }

    /// 21 letters and digits: service deployments.
    pub(crate) fn alphanumeric21(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        self.letters(LETTERS, 21)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_ecs_forms_and_repeat_with_their_seed() {
        let mut random = Random::seeded(1);
        assert_eq!(random.hex32().len(), 32);
        assert_eq!(random.digits19().to_string().len(), 19);
        assert_eq!(random.alphanumeric21().len(), 21);
        let uuid = random.uuid();
        assert_eq!(uuid.len(), 36, "{uuid}");
        assert_eq!(uuid.chars().nth(14), Some('4'), "{uuid}");
        assert_eq!(Random::seeded(1).hex32(), Random::seeded(1).hex32());
        assert_ne!(Random::seeded(1).hex32(), Random::seeded(2).hex32());
    }
}
