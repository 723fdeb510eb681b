use std::sync::Mutex;

use async_trait::async_trait;
use coxswain_store::{Operation, StoreError};

use super::*;
use crate::source::MemoryShelf;

fn files(cluster: &str) -> Vec<SourceFile> {
    let text = format!(
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec: {{ cluster: {cluster} }}\n"
    );
    vec![SourceFile { path: "environment.yaml".to_owned(), content: text.into() }]
}

fn offer(cluster: &str) -> Offer {
    Offer { files: files(cluster), ..Offer::default() }
}

/// Lets somebody else publish right before the pointer moves, loses an answer, or both.
#[derive(Debug, Default)]
struct Busy {
    shelf: MemoryShelf,
    rival: Mutex<Option<Offer>>,
    loses_the_answer: bool,
    never_arrives: bool,
}

#[async_trait]
impl Shelf for Busy {
    fn describe(&self) -> String {
        self.shelf.describe()
    }

    async fn pointer(&self, known: Option<&Mark>) -> Result<Look, ShelfError> {
        self.shelf.pointer(known).await
    }

    async fn bundle(&self, pointer: &Pointer) -> Result<Kept, ShelfError> {
        self.shelf.bundle(pointer).await
    }

    async fn put_bundle(&self, bundle: &Bundle) -> Result<Pointer, ShelfError> {
        self.shelf.put_bundle(bundle).await
    }

    async fn move_pointer(&self, pointer: &Pointer, seen: Option<&Mark>) -> Result<Moved, ShelfError> {
        let rival = self.rival.lock().unwrap().take();
        if let Some(rival) = rival {
            publish(&self.shelf, rival).await.unwrap();
        }
        if !self.never_arrives {
            let moved = self.shelf.move_pointer(pointer, seen).await?;
            if !self.loses_the_answer {
                return Ok(moved);
            }
        }
        Err(ShelfError::Bucket(StoreError::Unavailable {
            operation: Operation::Put,
            subject: "pointer.json".to_owned(),
            in_doubt: true,
            source: "no answer".into(),
        }))
    }

    async fn tidy(&self, _: &Pointer, _: &Keep) -> Result<(), ShelfError> {
        Ok(())
    }
}

async fn standing(shelf: &dyn Shelf) -> (u64, String) {
    let bundle = published(shelf, "dev").await.unwrap().bundle.unwrap();
    let loaded = bundle.load().unwrap();
    (bundle.sequence(), loaded.environment().unwrap().cluster.clone())
}

#[tokio::test]
async fn each_change_gets_the_next_number_and_the_same_manifests_get_none() {
    let shelf = MemoryShelf::new();
    let first = publish(&shelf, offer("one")).await.unwrap();
    assert_eq!((first.sequence, first.is_new), (1, true));
    let again = publish(&shelf, offer("one")).await.unwrap();
    assert_eq!((again.sequence, again.is_new, &again.digest), (1, false, &first.digest));
    let comment = Offer {
        files: files("one")
            .into_iter()
            .map(|file| SourceFile { content: [&file.content[..], b"# why\n"].concat(), ..file })
            .collect(),
        provenance: Provenance { commit: Some("0123abc".to_owned()), ..Provenance::default() },
        ..Offer::default()
    };
    assert!(!publish(&shelf, comment).await.unwrap().is_new, "a comment asks for nothing else");
    assert_eq!(publish(&shelf, offer("two")).await.unwrap().sequence, 2);
    assert_eq!(publish(&shelf, Offer { after: 40, ..offer("three") }).await.unwrap().sequence, 41);
    assert_eq!(standing(&shelf).await, (41, "three".to_owned()));
}

#[tokio::test]
async fn what_has_errors_touches_nothing() {
    let shelf = MemoryShelf::new();
    let broken = Offer {
        files: vec![SourceFile { path: "a.yaml".to_owned(), content: b"kind: Sevrice".to_vec() }],
        ..Offer::default()
    };
    let refused = publish(&shelf, broken).await.unwrap_err();
    assert!(matches!(refused, PublishError::Build(BuildError::Invalid(_))), "{refused:?}");
    assert_eq!((shelf.looks(), shelf.pointer_bytes(), shelf.bundles().len()), (0, None, 0));
}

#[tokio::test]
async fn of_two_publishers_one_is_published_and_the_other_is_told() {
    let busy = Busy { rival: Mutex::new(Some(offer("rival"))), ..Busy::default() };
    let refused = publish(&busy, offer("late")).await.unwrap_err();
    assert!(matches!(refused, PublishError::Overtaken { .. }), "{refused:?}");
    assert_eq!(standing(&busy).await, (1, "rival".to_owned()));
    assert_eq!(publish(&busy, offer("late")).await.unwrap().sequence, 2);
}

#[tokio::test]
async fn a_rival_with_the_same_manifests_is_no_rival() {
    let busy = Busy { rival: Mutex::new(Some(offer("same"))), ..Busy::default() };
    let published = publish(&busy, offer("same")).await.unwrap();
    assert_eq!(published.sequence, 1);
    assert_eq!(standing(&busy).await, (1, "same".to_owned()));
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking() {
    let arrived = Busy { loses_the_answer: true, ..Busy::default() };
    assert!(publish(&arrived, offer("one")).await.unwrap().is_new);

    let lost = Busy { never_arrives: true, ..Busy::default() };
    let doubt = publish(&lost, offer("one")).await.unwrap_err();
    assert!(matches!(doubt, PublishError::InDoubt { .. }), "{doubt:?}");
    assert_eq!(publish(&lost.shelf, offer("one")).await.unwrap().sequence, 1);

    let both = Busy { rival: Mutex::new(Some(offer("rival"))), loses_the_answer: true, ..Busy::default() };
    let refused = publish(&both, offer("late")).await.unwrap_err();
    assert!(matches!(refused, PublishError::Overtaken { .. }), "{refused:?}");
}

#[tokio::test]
async fn another_environments_shelf_and_one_without_a_pointer_are_left_alone() {
    let shelf = MemoryShelf::new();
    publish(&shelf, offer("one")).await.unwrap();
    let before = shelf.pointer_bytes();
    let text =
        "apiVersion: coxswain.dev/v1\nkind: Environment\nmetadata: { name: prod }\nspec: { cluster: x }\n";
    let prod = Offer {
        files: vec![SourceFile { path: "e.yaml".to_owned(), content: text.into() }],
        ..Offer::default()
    };
    let refused = publish(&shelf, prod).await.unwrap_err();
    assert!(refused.to_string().contains("holds the environment \"dev\""), "{refused}");
    assert_eq!(shelf.pointer_bytes(), before);

    shelf.damage_pointer(Some(b"somebody's notes".to_vec()));
    let refused = publish(&shelf, offer("two")).await.unwrap_err();
    assert!(matches!(refused, PublishError::NoPointer { .. }), "{refused:?}");
    assert_eq!(shelf.pointer_bytes().unwrap(), b"somebody's notes");
}

#[tokio::test]
async fn publishing_mends_a_bundle_that_was_lost_or_damaged() {
    let shelf = MemoryShelf::new();
    for damage in [None, Some(b"half of i".to_vec())] {
        let before = publish(&shelf, offer("one")).await.unwrap().sequence;
        let key = published(&shelf, "dev").await.unwrap().pointer.unwrap().key;
        shelf.damage_bundle(&key, damage);
        let mended = publish(&shelf, offer("one")).await.unwrap();
        assert_eq!((mended.sequence, mended.is_new), (before + 1, true));
    }
}
