//! Fuzz targets for every parser that faces outside live in `fuzz/`, apart from the workspace: they need a nightly
//! compiler to run, but any compiler can see that they still fit the code.

use anyhow::{Result, bail};
use std::process::Command;

use crate::run::{cargo, has, must, root};

/// Compiles all targets, or runs one for `seconds`.
pub fn run(target: Option<&str>, seconds: u32) -> Result<()> {
    let Some(target) = target else {
        let shared = root().join("target");
        return must(
            cargo(&["check", "--quiet", "--manifest-path", "fuzz/Cargo.toml"]).env("CARGO_TARGET_DIR", shared),
        );
    };
    if !has("cargo-fuzz") {
        bail!("running a fuzz target needs `cargo install cargo-fuzz` and a nightly toolchain");
    }
    let limit = format!("-max_total_time={seconds}");
    // Without a sanitizer: there is no unsafe code here to watch, and every check counts in the code itself.
    let run = ["+nightly", "fuzz", "run", "-s", "none", target, "--", &limit];
    must(Command::new("cargo").args(run).current_dir(root()))
}
