//! Texts that are much alike, kept small.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use lz4_flex::block::{
    DecompressError, compress_prepend_size_with_dict, decompress_size_prepended_with_dict,
};

/// How far back LZ4 can point. Source: the LZ4 block format, offsets of two bytes.
const WINDOW: usize = 64 * 1024;

/// The first text of each kind, which those after it are told by. It stays as long as the program runs, so
/// that equal texts of a kind are equal bytes.
static FIRST: LazyLock<RwLock<HashMap<TypeId, Arc<[u8]>>>> = LazyLock::new(RwLock::default);

/// A text of the kind that `T` stands for, compressed.
///
/// The services of an environment are alike: the same members, subnets, roles, images. So the first text of
/// a kind serves as the dictionary of the others, and what they have in common takes no room again.
///
/// # Guarantees
/// Equal texts of one kind have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed(Arc<[u8]>);

impl Packed {
    /// Packs a text.
    pub(crate) fn new<T: 'static>(text: &str) -> Self {
        let first = known::<T>().unwrap_or_else(|| begin::<T>(text));
        Self(compress_prepend_size_with_dict(text.as_bytes(), &first).into())
    }

    /// The text's bytes.
    ///
    /// # Errors
    /// Where it was packed as another kind.
    pub(crate) fn unpack<T: 'static>(&self) -> Result<Vec<u8>, DecompressError> {
        decompress_size_prepended_with_dict(&self.0, known::<T>().as_deref().unwrap_or_default())
    }
}

fn known<T: 'static>() -> Option<Arc<[u8]>> {
    FIRST.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<T>()).cloned()
}

/// Takes the text as the first of its kind, where nobody was faster.
fn begin<T: 'static>(text: &str) -> Arc<[u8]> {
    let window = text.as_bytes().get(..WINDOW).unwrap_or(text.as_bytes());
    let mut first = FIRST.write().unwrap_or_else(PoisonError::into_inner);
    first.entry(TypeId::of::<T>()).or_insert_with(|| window.into()).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Alike;
    struct Other;

    #[test]
    fn what_is_packed_comes_back_and_what_is_like_the_first_takes_little_room() {
        let text =
            |name: &str| format!(r#"{{"name":"{name}","{}":true}}"#, "launchType,subnets,roles".repeat(9));
        for name in ["first", "second", "", "\u{1f6a2}"] {
            let packed = Packed::new::<Alike>(&text(name));
            assert_eq!(packed.unpack::<Alike>().unwrap(), text(name).as_bytes());
            assert!(packed.0.len() < 60, "{name}: {} of {} bytes", packed.0.len(), text(name).len());
            assert_eq!(packed, Packed::new::<Alike>(&text(name)));
        }
    }

    #[test]
    fn a_text_that_is_longer_than_the_window_comes_back_whole_and_so_do_those_after_it() {
        let long = (0..40_000).map(|number: u32| number.to_string()).collect::<Vec<_>>().join(",");
        for text in [long.as_str(), "", "1,2,3", &long[1..]] {
            assert_eq!(Packed::new::<Other>(text).unpack::<Other>().unwrap(), text.as_bytes());
        }
    }
}
