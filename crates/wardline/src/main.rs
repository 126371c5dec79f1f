//! `wardline`: the hospital's one program. It prepares and runs the hub, shows a whole hospital in a demonstration, and
//! does from a terminal what the console does from a browser.
//!
//! It refuses to guess: a command that changes something names what it changed, and an error names the thing, what was
//! wrong, and what to do next. Exit codes are listed in [`fault::Exit`].

mod account;
mod audit;
mod backup;
mod cli;
mod client;
mod completions;
mod data;
mod demo;
mod doctor;
mod enrol;
mod fault;
mod init;
mod login;
mod logs;
mod print;
mod pump;
mod pumps;
mod quarantine;
mod release;
mod rollout;
mod serve;
mod target;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => fault::report(&error),
    }
}

#[cfg(test)]
mod tests;
