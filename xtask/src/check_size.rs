//! `cargo xtask check-size`: no hand-written file grows past what one sitting can read.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

/// Lines, comments included.
const LIMIT: usize = 600;

/// Fails with every Rust file over the limit that is neither generated nor data.
pub(crate) fn run() -> Result<()> {
    let root = crate::workspace_root();
    let mut large = Vec::new();
    for folder in ["api", "cli", "controller", "crates", "gateway", "tests", "xtask"] {
        collect(&root.join(folder), &mut large)?;
    }
    ensure!(large.is_empty(), "over {LIMIT} lines, split by concept:\n  {}", large.join("\n  "));
    Ok(())
}

fn collect(folder: &Path, large: &mut Vec<String>) -> Result<()> {
    if !folder.is_dir() || folder.ends_with("generated") || folder.ends_with("target") {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, large)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(&path)?.lines().count();
            if lines > LIMIT {
                large.push(format!("{} has {lines}", path.display()));
            }
        }
    }
    Ok(())
}
