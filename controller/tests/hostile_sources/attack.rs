//! What happens to a place between two readings of it.

use coxswain_controller::source::{MemoryShelf, Shelf};
use coxswain_manifest::{Bundle, Pointer};
use fastrand::Rng;

use crate::{
    parameters::Parameters,
    world::{World, foreign},
};

/// Somebody publishes, well or badly; `true` where that was all of it.
async fn honest<S: Shelf + Clone + 'static>(world: &mut World<S>) -> bool {
    match world.rng.u32(0..100) {
        0 => world.publish_twice_at_once(),
        1 => world.publish_in_part(),
        2 | 3 => drop(world.publish().await),
        _ => return false,
    }
    true
}

/// Cuts, flips or splices bytes.
fn damaged(rng: &mut Rng, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    match rng.u8(0..4) {
        0 => bytes.truncate(rng.usize(0..=bytes.len())),
        1 | 2 => {
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(0..bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.u8(0..8);
                }
            }
        }
        _ => {
            bytes.truncate(rng.usize(0..=bytes.len()));
            bytes.extend_from_slice(other.get(rng.usize(0..=other.len())..).unwrap_or_default());
        }
    }
    bytes
}

/// A pointer that leads to a bundle under another key than its own.
fn pointer(world: &mut World<MemoryShelf>, bundle: &Bundle) -> Pointer {
    let pointer = Pointer::to(bundle);
    if world.rng.bool() { Pointer { key: "bundles/elsewhere.json".to_owned(), ..pointer } } else { pointer }
}

/// One case on a shelf in memory. What was damaged before may stay so.
pub(crate) async fn on_a_shelf(world: &mut World<MemoryShelf>, shelf: &MemoryShelf) {
    if honest(world).await {
        return;
    }
    let Some(any) = world.any_bundle() else { return };
    let bytes = any.to_bytes();
    let (key, current) = match world.any_bundle() {
        Some(other) => (Pointer::to(&any).key, other.to_bytes()),
        None => (Pointer::to(&any).key, Vec::new()),
    };
    match world.rng.u8(0..10) {
        0 | 1 => {
            let bytes = damaged(&mut world.rng, bytes, &current);
            shelf.damage_bundle(&key, Some(bytes));
            shelf.damage_pointer(Some(Pointer::to(&any).to_bytes()));
        }
        2 => {
            let there = shelf.pointer_bytes().unwrap_or_else(|| Pointer::to(&any).to_bytes());
            let there = damaged(&mut world.rng, there, &bytes);
            shelf.damage_pointer(Some(there));
        }
        3 => shelf.damage_bundle(&key, None),
        4 => {
            // A replay: an old pointer, and the bundle as it was.
            shelf.damage_bundle(&key, Some(bytes));
            shelf.damage_pointer(Some(Pointer::to(&any).to_bytes()));
        }
        5 => {
            // Another bundle where this one should be.
            let pointer = pointer(world, &any);
            shelf.damage_bundle(&pointer.key, Some(current));
            shelf.damage_pointer(Some(pointer.to_bytes()));
        }
        6 => {
            let sequence = world.rng.u64(1..1_000_000);
            let foreign = foreign(sequence);
            shelf.damage_bundle(&Pointer::to(&foreign).key, Some(foreign.to_bytes()));
            shelf.damage_pointer(Some(Pointer::to(&foreign).to_bytes()));
        }
        7 => {
            // A foreign bundle under a pointer of this environment.
            let foreign = foreign(any.sequence());
            let pointer = Pointer { environment: "dev".to_owned(), ..Pointer::to(&foreign) };
            shelf.damage_bundle(&pointer.key, Some(foreign.to_bytes()));
            shelf.damage_pointer(Some(pointer.to_bytes()));
        }
        8 => shelf.damage_pointer(None),
        _ => {
            // The number is raised, the content is old.
            let pointer = Pointer { sequence: any.sequence() + 1_000, ..Pointer::to(&any) };
            shelf.damage_bundle(&pointer.key, Some(bytes));
            shelf.damage_pointer(Some(pointer.to_bytes()));
        }
    }
}

/// One case in parameters.
pub(crate) async fn on_parameters<S: Shelf + Clone + 'static>(world: &mut World<S>, parameters: &Parameters) {
    if honest(world).await {
        return;
    }
    let names = parameters.names();
    let pieces: Vec<&String> = names.iter().filter(|name| name.contains("/bundles/")).collect();
    let pointers: Vec<&String> = names.iter().filter(|name| name.contains("/pointers/")).collect();
    let Some(pointer) = world.rng.choice(&pointers) else { return };
    // Where no piece is left, the pointers are attacked all the more.
    let piece = world.rng.choice(&pieces).unwrap_or(pointer);
    let newest = pointers.iter().max_by_key(|name| number(name)).unwrap_or(pointer);
    // A piece of what the controller reads next, more often than any.
    let folder = format!("/bundles/{}-", number(newest));
    let next: Vec<&&String> = pieces.iter().filter(|piece| piece.contains(&folder)).collect();
    let next = world.rng.choice(&next).filter(|_| world.rng.u8(0..4) > 0);
    let piece = next.map_or(*piece, |next| **next);
    match world.rng.u8(0..32) {
        0..8 => {
            let value = damaged(&mut world.rng, parameters.value(piece).into_bytes(), b"H4sI");
            parameters.set(piece, &String::from_utf8_lossy(&value));
        }
        8..12 => parameters.remove(piece),
        12..16 => {
            let other = world.rng.choice(&pieces).map(|other| parameters.value(other)).unwrap_or_default();
            parameters.set(piece, &other);
        }
        16..20 => {
            let value = damaged(&mut world.rng, parameters.value(newest).into_bytes(), b"}");
            parameters.set(newest, &String::from_utf8_lossy(&value));
        }
        20..24 => {
            // An old pointer under a new number, or one whose own number is raised too.
            let value = parameters.value(pointer);
            let raised = number(newest) + 1;
            let value = match Pointer::parse(value.as_bytes(), "dev", None) {
                Ok(pointer) if world.rng.bool() => {
                    let raised = Pointer { sequence: raised, ..pointer };
                    String::from_utf8_lossy(&raised.to_bytes()).into_owned()
                }
                _ => value,
            };
            parameters.set(&format!("/coxswain/dev/pointers/{raised}"), &value);
        }
        24 => {
            let sequence = world.rng.u64(1..1_000_000);
            let foreign = Pointer::to(&foreign(sequence));
            let value = String::from_utf8_lossy(&foreign.to_bytes()).into_owned();
            parameters.set(newest, &value);
        }
        25 => {
            // Half of a tidy-up: everything but some pieces is gone.
            let keep = world.rng.usize(0..names.len());
            names.iter().skip(keep).for_each(|name| parameters.remove(name));
        }
        // Somebody takes the newest pointer away: the one before it counts again, ...
        26..29 => parameters.remove(newest),
        _ => {
            // ... or whatever is no pointer, as a publisher asks for.
            let is_none =
                |name: &&&String| Pointer::parse(parameters.value(name).as_bytes(), "dev", None).is_err();
            for name in pointers.iter().filter(is_none) {
                parameters.remove(name);
            }
        }
    }
}

fn number(name: &str) -> u64 {
    name.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
