//! `wardline doctor`: what is not in order on this machine, and what to do about it. It changes nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use clap::Args;
use wardline_api::RouteId;
use wardline_hub::config::Config;

use crate::cli::Access;
use crate::client::Client;
use crate::data::{self, DataFolder};
use crate::fault::{Exit, Fault};
use crate::login::Kept;
use crate::print;

/// Looks at the data folder, the machine and the running hub, and says what is not in order and what to do about it.
#[derive(Args)]
pub struct Doctor {
    /// The data folder
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
}

/// How a finding stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Look,
    Bad,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Look => "look",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    state: State,
    said: String,
    next: &'static str,
}

impl Finding {
    fn good(what: &'static str, said: impl Into<String>) -> Self {
        Self { what, state: State::Good, said: said.into(), next: "" }
    }

    fn look(what: &'static str, said: impl Into<String>, next: &'static str) -> Self {
        Self { what, state: State::Look, said: said.into(), next }
    }

    fn bad(what: &'static str, said: impl Into<String>, next: &'static str) -> Self {
        Self { what, state: State::Bad, said: said.into(), next }
    }
}

impl Doctor {
    /// Looks and says.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let folder = DataFolder::at(&self.data);
        let findings = [
            folder_finding(&folder),
            keys_finding(&folder),
            database(&folder)?,
            disk(&folder),
            files(),
            clock(),
            hub(access),
        ];
        if access.json {
            let list = findings.iter().map(|finding| {
                serde_json::json!({
                    "what": finding.what, "state": finding.state.word(), "said": finding.said, "next": finding.next,
                })
            });
            print::json(&list.collect())?;
        } else {
            let rows = findings.iter().map(|finding| {
                vec![finding.state.word().into(), finding.what.into(), finding.said.clone(), finding.next.into()]
            });
            println!("{}", print::table(&["state", "what", "found", "what to do"], rows.collect()));
        }
        match findings.iter().filter(|finding| finding.state == State::Bad).count() {
            0 => Ok(()),
            1 => Err(Fault::ends(Exit::NotInOrder, "one thing is not in order; its line says what to do")),
            n => Err(Fault::ends(Exit::NotInOrder, format!("{n} things are not in order; their lines say what to do"))),
        }
    }
}

fn folder_finding(folder: &DataFolder) -> Finding {
    const WHAT: &str = "data folder";
    let root = folder.root().display();
    match std::fs::metadata(folder.root()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::look(WHAT, format!("{root} does not exist"), "run `wardline init`, or name the folder with --data")
        }
        Err(error) => Finding::bad(WHAT, format!("{root}: {error}"), "run as the user that owns the folder"),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            Finding::bad(WHAT, format!("{root} can be read by others"), "chmod 700 it")
        }
        Ok(_) => match folder.lock() {
            Ok(_) => Finding::good(WHAT, format!("{root}; no hub works in it now")),
            Err(_) => Finding::good(WHAT, format!("{root}; a hub works in it")),
        },
    }
}

fn keys_finding(folder: &DataFolder) -> Finding {
    const WHAT: &str = "keys";
    let keys = folder.hub().join("keys");
    let Ok(entries) = std::fs::read_dir(&keys) else {
        return Finding::look(WHAT, format!("{} does not exist", keys.display()), "run `wardline init`");
    };
    let open: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if open.is_empty() {
        Finding::good(WHAT, "readable by their owner only")
    } else {
        Finding::bad(
            WHAT,
            format!("others can read {}", open.join(", ")),
            "chmod 600 them, then `wardline keys rotate`",
        )
    }
}

/// Looks through the database of a hub that is not running: a running one has its file for itself.
fn database(folder: &DataFolder) -> anyhow::Result<Finding> {
    const WHAT: &str = "database";
    let file = folder.hub().join(wardline_hub::config::FILE);
    if !file.exists() {
        return Ok(Finding::look(WHAT, "there is no hub in this folder", "run `wardline init`"));
    }
    let config = match Config::read(&folder.hub()) {
        Ok(config) => config,
        Err(error) => return Ok(Finding::bad(WHAT, error.to_string(), "repair config.json")),
    };
    let Ok(_lock) = folder.lock() else {
        return Ok(Finding::good(WHAT, "in use by the hub that works here; stop it to have it looked through"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(wardline_store::Store::inspect(&config.database_url())) {
        Ok(()) => Finding::good(WHAT, "every page was read and is sound"),
        Err(error) => Finding::bad(
            WHAT,
            error.to_string(),
            "keep the file aside and make it anew with `wardline restore --from BACKUP`",
        ),
    })
}

/// Below this the hub is stopped by its own database before long: a day of events of 5,000 pumps.
const LEAST_DISK: u64 = 1 << 30;

fn disk(folder: &DataFolder) -> Finding {
    const WHAT: &str = "disk";
    let root = if folder.root().exists() { folder.root() } else { std::path::Path::new(".") };
    match nix::sys::statvfs::statvfs(root) {
        Ok(stat) => {
            let free = stat.blocks_available() * stat.fragment_size();
            let said = format!("{} MiB free", free >> 20);
            if free < LEAST_DISK {
                Finding::bad(WHAT, said, "make room: 1 GiB at least")
            } else {
                Finding::good(WHAT, said)
            }
        }
        Err(error) => Finding::look(WHAT, error.to_string(), "look at the disk by hand"),
    }
}

fn files() -> Finding {
    const WHAT: &str = "open files";
    match nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => {
            let said = format!("{soft} (up to {hard}): enough for about {} pumps", soft.saturating_sub(200));
            if soft < 4_096 {
                Finding::look(WHAT, said, "raise LimitNOFILE (systemd) or `ulimit -n` when you have more pumps")
            } else {
                Finding::good(WHAT, said)
            }
        }
        Err(error) => Finding::look(WHAT, error.to_string(), "look at `ulimit -n`"),
    }
}

/// 2026-01-01, before which no Wardline existed: a clock earlier than this is wrong.
const FIRST_DAY_S: u64 = 1_767_225_600;

fn clock() -> Finding {
    const WHAT: &str = "clock";
    let now = print::now();
    if now.as_unix_s() < FIRST_DAY_S {
        Finding::bad(WHAT, print::moment(now), "set the clock: certificates and signatures depend on it")
    } else {
        Finding::good(WHAT, print::moment(now))
    }
}

fn hub(access: &Access) -> Finding {
    const WHAT: &str = "hub";
    let Ok(kept) = Kept::read(access) else {
        return Finding::look(
            WHAT,
            "no login is kept, so no hub was asked",
            "run `wardline login` to have it looked at",
        );
    };
    let asked = Client::new(&kept).and_then(|client| client.get(RouteId::ApiWhoAmI, &[], &[]));
    match asked {
        Ok(_) => Finding::good(WHAT, format!("{} answers and knows the token", kept.hub)),
        Err(error) => Finding::bad(WHAT, error.to_string(), "start `wardline serve`, or log in again"),
    }
}
