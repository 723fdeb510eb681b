//! The nearest valid spelling, and where else in a schema a name is known.

use coxswain_ecs_shapes::{Kind, Shape};

/// The candidate that a misspelt word most probably means.
///
/// ```
/// use coxswain_manifest::nearest;
/// assert_eq!(nearest("netwrok_mode", ["networkMode", "cpu"].into_iter()), Some("networkMode"));
/// ```
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let folded = fold(word);
    if let Some(same) = candidates.clone().find(|candidate| fold(candidate) == folded) {
        return Some(same);
    }
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().min(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case, underscores and hyphens are how other tools spell the same name.
fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// No place is looked for deeper than this; ECS's own shapes end well above.
const DEPTH: usize = 10;

/// At most so many places are named.
const PLACES: usize = 3;

/// The paths below `root` at which a member of that name is known, shortest first.
pub(crate) fn places(root: &'static Shape, name: &str) -> Vec<String> {
    let wanted = fold(name);
    let mut found = Vec::new();
    let mut level = vec![(root, String::new())];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for (shape, path) in level {
            for member in shape.members() {
                let path = crate::faults::join(&path, member.name);
                if fold(member.name) == wanted && found.len() < PLACES {
                    found.push(path.clone());
                }
                let (shape, path) = opened(member.shape, path);
                next.push((shape, path));
            }
        }
        if !found.is_empty() || next.is_empty() {
            break;
        }
        level = next;
    }
    found
}

/// The structure inside lists.
fn opened(shape: &'static Shape, mut path: String) -> (&'static Shape, String) {
    let mut shape = shape;
    while let Kind::List { item, .. } = shape.kind {
        shape = item;
        path.push_str("[]");
    }
    (shape, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_tools_spellings_are_recognised() {
        let known = ["containerDefinitions", "cpu", "networkMode", "memory"];
        for (word, meant) in [
            ("container_definitions", Some("containerDefinitions")),
            ("ContainerDefinitions", Some("containerDefinitions")),
            ("CPU", Some("cpu")),
            ("netwrokMode", Some("networkMode")),
            ("conteinerDefinitons", Some("containerDefinitions")),
            ("mem", None),
            ("image", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
    }

    #[test]
    fn a_name_is_found_where_it_belongs() {
        let root = crate::v1::document(crate::Kind::Service);
        assert_eq!(places(root, "image"), ["spec.taskDefinition.containerDefinitions[].image"]);
        assert_eq!(places(root, "nowhere"), Vec::<String>::new());
    }
}
