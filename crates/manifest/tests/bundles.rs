//! Bundles on their way: torn, flipped, spliced, replayed and published by two at once.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail as tests do")]

use std::collections::BTreeMap;

use coxswain_manifest::{
    BuildError, Bundle, BundleError, BundleFault, MAX_BUNDLE_BYTES, ParameterValue, Pointer, Provenance,
    Signature, SourceFile, StandingBundle,
};
use fastrand::Rng;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), content: text.into() }
}

fn environment(name: &str, cluster: &str) -> SourceFile {
    let text = format!(
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: {name} }}\nspec: {{ cluster: {cluster} }}\n"
    );
    file("environment.yaml", &text)
}

fn bundle(sequence: u64, cluster: &str) -> Bundle {
    Bundle::build(vec![environment("dev", cluster)], sequence, Provenance::default(), &BTreeMap::new())
        .unwrap()
}

fn signed(sequence: u64, cluster: &str) -> Bundle {
    bundle(sequence, cluster).with_signature(Signature {
        key_id: "release".to_owned(),
        algorithm: "ECDSA_SHA_256".to_owned(),
        value: "bm90IHJlYWwgYnV0IHRoaXMgbG9uZw==".to_owned(),
    })
}

fn fault(refused: Result<Bundle, BundleError>) -> BundleFault {
    refused.unwrap_err().fault
}

#[test]
fn a_bundle_comes_back_with_everything_that_was_put_into_it() {
    let service = "apiVersion: coxswain.dev/v1\nkind: Service\nmetadata: { name: api }\nspec:\n  count: { fixed: 1 }\n  taskDefinition:\n    executionRoleArn: ${param:/role}\n    memory: 64\n    containerDefinitions: [{ name: x, image: \"${param:/image}\" }]\n  service: {}\n";
    let provenance = Provenance {
        commit: Some("0123abc".to_owned()),
        author: Some("Ann <ann@example.com>".to_owned()),
        message: Some("Say \"hello\"\n\nin two lines, ü".to_owned()),
    };
    let values = BTreeMap::from([
        ("/role".to_owned(), ParameterValue::String("arn:aws:iam::123456789012:role/x".to_owned())),
        ("/image".to_owned(), ParameterValue::Unavailable("not found".to_owned())),
        ("/foreign".to_owned(), ParameterValue::StringList(vec!["a".to_owned()])),
    ]);
    let files = vec![file("api.yaml", service), environment("dev", "main")];
    let built = Bundle::build(files, 7, provenance.clone(), &values).unwrap();
    let received = Bundle::parse(&built.to_bytes(), "dev", None).unwrap();
    assert_eq!(received, built);
    assert_eq!((received.environment(), received.sequence()), ("dev", 7));
    assert_eq!(received.provenance(), provenance);
    let kept = received.parameters();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["/role"], "neither unknown values nor foreign ones travel");
    let mut values = received.parameters();
    values.insert("/image".to_owned(), ParameterValue::StringList(Vec::new()));
    let resolved = received.load().unwrap().resolve(&values).unwrap();
    let blocked = resolved.objects.values().next().unwrap().as_ref().unwrap_err();
    assert_eq!(blocked[0].location.to_string(), "api.yaml:9:39", "the place in the publisher's file");
}

#[test]
fn the_order_of_files_changes_no_byte() {
    let files = || vec![environment("dev", "main"), file("a.yaml", "# nothing\n"), file("b/c.json", "")];
    let build = |files| Bundle::build(files, 1, Provenance::default(), &BTreeMap::new()).unwrap().to_bytes();
    assert_eq!(build(files()), build(files().into_iter().rev().collect()));
}

#[test]
fn what_has_errors_does_not_become_a_bundle() {
    let build = |files, sequence| {
        Bundle::build(files, sequence, Provenance::default(), &BTreeMap::new()).unwrap_err()
    };
    let BuildError::Invalid(loaded) = build(vec![environment("dev", "main"), file("a.yaml", "a: [")], 1)
    else {
        unreachable!("the file breaks off");
    };
    assert!(loaded.has_errors());
    assert!(matches!(build(Vec::new(), 1), BuildError::Invalid(_)), "nothing is not an empty environment");
    let twice = vec![environment("dev", "main"), environment("dev", "main")];
    assert!(matches!(build(twice, 1), BuildError::SamePath { .. }));
    assert!(matches!(build(vec![environment("dev", "main")], 0), BuildError::NoSequence));
}

#[test]
fn every_fault_is_told_by_its_name_with_the_digest_and_what_stands() {
    let (old, new) = (bundle(3, "old"), bundle(7, "new"));
    let (bytes, stands) = (new.to_bytes(), bundle(5, "standing").standing());
    let told = |bytes: &[u8], environment: &str, standing: Option<&StandingBundle>| {
        let error = Bundle::parse(bytes, environment, standing).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("bundle {} is refused: ", error.digest)), "{text}");
        assert_eq!(error.standing.as_ref(), standing);
        (error.digest.clone(), text.split("refused: ").nth(1).unwrap().to_owned())
    };
    let last = format!("; the last good one stands, sequence 5, {}", stands.digest);
    let json_bytes = String::from_utf8(bytes.clone()).unwrap().lines().nth(1).unwrap().len();
    let cut = &bytes[..bytes.len() - 10];
    let more = [&bytes[..], b"x"].concat();
    let newer = String::from_utf8(bytes.clone()).unwrap().replacen("\"bundle\":1", "\"bundle\":2", 1);
    for (found, expected) in [
        (
            told(cut, "dev", Some(&stands)),
            format!("it is torn: {} of {json_bytes} bytes have arrived", json_bytes - 9),
        ),
        (
            told(&more, "dev", Some(&stands)),
            format!(
                "it goes on behind its end of {json_bytes} bytes, as if two were written over each other"
            ),
        ),
        (
            told(&bytes, "prod", Some(&stands)),
            "it is for the environment \"dev\", and this is \"prod\"".to_owned(),
        ),
    ] {
        assert_eq!(found, (new.digest().clone(), expected + &last));
    }
    assert_eq!(
        told(&old.to_bytes(), "dev", Some(&stands)),
        (old.digest().clone(), format!("it is a replay: its sequence 3 is older than what stands{last}"))
    );
    assert_eq!(
        told(&bundle(5, "other").to_bytes(), "dev", Some(&stands)).1,
        format!("its sequence 5 is taken by another bundle, which stands: publish it again{last}")
    );
    assert_eq!(
        told(b"", "dev", None).1,
        "it does not begin with a bundle's header; nothing was changed by it"
    );
    assert!(
        told(newer.as_bytes(), "dev", None).1.starts_with("it has format 2, and this program knows format 1")
    );
    let flipped = String::from_utf8(bytes).unwrap().replacen("new", "now", 1);
    assert!(told(flipped.as_bytes(), "dev", None).1.starts_with("its content was changed or damaged: "));
}

#[test]
fn the_bundle_that_stands_may_be_read_again() {
    let stands = bundle(5, "a");
    assert_eq!(Bundle::parse(&stands.to_bytes(), "dev", Some(&stands.standing())), Ok(stands));
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    let huge = vec![b' '; MAX_BUNDLE_BYTES + 20 * 1024];
    assert!(matches!(fault(Bundle::parse(&huge, "dev", None)), BundleFault::TooLarge { .. }));
    let digest = bundle(1, "a").digest().to_string();
    let boast = format!("{{\"bundle\":1,\"digest\":\"{digest}\",\"bytes\":99999999999}}\n");
    assert!(matches!(fault(Bundle::parse(boast.as_bytes(), "dev", None)), BundleFault::TooLarge { .. }));
    let endless = vec![b'{'; 100_000];
    assert_eq!(fault(Bundle::parse(&endless, "dev", None)), BundleFault::NoBundle);
}

#[test]
fn another_spelling_of_the_same_header_is_not_what_was_published() {
    let text = String::from_utf8(bundle(1, "a").to_bytes()).unwrap();
    for (written, spelt) in [
        ("{\"bundle\":1,", "{ \"bundle\":1,"),
        ("\"bundle\":1,", "\"bundle\":1,\"signature\":null,"),
        ("\"bundle\":1,", "\"bundl\\u0065\":1,"),
        ("\"bundle\":1,", "\"bundle\":1,\"more\":1,"),
        ("}\n", "}\r\n"),
    ] {
        let changed = text.replacen(written, spelt, 1);
        assert_ne!(changed, text, "{written}");
        assert_eq!(fault(Bundle::parse(changed.as_bytes(), "dev", None)), BundleFault::NoBundle, "{spelt}");
    }
}

/// What a receiver may do with these bytes: take exactly one of the bundles that were published, or none.
fn taken_whole_or_not_at_all(bytes: &[u8], published: &[&Bundle]) -> bool {
    let Ok(bundle) = Bundle::parse(bytes, "dev", None) else { return false };
    let whole = published.iter().find(|one| one.digest() == bundle.digest());
    let whole = whole.unwrap_or_else(|| unreachable!("a bundle nobody published was taken: {bytes:?}"));
    // A signature is not covered by the digest: it is what verifies it.
    match bundle.signature() {
        Some(signature) => assert_eq!((*whole).clone().with_signature(signature.clone()), bundle),
        None => assert_eq!(bytes, whole.to_bytes(), "changed, and taken"),
    }
    true
}

#[test]
fn of_thirty_thousand_torn_bundles_none_is_taken() {
    let mut rng = Rng::with_seed(1);
    let published = [bundle(1, "a"), signed(2, "b")];
    for round in 0..30_000 {
        let one = &published[round % 2];
        let mut bytes = one.to_bytes();
        let end = rng.usize(0..bytes.len());
        if rng.bool() {
            bytes.truncate(end);
        } else {
            // A hole, as a page that was never written.
            let length = rng.usize(1..64).min(bytes.len() - end);
            bytes[end..end + length].fill(0);
        }
        assert!(!taken_whole_or_not_at_all(&bytes, &[]), "torn at {end}");
    }
}

#[test]
fn of_thirty_thousand_bundles_with_flipped_bits_none_is_taken_changed() {
    let mut rng = Rng::with_seed(2);
    let published = [&bundle(1, "a"), &signed(2, "b")];
    let (mut taken, mut refused) = (0, 0);
    for round in 0..30_000 {
        let mut bytes = published[round % 2].to_bytes();
        let mut flips: Vec<(usize, u8)> =
            (0..rng.usize(1..=4)).map(|_| (rng.usize(0..bytes.len()), rng.u8(0..8))).collect();
        flips.sort_unstable();
        flips.dedup();
        for (at, bit) in flips {
            bytes[at] ^= 1 << bit;
        }
        let was_taken = taken_whole_or_not_at_all(&bytes, &published);
        *(if was_taken { &mut taken } else { &mut refused }) += 1;
    }
    assert!(refused > 28_000 && taken < 2_000, "{taken} were taken: only a flipped signature may pass");
}

#[test]
fn of_twenty_thousand_bundles_written_over_each_other_none_is_half_of_each() {
    let mut rng = Rng::with_seed(3);
    let published = [&bundle(8, "aaaa"), &bundle(9, "bbbb"), &bundle(9, "cccccc")];
    let mut whole = 0;
    for _ in 0..20_000 {
        let (one, other) = (published[rng.usize(0..3)].to_bytes(), published[rng.usize(0..3)].to_bytes());
        let mut bytes = one.clone();
        for _ in 0..rng.usize(0..3) {
            let from = rng.usize(0..other.len());
            let to = (from + rng.usize(1..other.len())).min(other.len());
            bytes.resize(bytes.len().max(to), 0);
            bytes[from..to].copy_from_slice(&other[from..to]);
        }
        if rng.u8(0..4) == 0 {
            bytes.extend_from_slice(&other);
        }
        whole += usize::from(taken_whole_or_not_at_all(&bytes, &published));
    }
    assert!(whole > 1_000, "only {whole} were left whole: nothing was tested");
}

/// A bucket without any promise: publishers come in between one another, objects appear half written,
/// and a reader may get what an object was at some earlier time.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Bucket {
    fn put(&mut self, key: &str, bytes: Vec<u8>) {
        self.objects.entry(key.to_owned()).or_default().push(bytes);
    }

    fn get(&self, key: &str, rng: &mut Rng) -> Option<&[u8]> {
        let versions = self.objects.get(key)?;
        let back = if rng.u8(0..4) == 0 { rng.usize(0..versions.len()) } else { 0 };
        versions.get(versions.len() - 1 - back).map(Vec::as_slice)
    }
}

/// A publisher between two of its writes.
#[derive(Default)]
struct Publisher {
    writes: Vec<(String, Vec<u8>)>,
}

impl Publisher {
    /// The next write, whole or torn, of a bundle and then its pointer.
    fn step(&mut self, name: &str, bucket: &mut Bucket, all: &mut Vec<Bundle>, rng: &mut Rng) {
        if self.writes.is_empty() {
            let newest = all.iter().map(Bundle::sequence).max().unwrap_or(0);
            let sequence = (newest + rng.u64(0..3)).saturating_sub(1).max(1);
            let next = bundle(sequence, &format!("{name}{}", rng.u8(..)));
            let pointer = Pointer::to(&next);
            self.writes.push(("pointer".to_owned(), pointer.to_bytes()));
            self.writes.push((pointer.key, next.to_bytes()));
            all.push(next);
        }
        let (key, bytes) = self.writes.last().cloned().unwrap();
        if rng.u8(0..3) == 0 {
            bucket.put(&key, bytes[..rng.usize(0..bytes.len())].to_vec());
        } else {
            bucket.put(&key, bytes);
            self.writes.pop();
        }
    }
}

#[test]
fn in_twenty_thousand_steps_of_two_publishers_and_a_reader_what_stands_is_always_whole_and_never_older() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let (mut bucket, mut all) = (Bucket::default(), Vec::new());
        let mut publishers = [Publisher::default(), Publisher::default()];
        let mut stands: Option<StandingBundle> = None;
        for _ in 0..200 {
            if let who @ (0 | 1) = rng.usize(0..4) {
                publishers[who].step(["a", "b"][who], &mut bucket, &mut all, &mut rng);
                continue;
            }
            let Some(pointer) = bucket.get("pointer", &mut rng) else { continue };
            let read = Pointer::parse(pointer, "dev", stands.as_ref()).and_then(|pointer| {
                let bytes = bucket.get(&pointer.key, &mut rng).unwrap_or_default();
                pointer.open(bytes, stands.as_ref())
            });
            let Ok(read) = read else {
                refused += 1;
                continue;
            };
            assert!(all.contains(&read), "a bundle nobody published");
            if let Some(stands) = &stands {
                assert!(read.sequence() >= stands.sequence, "an older bundle");
                assert!(
                    read.sequence() > stands.sequence || *read.digest() == stands.digest,
                    "two of one number"
                );
            }
            taken += 1;
            stands = Some(read.standing());
        }
    }
    assert!(taken > 1_000 && refused > 1_000, "{taken} taken and {refused} refused: not much was tested");
}

#[test]
fn a_pointer_leads_to_its_own_bundle_only() {
    let (one, other) = (bundle(7, "a"), bundle(8, "b"));
    let pointer = Pointer::parse(&Pointer::to(&one).to_bytes(), "dev", None).unwrap();
    assert_eq!(pointer.open(&one.to_bytes(), None), Ok(one.clone()));
    let refused = pointer.open(&other.to_bytes(), None).unwrap_err();
    assert_eq!(refused.digest, *other.digest());
    assert_eq!(refused.fault, BundleFault::NotThePointers { named: one.digest().clone(), sequence: 7 });
}

#[test]
fn a_pointer_that_is_old_foreign_torn_or_leads_away_is_refused() {
    let pointer = Pointer::to(&bundle(7, "a"));
    let bytes = pointer.to_bytes();
    let parse = |bytes: &[u8], environment: &str, sequence: u64| {
        let stands = StandingBundle { sequence, ..bundle(7, "a").standing() };
        Pointer::parse(bytes, environment, Some(&stands)).map_err(|error| error.fault)
    };
    assert_eq!(parse(&bytes, "dev", 7), Ok(pointer.clone()));
    assert_eq!(parse(&bytes, "dev", 8), Err(BundleFault::Replayed { sequence: 7 }));
    assert!(matches!(parse(&bytes, "prod", 1), Err(BundleFault::OtherEnvironment { .. })));
    let moved = |key: &str| Pointer { key: key.to_owned(), ..pointer.clone() }.to_bytes();
    for bad in [
        bytes[..bytes.len() - 1].to_vec(),
        [&bytes[..], b"\n"].concat(),
        Vec::new(),
        vec![b'['; 100_000],
        moved("../other/bundle"),
        moved("/bundle"),
        moved("a//b"),
        moved(""),
        moved(&"x".repeat(2_000)),
    ] {
        assert!(matches!(parse(&bad, "dev", 1), Err(BundleFault::Malformed { .. })));
    }
}
