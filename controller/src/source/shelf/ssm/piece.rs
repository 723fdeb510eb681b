//! A bundle in pieces that fit into parameters, and back.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use coxswain_manifest::MAX_BUNDLE_BYTES;
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};

use super::super::Kept;

/// The longest value of a parameter of the standard tier. Units: characters.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
const CHARACTERS: usize = 4_096;

/// The most pieces of a bundle: 3 MB compressed. An account has 10,000 parameters of the standard tier in a
/// Region, and three bundles may be there at once.
pub(super) const MOST_PIECES: usize = 1_000;

/// The values of a bundle's parameters, in order.
///
/// They are base64: no value of a parameter may hold `{{`.
#[derive(Debug)]
pub(super) struct Pieces(String);

impl Pieces {
    /// Compresses and cuts. The same bytes give the same pieces.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing into memory does not fail.
        let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
        Self(STANDARD.encode(compressed))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len().div_ceil(CHARACTERS)
    }

    /// Each piece's name and value: `0001-0013`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (String, &str)> {
        let count = self.len();
        (0..count).map(move |index| {
            let start = index * CHARACTERS;
            let end = (start + CHARACTERS).min(self.0.len());
            (format!("{:04}-{count:04}", index + 1), self.0.get(start..end).unwrap_or_default())
        })
    }
}

/// Puts pieces together, by name and value in any order.
pub(super) fn join(mut pieces: Vec<(String, String)>) -> Kept {
    pieces.sort_unstable();
    let Some((first, _)) = pieces.first() else { return Kept::Missing };
    let broken = |why: String| Kept::Broken { why };
    let Some(count) = first.split_once('-').and_then(|(_, count)| count.parse::<usize>().ok()) else {
        return broken(format!("{first:?} is no name of a piece"));
    };
    let is_whole = pieces.len() == count
        && pieces.iter().zip(1_usize..).all(|((name, _), number)| *name == format!("{number:04}-{count:04}"));
    if !is_whole {
        return broken(format!(
            "{} pieces are there, and the first says that there are {count}",
            pieces.len()
        ));
    }
    let text: String = pieces.into_iter().map(|(_, value)| value).collect();
    // Twice what a bundle may have is taken: what is a little too long is told by its own name.
    let unpacked = STANDARD.decode(text).map_err(|error| error.to_string());
    match unpacked.and_then(|bytes| unpack(&bytes, 2 * MAX_BUNDLE_BYTES as u64)) {
        Ok(bytes) => Kept::Whole(bytes),
        Err(why) => broken(format!("its pieces do not fit together: {why}")),
    }
}

/// What `compressed` unfolds to, and no more than `at_most` bytes of it.
fn unpack(compressed: &[u8], at_most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut decoder = GzDecoder::new(compressed).take(at_most);
    decoder.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(7);
        std::iter::repeat_with(|| rng.u8(..)).take(bytes).collect()
    }

    fn pieces(bytes: &[u8]) -> Vec<(String, String)> {
        Pieces::of(bytes).iter().map(|(name, value)| (name, value.to_owned())).collect()
    }

    #[test]
    fn bytes_come_back_whatever_their_length_and_order() {
        for length in [0, 1, 3_000, 3_072, 3_073, 40_000] {
            let bytes = noise(length);
            let mut cut = pieces(&bytes);
            assert!(cut.iter().all(|(_, value)| value.len() <= CHARACTERS && !value.contains("{{")));
            assert_eq!(cut.len(), Pieces::of(&bytes).len());
            cut.reverse();
            assert_eq!(join(cut), Kept::Whole(bytes), "{length} bytes");
        }
    }

    #[test]
    fn some_pieces_are_never_taken_for_all() {
        let all = pieces(&noise(40_000));
        for missing in 0..all.len() {
            let mut some = all.clone();
            some.remove(missing);
            assert!(matches!(join(some), Kept::Broken { .. }), "without piece {missing}");
        }
        let other = pieces(&noise(20_000));
        let mixed = all.iter().chain(&other).cloned().collect();
        assert!(matches!(join(mixed), Kept::Broken { .. }), "two cuts in one place");
        assert_eq!(join(Vec::new()), Kept::Missing);
        assert!(matches!(join(vec![("odd".to_owned(), String::new())]), Kept::Broken { .. }));
    }

    #[test]
    fn a_small_piece_that_unfolds_to_much_is_read_in_bounds() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![0; 100_000]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert_eq!(unpack(&bomb, 1_000).unwrap(), [0; 1_000]);
    }
}
