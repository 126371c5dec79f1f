//! Everything that reads the code without running it.

use anyhow::{Result, bail};
use std::process::Command;

use crate::run::{cargo, has, must, root, under_ci};
use crate::{tools, trace, walls};

/// Format, lints, walls, trace, licences, documentation: the cheap ones first.
pub fn run() -> Result<()> {
    must(&mut cargo(&["fmt", "--all", "--check"]))?;
    walls::run()?;
    trace::run()?;
    must(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    // A module's own page may point at a private neighbour: its reader has the source beside it.
    let flags = "-D warnings -A rustdoc::private-intra-doc-links";
    must(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", flags))?;
    licences()
}

/// Licences, banned crates and sources by cargo-deny. Advisories need a feed from the internet, which a hospital's
/// build machine may not have; they are checked where there is one (`cargo deny check advisories`).
fn licences() -> Result<()> {
    let own = tools::python_env().join("bin/cargo-deny");
    let program = if own.is_file() { Some(own.clone().into_os_string()) } else { None };
    match program.or_else(|| has("cargo-deny").then(|| "cargo-deny".into())) {
        Some(program) => must(Command::new(program).args(["check", "licenses", "bans", "sources"]).current_dir(root())),
        None if under_ci() => bail!("cargo-deny is missing; `cargo xtask test` installs it"),
        None => {
            println!("\x1b[33mSKIPPED\x1b[0m licences: cargo-deny is missing (`cargo xtask test` installs it)");
            Ok(())
        }
    }
}
