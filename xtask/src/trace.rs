//! The matrix of never events against code and tests.
//!
//! Marks are `covers!("N2")` in the code that upholds a never event and in the test that would fail if it were broken.
//! An event without a test, an event that nothing in production upholds, and a mark that names nothing known are
//! orphans, and orphans fail the build.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::run::root;

/// The never events, in the words of docs/safety.md.
const NEVER: &[(&str, &str)] = &[
    ("N1", "a hub or network condition touches a running infusion"),
    ("N2", "a therapy-touching release switches while a channel is busy"),
    ("N3", "limits change under an infusion"),
    ("N4", "the library that was approved differs from the one executed"),
    ("N5", "an alarm is lost, delayed or reprioritised"),
    ("N6", "a half-written or mixed release is active"),
    ("N7", "a failed update leaves a pump without a usable library"),
    ("N8", "quarantine or revocation stops or silences therapy"),
    ("N9", "an order reaches the wrong pump or starts by itself"),
    ("N10", "a unit, decimal or rounding changes on the way"),
    ("N11", "an acknowledged event or approved decision is lost or doubled"),
    ("N12", "a nurse must power-cycle or answer a prompt for an update"),
    ("N13", "a thief of the hub makes a pump run what nobody signed"),
    ("N14", "one compromised pump acts as another"),
];

/// Never events whose subject does not exist yet, with the room that will bring it. This list only shrinks.
const NOT_YET: &[(&str, &str)] = &[("N9", "orders arrive with the EMR connection (clinical)")];

#[derive(Default)]
struct Marks {
    upheld: Vec<String>,
    tested: Vec<String>,
}

/// Prints the matrix; fails on orphans.
pub fn run() -> Result<()> {
    let (matrix, unknown) = collect(&root())?;
    println!("{:<5} {:<64} {:>7} {:>6}", "", "never event", "upheld", "tests");
    let mut orphans = unknown;
    for (id, words) in NEVER {
        let marks = matrix.get(*id);
        let (upheld, tested) = marks.map_or((0, 0), |m| (m.upheld.len(), m.tested.len()));
        println!("{id:<5} {words:<64} {upheld:>7} {tested:>6}");
        match NOT_YET.iter().find(|(later, _)| later == id) {
            Some((_, why)) if upheld + tested == 0 => println!("      not yet: {why}"),
            Some(_) => orphans.push(format!("{id} has marks now: take it off the NOT_YET list")),
            None => {
                if tested == 0 {
                    orphans.push(format!("{id} has no test"));
                }
                if upheld == 0 {
                    orphans.push(format!("{id} is upheld by no code"));
                }
            }
        }
    }
    if orphans.is_empty() { Ok(()) } else { bail!("trace orphans:\n  {}", orphans.join("\n  ")) }
}

fn collect(root: &Path) -> Result<(BTreeMap<String, Marks>, Vec<String>)> {
    let mut files = Vec::new();
    for folder in ["crates", "bench"] {
        rust_files(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut matrix: BTreeMap<String, Marks> = BTreeMap::new();
    let mut unknown = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        for (line, id, in_test) in marks(&name, &text) {
            if !NEVER.iter().any(|(known, _)| *known == id) {
                unknown.push(format!("{name}:{line} marks {id}, which is no never event"));
                continue;
            }
            let entry = matrix.entry(id).or_default();
            if in_test { &mut entry.tested } else { &mut entry.upheld }.push(format!("{name}:{line}"));
        }
    }
    Ok((matrix, unknown))
}

/// The marks of one file: line, id, and whether the mark stands in a test. A test is everything in a file of tests, in
/// the end-to-end crate, and everything after `#[cfg(test)]` with a body in the same file.
fn marks(name: &str, text: &str) -> Vec<(usize, String, bool)> {
    let test_file = name.contains("/tests") || name.ends_with("tests.rs") || name.starts_with("crates/e2e/");
    let mut in_test = test_file;
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let opens_tests = trimmed.starts_with("#[cfg(test)]")
            && lines.get(i + 1).is_some_and(|next| next.trim_start().starts_with("mod ") && next.ends_with('{'));
        in_test |= opens_tests;
        if trimmed.starts_with("//") {
            continue;
        }
        let Some((_, rest)) = line.split_once("covers!(") else { continue };
        let inside = rest.split(')').next().unwrap_or_default();
        for id in
            inside.split(',').map(|id| id.trim().trim_matches('"')).filter(|id| !id.is_empty() && !id.starts_with('$'))
        {
            found.push((i + 1, id.to_owned(), in_test));
        }
    }
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::marks;

    #[test]
    fn a_mark_in_production_and_one_in_a_test_are_told_apart() {
        let text = "fn f() {\n    covers!(\"N2\");\n}\n#[cfg(test)]\nmod tests {\n    covers!(\"N2\", \"N3\");\n}\n";
        let found = marks("crates/pump/src/slot.rs", text);
        assert_eq!(found, [(2, "N2".into(), false), (6, "N2".into(), true), (6, "N3".into(), true)]);
        assert!(marks("crates/pump/src/tests.rs", text).iter().all(|(_, _, in_test)| *in_test));
        assert!(marks("crates/pump/src/slot.rs", "// covers!(\"N2\")").is_empty());
    }
}
