//! The walls between the rooms, checked: ARCHITECTURE.md's `may use` column against what cargo really resolved, and the
//! promises of the pure crates against their sources.

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::run::root;

/// Crates that promise to be `no_std`.
const NO_STD: &[&str] = &["model", "release", "pump"];

/// Crates that decide, and may not reach for the world to do it.
const PURE: &[&str] =
    &["model", "release", "pump", "fleet", "library", "intrusion", "exposure", "pki", "clinical", "wire", "api"];

/// What a pure crate's sources may not say, with the reason.
const WORLD: &[(&str, &str)] = &[
    ("tokio::", "no runtime"),
    ("SystemTime::now", "no clock"),
    ("Instant::now", "no clock"),
    ("std::fs", "no files"),
    ("std::net", "no network"),
    ("getrandom::", "no random source"),
    ("HashMap", "no order that differs from run to run"),
    ("HashSet", "no order that differs from run to run"),
];

/// What the world list does not count in, with the reason. It only shrinks.
const WORLD_ALLOWED: &[(&str, &str, &str)] = &[];

/// Checks every wall.
pub fn run() -> Result<()> {
    let mut broken = architecture()?;
    broken.extend(pure_sources()?);
    broken.extend(no_std()?);
    broken.extend(no_mutants()?);
    if broken.is_empty() {
        println!("walls: all stand");
        Ok(())
    } else {
        bail!("walls are broken:\n  {}", broken.join("\n  "))
    }
}

/// Features that let a test break a rule on purpose. No crate may ask for one but to test.
const TEST_ONLY_FEATURES: &[&str] = &["mutants"];

/// That no program can be built with a switched-off rule: only a dev-dependency may ask for such a feature.
fn no_mutants() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let mut broken = Vec::new();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            for feature in dependency.features.iter().filter(|f| TEST_ONLY_FEATURES.contains(&f.as_str())) {
                broken
                    .push(format!("{} asks {} for {feature}, which is for tests only", package.name, dependency.name));
            }
        }
        for (name, enables) in &package.features {
            let reaches = |to: &String| TEST_ONLY_FEATURES.iter().any(|f| to.ends_with(&format!("/{f}")) || to == f);
            if enables.iter().any(reaches) {
                broken.push(format!("{}'s feature {name} turns on one that is for tests only", package.name));
            }
        }
    }
    Ok(broken)
}

/// The rows of the table in ARCHITECTURE.md: crate name to the set that it may use.
fn allowed(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, uses] = cells.as_slice() else { continue };
        let names =
            uses.split(',').map(|n| n.trim().trim_matches('`').to_owned()).filter(|n| n != "–" && !n.is_empty());
        rows.insert(name.trim_matches('`').to_owned(), names.collect());
    }
    rows
}

fn architecture() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).context("reading ARCHITECTURE.md")?;
    let allowed = allowed(&text);
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let mut broken = Vec::new();
    let mut seen = BTreeSet::new();
    for package in &metadata.packages {
        let Some(short) = short_name(package.manifest_path.as_std_path()) else { continue };
        seen.insert(short.clone());
        let Some(may) = allowed.get(&short) else {
            broken.push(format!("{short} has no row in ARCHITECTURE.md"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let Some(used) = dependency.path.as_ref().and_then(|path| path.file_name()) else { continue };
            if !may.contains(used) {
                broken.push(format!("{short} uses {used}, which its row in ARCHITECTURE.md does not allow"));
            }
        }
    }
    broken
        .extend(allowed.keys().filter(|name| !seen.contains(*name)).map(|name| format!("the row {name} has no crate")));
    Ok(broken)
}

/// The crate's folder name, for crates under `crates/`.
fn short_name(manifest: &Path) -> Option<String> {
    let folder = manifest.parent()?;
    (folder.parent()?.file_name()? == "crates").then(|| folder.file_name().unwrap_or_default().to_string_lossy().into())
}

fn pure_sources() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for name in PURE {
        each_source(&root().join("crates").join(name).join("src"), &mut |path, text| {
            let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
            for (number, line) in production_lines(path, text) {
                for (word, why) in WORLD.iter().filter(|(word, _)| line.contains(word)) {
                    if !WORLD_ALLOWED.iter().any(|(file, allowed, _)| shown.ends_with(file) && allowed == word) {
                        broken.push(format!("{shown}:{number} says {word}: a pure crate has {why}"));
                    }
                }
            }
        })?;
    }
    Ok(broken)
}

/// Lines outside comments and outside tests.
fn production_lines<'a>(path: &Path, text: &'a str) -> Vec<(usize, &'a str)> {
    let name = path.to_string_lossy();
    if name.ends_with("tests.rs") || name.contains("/tests/") {
        return Vec::new();
    }
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.trim_start().starts_with("mod tests {"))
        .map(|(i, line)| (i + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .collect()
}

/// `no_std` as far as a machine without a bare-metal target can see it: the attribute is there, and no dependency is
/// resolved with its `std` feature when the crate is built alone.
fn no_std() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for name in NO_STD {
        let library = std::fs::read_to_string(root().join("crates").join(name).join("src/lib.rs"))?;
        if !library.lines().any(|line| line.trim() == "#![no_std]" || line.contains("no_std)]")) {
            broken.push(format!("{name} is not #![no_std]"));
        }
        let package = format!("wardline-{name}");
        let tree =
            crate::run::cargo(&["tree", "-p", &package, "-e", "normal,features", "--prefix", "none", "--locked"]);
        broken.extend(std_features(tree, name)?);
    }
    Ok(broken)
}

fn std_features(mut tree: std::process::Command, name: &str) -> Result<Vec<String>> {
    let out = tree.output().context("running cargo tree")?;
    let text = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(text
        .lines()
        .filter(|line| line.contains("feature \"std\""))
        .map(|line| format!("{name} is no_std but pulls in {line}"))
        .collect())
}

fn each_source(folder: &Path, visit: &mut impl FnMut(&Path, &str)) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            each_source(&path, visit)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            visit(&path, &std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_walls_stand() {
        super::run().expect("every wall of ARCHITECTURE.md");
    }

    #[test]
    fn a_row_is_read_as_written() {
        let rows = super::allowed("| `pump` | what a pump does | `model`, `release` |\n| `model` | nouns | – |\n");
        assert_eq!(rows["pump"].iter().collect::<Vec<_>>(), ["model", "release"]);
        assert!(rows["model"].is_empty());
    }
}
