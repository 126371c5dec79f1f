//! `wardline completions`: the shell's own file, made from the grammar.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// Prints a completion file, such as: wardline completions bash > /etc/bash_completion.d/wardline
#[derive(Args)]
pub struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    /// Prints it.
    pub fn run(self) {
        clap_complete::generate(self.shell, &mut Cli::command(), "wardline", &mut std::io::stdout());
    }
}
