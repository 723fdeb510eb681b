//! Ids that nobody can guess.

use std::{fs::File, io, io::Read};

/// 32 hexadecimal digits from the operating system's source of randomness.
///
/// The ids of resources come from another, repeatable source, whose next number follows from the last.
pub(crate) fn hex32() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::hex32;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (hex32().unwrap(), hex32().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
