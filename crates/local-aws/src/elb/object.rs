//! What ELB reads from S3: CA bundles and revocation lists.
//!
//! There is no S3 here. A bucket is a folder of this machine, or objects that somebody put by hand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use super::Balancing;

/// Longest object that is read: far above a trust store's.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Objects by bucket and key.
#[derive(Debug, Default)]
pub(super) struct Objects {
    kept: BTreeMap<(String, String), Vec<u8>>,
    folders: BTreeMap<String, PathBuf>,
}

impl Objects {
    /// The object, one put by hand before a file.
    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        if let Some(kept) = self.kept.get(&(bucket.to_owned(), key.to_owned())) {
            return Some(kept.clone());
        }
        let relative = Path::new(key);
        let stays_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let path = self.folders.get(bucket).filter(|_| stays_inside)?.join(relative);
        let length = fs::metadata(&path).ok()?.len();
        (length <= LONGEST).then(|| fs::read(path).ok()).flatten()
    }
}

impl Balancing {
    /// Has a bucket be a folder.
    pub(crate) fn put_folder(&self, bucket: &str, folder: PathBuf) {
        self.state().objects.folders.insert(bucket.to_owned(), folder);
    }

    /// Has an object in a bucket.
    pub(crate) fn put_object(&self, bucket: &str, key: &str, content: &[u8]) {
        self.state().objects.kept.insert((bucket.to_owned(), key.to_owned()), content.to_vec());
    }

    /// An object of a bucket.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(bucket, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_lead_out_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::write(folder.path().join("bucket/ca.pem"), "y").unwrap();
        let mut objects = Objects::default();
        objects.folders.insert("b".into(), folder.path().join("bucket"));
        assert_eq!(objects.get("b", "ca.pem").unwrap(), b"y");
        for key in ["../secret", "/etc/passwd", "./../secret", "missing"] {
            assert_eq!(objects.get("b", key), None, "{key}");
        }
        assert_eq!(objects.get("other", "ca.pem"), None);
    }
}
