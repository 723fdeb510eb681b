//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Most of what the loader relocates lies at regular distances: told as a bitmap (DT_RELR) it takes a
    // fiftieth of the room, in the file and in memory. Needs glibc 2.36, the release of Debian 12.
    // Source: https://maskray.me/blog/2021-10-31-relative-relocations-and-relr
    #[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script its target")]
    let target = |name: &str| std::env::var(name).unwrap_or_default();
    if target("CARGO_CFG_TARGET_OS") == "linux" && target("CARGO_CFG_TARGET_ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
