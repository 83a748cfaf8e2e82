//! How the program is linked for Linux: so that a start touches little of it. `cargo bench --bench idle` shows what that
//! is worth.

use std::process::Command;

const SELDOM: &str = "assets/seldom.ld";

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-changed={SELDOM}");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    if cargo("CARGO_CFG_TARGET_OS") != "linux" || has_own_linker() {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}/{SELDOM}", cargo("CARGO_MANIFEST_DIR"));
    if reads_packed_relocations() {
        // The table of what a start has to place becomes a twentieth: 4.5 MB that need not be read into memory.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn cargo(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Whether somebody has chosen a linker: not every one understands what is said here.
fn has_own_linker() -> bool {
    let flags = cargo("CARGO_ENCODED_RUSTFLAGS");
    !cargo("RUSTC_LINKER").is_empty() || ["fuse-ld", "linker"].iter().any(|word| flags.contains(word))
}

/// Whether the C library of the target reads packed relocations: Rust's own musl does, glibc from 2.36 on. Of another
/// machine's nothing is known.
fn reads_packed_relocations() -> bool {
    match cargo("CARGO_CFG_TARGET_ENV").as_str() {
        "musl" => true,
        "gnu" => cargo("HOST") == cargo("TARGET") && glibc().is_some_and(|version| version >= (2, 36)),
        _ => false,
    }
}

fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
