//! An operation's answer on its way to the wire.

use std::borrow::Cow;

use serde_json::Value;

/// What an operation answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Tree(Value),
    /// The same as JSON's text: a tree costs many times more to make, which tells where an operation is
    /// asked by everybody all the time.
    Text(Vec<u8>),
}

impl From<Value> for Answer {
    fn from(tree: Value) -> Self {
        Self::Tree(tree)
    }
}

impl Answer {
    /// As a tree, for whoever looks into it.
    pub(crate) fn tree(&self) -> Cow<'_, Value> {
        match self {
            Self::Tree(tree) => Cow::Borrowed(tree),
            // It was written by serde_json a moment ago.
            Self::Text(text) => Cow::Owned(serde_json::from_slice(text).unwrap_or_default()),
        }
    }

    /// As a tree.
    pub(crate) fn into_tree(self) -> Value {
        match self {
            Self::Tree(tree) => tree,
            text @ Self::Text(_) => text.tree().into_owned(),
        }
    }

    /// As JSON's text.
    pub(crate) fn into_text(self) -> Vec<u8> {
        match self {
            // A tree has no reason to fail.
            Self::Tree(tree) => serde_json::to_vec(&tree).unwrap_or_default(),
            Self::Text(text) => text,
        }
    }
}
