//! The grammar holds together, every command has help that teaches, and every command that a text names exists.

use clap::CommandFactory;

use crate::cli::Cli;

#[test]
fn the_grammar_is_sound_and_every_word_has_help() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some() || command.get_name() == "help", "{path} has no help");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
        }
        command.get_subcommands().for_each(|sub| walk(sub, &path));
    }
    let command = Cli::command();
    command.clone().debug_assert();
    walk(&command, "");
}

/// Files in which texts for people name commands.
fn texts() -> Vec<std::path::PathBuf> {
    fn gather(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && name != "tests" {
                    gather(&path, found);
                }
            } else if name != "tests.rs"
                && path.extension().is_some_and(|end| ["rs", "html", "md"].iter().any(|known| end == *known))
            {
                found.push(path);
            }
        }
    }
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut found = vec![root.join("README.md")];
    for folder in ["crates", "docs"] {
        gather(&root.join(folder), &mut found);
    }
    found
}

/// The commands that a text names: in backticks, in `<code>`, after a prompt, or on a line of their own in an example.
fn named(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (open, close) in [("`wardline ", "`"), ("<code>wardline ", "</code>")] {
        for (at, _) in text.match_indices(open) {
            let rest = &text[at + open.len()..];
            found.extend(rest.split_once(close).map(|(command, _)| command.to_owned()));
        }
    }
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("///").trim_start();
        let command = line.strip_prefix("$ wardline ").or_else(|| line.strip_prefix("wardline "));
        // Prose that happens to begin a line with the name goes on in lower case and ends as a sentence does.
        found.extend(command.filter(|command| !command.trim_end().ends_with(['.', ':', ','])).map(ToOwned::to_owned));
    }
    found
}

/// Why the command line would not know this, if it would not: words and options are looked up, values are not.
fn unknown(command: &str) -> Option<String> {
    let command = command.split("#").next().unwrap_or_default().split("   ").next().unwrap_or_default();
    let command = command.split(" && ").next().unwrap_or_default();
    let mut at = Cli::command();
    let global: Vec<String> =
        at.get_arguments().filter_map(|argument| argument.get_long().map(ToOwned::to_owned)).collect();
    let mut may_descend = true;
    for word in command.split_whitespace() {
        if ["|", ">", "<"].contains(&word) {
            break;
        }
        let word = word.trim_matches(|c: char| matches!(c, '"' | '\\' | ',' | '…' | ')' | '(' | ';'));
        if let Some(option) = word.strip_prefix("--") {
            let option = option.split('=').next().unwrap_or_default();
            let has = at.get_arguments().any(|argument| argument.get_long() == Some(option));
            let is_common = ["help", "version"].contains(&option) || global.iter().any(|known| known == option);
            if !option.is_empty() && !has && !is_common {
                return Some(format!("{} has no --{option}", at.get_name()));
            }
            // What follows is the option's value or a later argument.
            may_descend = false;
        } else if may_descend && at.has_subcommands() && !word.is_empty() {
            match at.find_subcommand(word) {
                Some(sub) => at = sub.clone(),
                // A command that takes names as well as commands.
                None if at.get_positionals().next().is_some() => may_descend = false,
                None => return Some(format!("{} has no {word}", at.get_name())),
            }
        }
    }
    None
}

#[test]
fn every_command_that_a_text_names_exists() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in texts() {
        let text = std::fs::read_to_string(&path).unwrap();
        for command in named(&text) {
            seen += 1;
            if let Some(why) = unknown(&command) {
                wrong.push(format!("{}: `wardline {command}`: {why}", path.display()));
            }
        }
    }
    assert!(seen > 60, "only {seen} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unknown("rollout start drug-library 2").is_some() && unknown("pumps --colour").is_some());
    assert_eq!(unknown("pump show P-0007 --json"), None);
}
