//! `cox schema` prints what is kept in `manifests/schema`.

use std::{path::Path, process::Command};

#[test]
fn what_is_printed_is_what_is_kept() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/schema");
    for (arguments, name) in [
        (vec!["schema"], "coxswain.json"),
        (vec!["schema", "environment"], "environment.json"),
        (vec!["schema", "Service"], "service.json"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_cox")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == std::fs::read(kept.join(name)).unwrap(), "{name} differs");
    }
}
