//! How a command ends when it does not end well: a sentence for people, a number for scripts.

use std::fmt;
use std::process::ExitCode;

/// The exit codes. They are part of the interface and are printed by `wardline --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something went wrong that no other code names.
    Failed = 1,
    /// There is no such pump, rollout or file.
    NotFound = 3,
    /// Not signed in, or the role does not allow it.
    NotAllowed = 4,
    /// The hub cannot be reached, or is not the hub that the CA file speaks for.
    Unreachable = 5,
    /// What was checked is not in order: a broken audit chain, a list with faults, a doctor's finding.
    NotInOrder = 6,
}

/// The text of the exit codes for `--help` and the manual.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the reason is on the last line
  2  the command line was not understood
  3  no such pump, rollout, release or file
  4  not signed in, or the role does not allow it
  5  the hub cannot be reached or proves to be another
  6  what was checked is not in order (audit verify, doctor, a list of pumps with faults)";

/// An error with its exit code.
#[derive(Debug)]
pub struct Fault {
    exit: Exit,
    message: String,
}

impl Fault {
    /// An error that ends the program with this code.
    pub fn ends(exit: Exit, message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { exit, message: message.into() })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// Prints an error and its causes on standard error, and returns the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("wardline: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    let exit = error.chain().find_map(|cause| cause.downcast_ref::<Fault>()).map_or(Exit::Failed, |fault| fault.exit);
    ExitCode::from(exit as u8)
}
