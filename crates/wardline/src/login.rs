//! `wardline login`: a hub's address, its authority and a token, kept in one file that only its owner can read.

use std::fs;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use serde::{Deserialize, Serialize};
use wardline_api::RouteId;
use wardline_api::types::WhoAmI;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::data::write_private;
use crate::fault::{Exit, Fault};

/// Checks a token against the hub and keeps it: wardline login --hub https://hub:7445 --ca ca.pem
///
/// The token is read from --token, from WARDLINE_TOKEN, or typed (or piped) on standard input. Make one in the console
/// under Settings, or with `wardline token create`.
#[derive(Args)]
pub struct Login {
    /// Forget the kept login instead
    #[arg(long)]
    forget: bool,
}

/// What the login file holds.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The hub's console address.
    pub hub: String,
    /// The authority's certificate, PEM.
    pub ca: String,
    /// The token.
    pub token: String,
}

impl Login {
    /// Checks and keeps, or forgets.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let path = path(access)?;
        if self.forget {
            return match fs::remove_file(&path) {
                Ok(()) => {
                    println!("Forgot the login in {}. Its token still works until it is revoked.", path.display());
                    Ok(())
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    println!("There is no login in {}.", path.display());
                    Ok(())
                }
                Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
            };
        }
        let hub = access.hub.clone().ok_or_else(|| anyhow!("name the hub: --hub https://name:7445"))?;
        let ca = access.ca.as_ref().ok_or_else(|| {
            anyhow!(
                "name the hub's authority: --ca FILE.pem (hub/keys/root.pem in its data folder, or the console's Settings)"
            )
        })?;
        let ca = fs::read_to_string(ca).with_context(|| format!("cannot read {}", ca.display()))?;
        let token = access.token.clone().map_or_else(typed_token, Ok)?;
        let kept = Kept { hub, ca, token };
        let who: WhoAmI = typed(Client::new(&kept)?.get(RouteId::ApiWhoAmI, &[], &[])?)?;
        kept.write(&path)?;
        println!("Signed in at {} as {} ({}). Kept in {}.", kept.hub, who.name, who.role, path.display());
        Ok(())
    }
}

fn typed_token() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("Token: ");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let token = line.trim();
    if token.is_empty() {
        return Err(anyhow!("no token was given: use --token, WARDLINE_TOKEN or standard input"));
    }
    Ok(token.to_owned())
}

fn path(access: &Access) -> anyhow::Result<PathBuf> {
    if let Some(path) = &access.login {
        return Ok(path.clone());
    }
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
    Ok(config.ok_or_else(|| anyhow!("there is no home folder: name a file with --login"))?.join("wardline/login.json"))
}

impl Kept {
    /// Puts options and environment over what the file holds.
    pub fn read(access: &Access) -> anyhow::Result<Self> {
        let path = path(access)?;
        let kept = match fs::read(&path) {
            Ok(bytes) => Some(Self::parse(&path, &bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let ca = access
            .ca
            .as_ref()
            .map(|ca| fs::read_to_string(ca).with_context(|| format!("cannot read {}", ca.display())));
        let hub = access.hub.clone().or_else(|| kept.as_ref().map(|kept| kept.hub.clone()));
        let ca = ca.transpose()?.or_else(|| kept.as_ref().map(|kept| kept.ca.clone()));
        let token = access.token.clone().or_else(|| kept.map(|kept| kept.token));
        match (hub, ca, token) {
            (Some(hub), Some(ca), Some(token)) => Ok(Self { hub, ca, token }),
            _ => Err(Fault::ends(
                Exit::NotAllowed,
                format!(
                    "not signed in ({} does not exist): run `wardline login --hub https://name:7445 --ca ca.pem`, or give \
                     --hub, --ca and --token",
                    path.display()
                ),
            )),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Fault::ends(
                Exit::NotAllowed,
                format!("{0} holds a token and others can read it: run `chmod 600 {0}`", path.display()),
            ));
        }
        serde_json::from_slice(bytes)
            .with_context(|| format!("{} is not a login file: run `wardline login` again", path.display()))
    }

    /// Writes the file anew, readable by its owner only, never half.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        write_private(path, &serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests;
