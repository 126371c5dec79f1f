//! The grammar holds together, and every command has help that teaches.

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
