//! What people read before they sign, and what the desk says of itself.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{anyhow, bail};
use wardline_library::{diff, lint};
use wardline_model::{Kind, Time};
use wardline_release::author::{Draft, Entry};
use wardline_release::date;

use super::check;
use super::desk::{Desk, digest, field};
use crate::fault::{Exit, Fault};
use crate::print;

/// Lines of findings and of changes that are printed; the rest is counted.
const MOST_LINES: usize = 40;

/// The draft in words: what is new, how it differs from the last, what is odd about it, what a pump will show.
pub fn draft(desk: &Desk) -> anyhow::Result<()> {
    let (path, number, bytes) = desk.drafted()?.ok_or_else(|| {
        Fault::ends(Exit::NotFound, "nothing waits for signatures: `wardline release draft` makes a draft")
    })?;
    check::draft(desk, &bytes)?;
    let parsed = Draft::parse(&bytes).map_err(|why| anyhow!("{} {why}", path.display()))?;
    println!("Draft {number} of the {} role, good until {}.", desk.role(), field(&parsed, "expires"));
    let published = desk.published()?;
    for entry in check::entries(desk.kind(), &bytes)? {
        match published.iter().find(|old| old.reference == entry.reference) {
            None if desk.kind() == Kind::TrustAnchors => believed(desk, &entry, &published)?,
            None => released(desk, &entry, &published)?,
            Some(old) if old.withdrawn != entry.withdrawn => {
                println!(
                    "\nWITHDRAWS {} {}: {}",
                    desk.noun(),
                    entry.reference.version,
                    print::safe(&entry.withdrawn.unwrap_or_default())
                );
            }
            Some(_) => {}
        }
    }
    println!();
    Ok(())
}

fn released(desk: &Desk, entry: &Entry, published: &[Entry]) -> anyhow::Result<()> {
    let version = entry.reference.version;
    let library = desk.library(version)?;
    let artifact = desk.artifact(version)?;
    println!("\nRELEASES drug library {version}: {}, {}", library.name(), library.hospital());
    println!(
        "  {} entries in {} care areas, {} bytes",
        library.entry_count(),
        library.care_areas().len(),
        artifact.len()
    );
    println!("  SHA-256 {}", digest(&artifact));
    if library.not_for_clinical_use() {
        println!("  Marked NOT FOR CLINICAL USE");
    }
    if !entry.notes.is_empty() {
        println!("  Notes: {}", print::safe(&entry.notes));
    }
    let last = published.iter().filter(|old| old.withdrawn.is_none()).map(|old| old.reference.version).max();
    match last {
        None => println!("\nIt is the first release; there is nothing to compare it with."),
        Some(last) => {
            let changes: Vec<_> = diff(&desk.library(last)?, &library).iter().map(ToString::to_string).collect();
            println!("\nIt changes {} things against library {last}:", changes.len());
            some(&changes);
        }
    }
    let findings: Vec<_> = lint(&library).iter().map(ToString::to_string).collect();
    println!("\n{} findings that a pharmacist should look at:", findings.len());
    some(&findings);
    println!("\nA pump will read these entries back before it takes the library:");
    for line in entry.sample.as_deref().unwrap_or_default().lines() {
        println!("  {}", print::safe(line));
    }
    Ok(())
}

/// A set of trust anchors, against the last one that was released.
fn believed(desk: &Desk, entry: &Entry, published: &[Entry]) -> anyhow::Result<()> {
    let version = entry.reference.version;
    let now = check::certificates(&check::anchors(desk, version)?)?;
    let last = published.iter().filter(|old| old.withdrawn.is_none()).map(|old| old.reference.version).max();
    let before = match last {
        Some(last) => check::certificates(&check::anchors(desk, last)?)?,
        None => Vec::new(),
    };
    println!("\nRELEASES trust anchors {version}: a pump that takes it believes a hub under these roots and no other.");
    println!("  SHA-256 {}", digest(&desk.artifact(version)?));
    if !entry.notes.is_empty() {
        println!("  Notes: {}", print::safe(&entry.notes));
    }
    for cert in now.iter().chain(before.iter().filter(|old| !now.contains(old))) {
        let word = match (now.contains(cert), before.contains(cert)) {
            (true, true) => "stays    ",
            (true, false) => "NEW      ",
            (false, _) => "GOES AWAY",
        };
        println!("\n  {word} {}", print::safe(&cert.parsed().tbs_certificate.subject.to_string()));
        println!("            SHA-256 {}", cert.fingerprint());
        println!("            good until {}", date::print(cert.not_after()));
    }
    if last.is_none() {
        println!("\nIt is the first set: until now a pump believes the root that it was given when it enrolled.");
    }
    println!("\nCompare each SHA-256 with the one that the hub's people read to you over another way.");
    Ok(())
}

fn some(lines: &[String]) {
    for line in lines.iter().take(MOST_LINES) {
        println!("  {}", print::safe(line));
    }
    if lines.len() > MOST_LINES {
        println!("  and {} more", lines.len() - MOST_LINES);
    }
}

/// Asks; anything but yes ends it.
pub fn confirm(question: &str) -> anyhow::Result<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("signing asks a person: run it in a terminal, or say --yes if you have read the draft");
    }
    eprint!("{question} Type yes: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    if line.trim() != "yes" {
        bail!("not signed");
    }
    Ok(())
}

/// What is published, what waits, what runs out when.
pub fn status(desk: &Desk, now: Time) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for role in ["root", "targets", "drug-library", "trust", "snapshot"] {
        if let Some((number, bytes)) = desk.newest(role)? {
            rows.push(role_row(role, number, &bytes, now)?);
        }
    }
    if let Some(bytes) = desk.metadata()?.get("timestamp.json") {
        rows.push(role_row("timestamp", check::number(bytes)?, bytes, now)?);
    }
    println!("{}\n", print::table(&["role", "number", "good until", ""], rows));
    let row = |entry: &Entry| {
        let state = entry.withdrawn.as_ref().map_or_else(|| "published".to_owned(), |why| format!("withdrawn: {why}"));
        let entries = entry.entries.map(|n| n.to_string()).unwrap_or_default();
        vec![entry.reference.version.to_string(), entries, state, entry.notes.clone()]
    };
    let published: Vec<_> = desk.published()?.iter().map(row).collect();
    if published.is_empty() {
        println!("No library was published yet.");
    } else {
        println!("{}", print::table(&["library", "entries", "state", "notes"], published));
    }
    let trust = desk.of(Kind::TrustAnchors);
    let published: Vec<_> = trust.published()?.iter().map(row).collect();
    if !published.is_empty() {
        println!("\n{}", print::table(&["trust anchors", "roots", "state", "notes"], published));
    }
    let mut waits = false;
    for desk in [desk, &trust] {
        if desk.drafted()?.is_none() {
            continue;
        }
        waits = true;
        let standing = desk.standing()?;
        let names = |list: &[String]| if list.is_empty() { "nobody".to_owned() } else { list.join(", ") };
        println!("\nA draft of a {} waits: {} of {} signatures.", desk.noun(), standing.have.len(), standing.need);
        println!("  signed: {}   may still sign: {}", names(&standing.have), names(&standing.may));
    }
    if !waits {
        println!("\nNothing waits for signatures.");
    }
    Ok(())
}

fn role_row(role: &str, number: u64, bytes: &[u8], now: Time) -> anyhow::Result<Vec<String>> {
    let parsed = Draft::parse(bytes).map_err(|why| anyhow!("{role} {why}"))?;
    let until = field(&parsed, "expires");
    let left = match date::parse(until) {
        Some(time) if time > now => format!("{} left", time.since(now)),
        _ => "RUN OUT: pumps refuse it; sign it again".to_owned(),
    };
    Ok(vec![role.to_owned(), number.to_string(), until.to_owned(), left])
}

/// Everything, as a new pump and its therapy controller would check it.
pub fn verified(desk: &Desk, now: Time) -> anyhow::Result<()> {
    let listed = check::as_a_pump(desk, &desk.metadata()?, now)
        .map_err(|error| Fault::ends(Exit::NotInOrder, format!("a pump would refuse this: {error}")))?;
    println!("A new pump would believe this desk, from {} on.", digest(&desk.first_root()?));
    for entry in listed {
        let (noun, version) = (desk.of(entry.reference.kind).noun(), entry.reference.version);
        match (entry.withdrawn, entry.reference.kind) {
            (Some(why), _) => println!("  {noun} {version}: withdrawn ({})", print::safe(&why)),
            (None, Kind::TrustAnchors) => println!("  {noun} {version}: it would put it on trial"),
            (None, _) => println!("  {noun} {version}: its therapy controller would take it"),
        }
    }
    Ok(())
}
