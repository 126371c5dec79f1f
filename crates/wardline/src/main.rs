//! `wardline`: the hospital's one program. It prepares and runs the hub, shows a whole hospital in a demonstration, and
//! does from a terminal what the console does from a browser.
//!
//! It refuses to guess: a command that changes something names what it changed, and an error names the thing, what was
//! wrong, and what to do next. Exit codes are listed in [`fault::Exit`].

mod account;
mod audit;
mod backup;
mod ca;
mod cli;
mod client;
mod completions;
mod data;
mod demo;
mod doctor;
mod enrol;
mod enrol_requests;
mod enrol_rules;
mod fault;
mod init;
mod login;
mod logs;
mod print;
mod profile;
mod pump;
mod pumps;
mod quarantine;
mod radius;
mod release;
mod rollout;
mod root_key;
mod serve;
mod sim;
mod strangers;
mod target;

use clap::Parser;

fn main() -> std::process::ExitCode {
    quiet_when_nobody_reads();
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => fault::report(&error),
    }
}

/// `wardline pumps | head` closes our output early: that is the reader's wish and no fault of ours. The standard library
/// panics on it; this ends the program as the signal would have (128 + SIGPIPE).
fn quiet_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("os error 32") {
            std::process::exit(141);
        }
        usual(panic);
    }));
}

#[cfg(test)]
mod tests;
