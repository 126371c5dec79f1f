//! `wardline release`: releases made and signed by people, on a machine that the hub never sees.
//!
//! | module | what it is |
//! |---|---|
//! | `key` | a person's key as a sealed file |
//! | `pass` | where a passphrase comes from |
//! | `desk` | the folder in which releases are made: found, draft, sign, publish, refresh |
//! | `check` | what is refused there |
//! | `founding`, `show` | the commands that make people and the words that people read before they sign |

mod check;
mod desk;
mod founding;
mod key;
pub mod pass;
mod show;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::Uploaded as Answer;
use wardline_library::Library;
use wardline_library::import::{Format, import};
use wardline_model::{Kind, Version};
use wardline_release::anchors::AnchorSet;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::data::write_private;
use crate::fault::{Exit, Fault};
use crate::print;
pub use desk::{Desk, Founders, KINDS};
pub use key::{Cost, Duty, KeyFile, OpenKey, file_name};
use pass::{Asked, From};

/// The longest note or reason, which every pump downloads with the metadata.
const LONGEST_TEXT: usize = 2_000;

const STEPS: &str = "\
Once:
  wardline release init --root \"Ana Lima\" --root \"Bo Berg\" --pharmacist \"Cy Dahl\" --pharmacist \"Di Eng\"
      Each person takes their key file out of release-desk/keys/ and keeps it. Pumps pin metadata/1.root.json.

For every drug library:
  wardline release draft --library library.xlsx --notes \"heparin: new limits\"
  wardline release sign --key drug-library-cy-dahl.key.json      each of two pharmacists, on their own
  wardline release publish                                      to the hub that you are logged in to
  wardline rollout create drug-library VERSION --reason \"…\"       pumps take it between infusions

To move the fleet to new certificate authorities (`wardline ca roll-over`):
  wardline release appoint --security \"Eva Ito\" --security \"Finn Moe\"   once
  wardline release draft --trust-anchors anchors.json           then sign and publish as above

Every month:
  wardline release refresh                                      new dates; else pumps stop believing it is fresh

The signing desk is a folder. It may lie on a machine without a network: `publish --to FILE` writes one file to carry,
and `wardline release send FILE` gives it to the hub from another machine.";

/// Makes, signs and publishes releases with keys that the hub never holds.
///
/// A drug library reaches a pump only when two pharmacists have signed exactly its bytes. The hub passes it on and cannot
/// make one; every pump, and within it the therapy controller, checks the signatures for itself.
#[derive(Args)]
#[command(after_help = STEPS)]
pub struct ReleaseArgs {
    /// The signing desk: the folder in which releases are made
    #[arg(long, global = true, default_value = "release-desk", value_name = "FOLDER")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a signing desk: everybody's keys, the first root
    Init(founding::Init),
    /// Make one person's key, to be named by `init --pharmacist-key`
    Key(founding::NewKey),
    /// Appoint the people of IT security who sign trust anchors
    Appoint(founding::Appoint),
    /// Draft a release of a drug library, or of a set of trust anchors: nobody has signed it yet
    Draft(DraftArgs),
    /// Sign the draft as one person, after reading what is signed
    Sign(Sign),
    /// Say what is published, what waits, who has signed and what runs out when
    Status,
    /// Publish the draft that enough people signed, or send again what is published
    Publish(Publish),
    /// Draft the withdrawal of a release; it takes the same signatures
    Withdraw(Withdraw),
    /// Sign snapshot and timestamp anew, and send them
    Refresh(Publish),
    /// Give the hub a file that `publish --to` wrote
    Send {
        /// The file
        file: PathBuf,
    },
    /// Check everything on the desk as a new pump and its therapy controller would
    Verify,
}

#[derive(Args)]
struct DraftArgs {
    /// The drug library: .xlsx, .csv or .json
    #[arg(long, value_name = "FILE", required_unless_present_any = ["drop", "trust_anchors"])]
    library: Option<PathBuf>,
    /// The set of trust anchors that `wardline ca roll-over anchors` wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["library", "version"])]
    trust_anchors: Option<PathBuf>,
    /// Its version, instead of the one that the file says
    #[arg(long)]
    version: Option<u64>,
    /// What people should know about it
    #[arg(long, default_value = "")]
    notes: String,
    /// Give up the draft that waits
    #[arg(long, conflicts_with_all = ["library", "version", "trust_anchors"])]
    drop: bool,
}

#[derive(Args)]
struct Sign {
    /// The key file of the person who signs
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Sign without asking: for those who read it before
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pass: From,
}

#[derive(Args)]
struct Publish {
    /// Write a file to carry instead of sending it to the hub
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The key that signs snapshots [default: the one in the desk's keys folder]
    #[arg(long, value_name = "FILE")]
    snapshot_key: Option<PathBuf>,
    /// The key that signs timestamps [default: the one in the desk's keys folder]
    #[arg(long, value_name = "FILE")]
    timestamp_key: Option<PathBuf>,
    #[command(flatten)]
    pass: From,
}

#[derive(Args)]
struct Withdraw {
    /// Which version
    #[arg(long)]
    version: u64,
    /// Why: it is signed, and everybody can read it
    #[arg(long)]
    reason: String,
}

/// Does one step of the work at a signing desk.
pub fn run(args: ReleaseArgs, access: &Access) -> anyhow::Result<()> {
    let open = || Desk::open(&args.dir);
    match args.command {
        Command::Init(init) => init.run(&args.dir),
        Command::Key(key) => key.run(),
        Command::Appoint(appoint) => appoint.run(&open()?, &args.dir),
        Command::Draft(draft) => draft.run(&open()?),
        Command::Sign(sign) => sign.run(&open()?),
        Command::Status => show::status(&open()?, print::now()),
        Command::Publish(publish) => publish.run(&open()?, &args.dir, access, Step::Publish),
        Command::Refresh(refresh) => refresh.run(&open()?, &args.dir, access, Step::Refresh),
        Command::Withdraw(withdraw) => withdraw.run(&open()?),
        Command::Send { file } => {
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            println!("{}", send(&Client::open(access)?, bytes)?);
            Ok(())
        }
        Command::Verify => show::verified(&open()?, print::now()),
    }
}

impl DraftArgs {
    fn run(self, desk: &Desk) -> anyhow::Result<()> {
        if self.drop {
            for kind in KINDS {
                desk.of(kind).drop_draft()?;
            }
            println!("The draft is given up; what was published is as it was.");
            return Ok(());
        }
        check_text("notes", &self.notes)?;
        if let Some(path) = self.trust_anchors {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let set = AnchorSet::parse(&bytes)
                .map_err(|why| Fault::ends(Exit::NotInOrder, format!("{}: {why}", path.display())))?;
            desk.draft_anchors(&set, &self.notes, print::now())?;
            show::draft(&desk.of(Kind::TrustAnchors))?;
            println!("Nobody has signed it yet. Each of IT security: wardline release sign --key THEIR-KEY.json");
            return Ok(());
        }
        let path = self.library.context("name the library: --library FILE")?;
        let mut library = read_library(&path)?;
        if let Some(version) = self.version {
            library = with_version(library, version)?;
        }
        desk.draft(&library, &self.notes, print::now())?;
        show::draft(desk)?;
        println!("Nobody has signed it yet. Each pharmacist: wardline release sign --key THEIR-KEY.json");
        Ok(())
    }
}

impl Sign {
    fn run(self, desk: &Desk) -> anyhow::Result<()> {
        let file = KeyFile::read(&self.key)?;
        let desk = &desk.of(if file.duty == Duty::Trust { Kind::TrustAnchors } else { Kind::DrugLibrary });
        show::draft(desk)?;
        if !self.yes {
            show::confirm(&format!("{}, do you sign exactly this?", file.holder))?;
        }
        let key = file.open(&self.pass.get(&file.holder, Asked::Known)?)?;
        let standing = desk.sign(&key)?;
        println!("Signed by {} of the {} who must: {}.", standing.have.len(), standing.need, standing.have.join(", "));
        if standing.is_enough() {
            println!("It can be published: wardline release publish");
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Publish,
    Refresh,
}

impl Publish {
    fn run(self, desk: &Desk, dir: &Path, access: &Access, step: Step) -> anyhow::Result<()> {
        let mut drafts = Vec::new();
        for desk in KINDS.map(|kind| desk.of(kind)) {
            if desk.drafted()?.is_some() {
                drafts.push((desk.standing()?, desk));
            }
        }
        let ready: Vec<_> = drafts.iter().filter(|(standing, _)| standing.is_enough()).map(|(_, desk)| desk).collect();
        if let Some((standing, _)) = drafts.first().filter(|_| step == Step::Publish && ready.is_empty()) {
            let message = format!(
                "{} of {} have signed; still possible: {}",
                standing.have.len(),
                standing.need,
                standing.may.join(", ")
            );
            return Err(Fault::ends(Exit::NotAllowed, message));
        }
        if !ready.is_empty() || step == Step::Refresh {
            let open = |path: &Option<PathBuf>, duty: Duty| {
                let path = path.clone().map_or_else(|| founding::only_key(dir, duty), Ok)?;
                let file = KeyFile::read(&path)?;
                file.open(&self.pass.get(&format!("{} ({})", file.holder, duty.as_str()), Asked::Known)?)
            };
            let keys = (open(&self.snapshot_key, Duty::Snapshot)?, open(&self.timestamp_key, Duty::Timestamp)?);
            match step {
                Step::Publish => {
                    for desk in ready {
                        desk.publish(&keys.0, &keys.1, print::now())?;
                    }
                }
                Step::Refresh => desk.refresh(&keys.0, &keys.1, print::now())?,
            }
        }
        let bytes = serde_json::to_vec(&desk.upload()?)?;
        match self.to {
            Some(path) => {
                write_private(&path, &bytes)?;
                println!("Written to {}. Carry it to the hub's side: wardline release send {0}", path.display());
            }
            None => {
                let answer = Client::open(access).and_then(|client| send(&client, bytes));
                println!(
                    "{}",
                    answer
                        .context("it is published on this desk but not sent; run `wardline release publish` again")?
                );
            }
        }
        Ok(())
    }
}

impl Withdraw {
    fn run(self, desk: &Desk) -> anyhow::Result<()> {
        check_text("reason", &self.reason)?;
        if self.reason.trim().is_empty() {
            bail!("a withdrawal needs a reason: --reason \"…\"");
        }
        desk.withdraw(Version(self.version), &self.reason, print::now())?;
        show::draft(desk)?;
        println!("The withdrawal is drafted; two pharmacists sign it like a release, then publish.");
        Ok(())
    }
}

/// Gives the hub what was signed; its answer as a sentence.
pub fn send(client: &Client, bytes: Vec<u8>) -> anyhow::Result<String> {
    let answer: Answer = typed(client.upload(RouteId::ApiReleaseUpload, &[], bytes)?)?;
    Ok(format!("The hub verified it and took it in: {}.", answer.says))
}

/// Reads a library of any format; every bad row is told.
pub fn read_library(path: &Path) -> anyhow::Result<Library> {
    let format = path.file_name().and_then(|name| name.to_str()).and_then(Format::from_file_name);
    let format = format
        .ok_or_else(|| Fault::ends(Exit::NotInOrder, format!("{}: expected .xlsx, .csv or .json", path.display())))?;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    match import(format, &bytes) {
        Ok(imported) => {
            for note in &imported.notes {
                eprintln!("{}", print::safe(note));
            }
            Ok(imported.library)
        }
        Err(errors) => {
            for error in &errors {
                eprintln!("{}", print::safe(&error.to_string()));
            }
            let mistakes = if errors.len() == 1 { "1 mistake".into() } else { format!("{} mistakes", errors.len()) };
            let message = format!("{}: {mistakes}; nothing was imported", path.display());
            Err(Fault::ends(Exit::NotInOrder, message))
        }
    }
}

fn with_version(library: Library, version: u64) -> anyhow::Result<Library> {
    let mut draft = library.into_draft();
    draft.version = Version(version);
    Library::new(draft).map_err(|problems| {
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Fault::ends(Exit::NotInOrder, said.join("; "))
    })
}

fn check_text(what: &str, text: &str) -> anyhow::Result<()> {
    if text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
        bail!("the {what} must be one line of at most {LONGEST_TEXT} bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
