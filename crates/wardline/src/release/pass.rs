//! Where a passphrase comes from: a file, the environment, or the terminal without an echo. Never the command line,
//! which every user of a machine can read.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The environment variable.
const VARIABLE: &str = "WARDLINE_PASSPHRASE";

/// The option.
#[derive(Args, Clone, Debug, Default)]
pub struct From {
    /// A file whose first line is the passphrase; without it WARDLINE_PASSPHRASE, and without that the terminal asks
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Whether a passphrase is chosen now or was chosen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Chosen now: typed twice.
    New,
    /// To open what exists.
    Known,
}

impl From {
    /// The passphrase for one person's key.
    pub fn get(&self, whose: &str, asked: Asked) -> anyhow::Result<Zeroizing<String>> {
        if let Some(path) = &self.passphrase_file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = Zeroizing::new(text);
            return Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()));
        }
        if let Ok(text) = std::env::var(VARIABLE) {
            return Ok(Zeroizing::new(text));
        }
        if !std::io::stdin().is_terminal() {
            bail!("no passphrase for {whose}: name --passphrase-file, set {VARIABLE}, or run this in a terminal");
        }
        let first = typed(&format!("Passphrase for {whose}: "))?;
        if asked == Asked::New && *typed(&format!("The same again for {whose}: "))? != *first {
            bail!("the two passphrases for {whose} differ; nothing was made");
        }
        Ok(first)
    }
}

/// Reads a line with the terminal's echo off, and puts the terminal back whatever happens.
fn typed(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    eprint!("{prompt}");
    std::io::stderr().flush()?;
    let before = tcgetattr(&stdin)?;
    let mut quiet = before.clone();
    quiet.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSANOW, &quiet)?;
    let mut line = Zeroizing::new(String::new());
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, SetArg::TCSANOW, &before)?;
    eprintln!();
    read?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
