//! Every measurement still runs: tiny sizes, no claim about speed. What is measured is looked at by people.

use std::path::PathBuf;
use std::process::Command;

/// Runs one command and gives what it printed.
fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wardline-bench")).args(arguments).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed: {errors}\nit printed: {text}");
    assert!(text.contains("limits of the moment"), "{arguments:?} does not say what the machine can do: {text}");
    text
}

/// The figure behind a name in a table.
fn figure(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
    let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    figure.unwrap_or_else(|| panic!("no figure for {name} in: {text}"))
}

#[test]
fn storm_counts_full_and_resumed_handshakes_of_hub_and_yardstick() {
    let text = run(&["storm", "--pumps", "4", "--seconds", "1"]);
    let (full, resumed) = text.split_once("storm: resumed").expect("two tables");
    for (table, what) in [(full, "full"), (resumed, "resumed")] {
        for who in ["wardline hub", "bare tokio + rustls"] {
            assert!(figure(table, who) > 0.0, "{what}: {text}");
        }
        let ours = table.lines().find(|line| line.contains("wardline hub")).expect("our line");
        assert!(ours.ends_with(" 0 failed"), "{what}: {text}");
        let counts = ours.split(", ").find_map(|part| part.strip_suffix(" resumed")).expect("counts");
        let (resumed, done) = counts.split_once(" of ").expect("resumed of done");
        assert_eq!(resumed == done, what == "resumed", "{what}: {text}");
        assert!(resumed == "0" || what == "resumed", "{what}: {text}");
    }
}

#[test]
fn density_links_pumps_to_hub_and_yardstick() {
    let text = run(&["density", "--pumps", "300"]);
    assert!(figure(&text, "wardline hub") > 0.0, "{text}");
    assert!(figure(&text, "bare tokio + rustls") > 0.0, "{text}");
}

#[test]
fn cut_quarantines_pumps_that_are_live() {
    let text = run(&["cut", "--pumps", "6", "--cuts", "3"]);
    assert!(text.contains("6 live, 3 quarantined") && text.contains("the commit"), "{text}");
}

#[test]
fn events_are_acknowledged_by_store_and_hub() {
    let text = run(&["events", "--seconds", "1"]);
    for line in ["store, SQLite", "hub over TLS, SQLite"] {
        assert_eq!(text.lines().filter(|l| l.trim_start().starts_with(line)).count(), 3, "{line}: {text}");
    }
}

#[test]
fn stage_brings_a_library_to_every_pump() {
    let text = run(&["stage", "--pumps", "3", "--bytes", "40000", "--flash", "/tmp"]);
    assert!(text.contains("a library of 40000 bytes on 3 pumps"), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("wardline hub")), "{text}");
}

#[test]
fn certificates_are_given_and_renewed() {
    for row in ["enrol", "reenrol"] {
        let text = run(&[row, "--askers", "2", "--seconds", "1"]);
        assert!(figure(&text, "wardline hub") > 0.0, "{text}");
    }
}

#[test]
fn the_agent_links_and_is_watched() {
    let agent = PathBuf::from(env!("CARGO_BIN_EXE_wardline-bench")).with_file_name("wardline-agent");
    if !agent.exists() {
        assert!(std::env::var_os("CI").is_none(), "CI builds the agent first");
        return eprintln!("skipped: build wardline-agent first");
    }
    let text = run(&["agent", "--program", &agent.display().to_string(), "--seconds", "1"]);
    assert!(text.contains("resident, linked and idle"), "{text}");
}

#[test]
fn ocsp_counts_answers_that_were_signed_before_and_with_a_nonce() {
    let text = run(&["ocsp", "--askers", "2", "--seconds", "1"]);
    let (before, nonce) = text.split_once("with a nonce").expect("two tables");
    assert!(figure(before, "wardline hub") > 0.0 && figure(nonce, "wardline hub") > 0.0, "{text}");
}

#[test]
fn takedown_asks_at_every_place_after_the_decision() {
    let text = run(&["takedown", "--pumps", "6", "--cuts", "2"]);
    for place in ["link ended", "OCSP says revoked", "CRL lists it", "RADIUS admission refuses"] {
        assert!(text.contains(place), "{place}: {text}");
    }
}
