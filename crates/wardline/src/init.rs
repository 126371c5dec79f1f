//! `wardline init`: keys, certificate authority, configuration and database of a new hub, and its first person.
//!
//! There is no default account and no default password: the first administrator signs in by a link that works once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use wardline_hub::config::Config;
use wardline_hub::keys::Keys;
use wardline_hub::server;
use wardline_model::{Role, Span, Time};
use wardline_store::{Actor, Decision, NewUser, Store};

use crate::data::{self, DataFolder};
use crate::fault::{Exit, Fault};
use crate::print;

/// How long the first sign-in link works.
const LINK_LIVES: Span = Span::from_h(24);

/// Prepares a hub: its own certificate authority, keys, database and first administrator. Nothing is overwritten.
///
/// Example:
///   wardline init --hospital "St. Elsewhere" --console-name wardline.st-elsewhere.example --maker-root halcyon.pem
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Init {
    /// The data folder; made if it does not exist
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// The hospital's name, as it stands in pumps' certificates
    #[arg(long, value_name = "NAME")]
    hospital: String,
    /// A DNS name under which people reach the console; may be given more than once
    #[arg(long = "console-name", value_name = "NAME")]
    console_names: Vec<String>,
    /// A maker's root certificate (PEM): pumps that it vouches for may enrol once they are expected
    #[arg(long = "maker-root", value_name = "FILE.pem")]
    maker_roots: Vec<PathBuf>,
    /// Where the live link listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:7443")]
    link: SocketAddr,
    /// Where enrolment and releases listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:7444")]
    est: SocketAddr,
    /// Where the console and its API listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7445")]
    console: SocketAddr,
    /// Where third parties, such as a RADIUS server, ask whether a certificate is good (CRL and OCSP, plain HTTP)
    #[arg(long, value_name = "ADDRESS:PORT")]
    status: Option<SocketAddr>,
    /// The start of that place's address as they reach it; pumps' certificates will name it
    #[arg(long, value_name = "http://NAME[:PORT]", requires = "status")]
    status_url: Option<String>,
    /// Another database than the embedded one, such as postgres://wardline@db.example/wardline
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Put the issuing authority below the hospital's own root: make the keys and write a request to this file
    #[arg(long, value_name = "FILE.csr")]
    subordinate: Option<PathBuf>,
    #[command(flatten)]
    hsm: crate::ca::InHsm,
    /// The name of the first administrator
    #[arg(long, value_name = "NAME", default_value = "admin")]
    admin: String,
}

impl Init {
    /// Makes the hub and says what to keep safe.
    pub fn run(self) -> anyhow::Result<()> {
        let folder = DataFolder::at(&self.data);
        if folder.hub().join("keys").exists() {
            return Err(Fault::ends(
                Exit::Failed,
                format!(
                    "{} holds a hub already; nothing was changed. Start it with `wardline serve`",
                    folder.root().display()
                ),
            ));
        }
        folder.create()?;
        let _lock = folder.lock()?;
        let mut config = Config {
            folder: folder.hub(),
            hospital: self.hospital.clone(),
            console_names: self.console_names.clone(),
            link: self.link,
            est: self.est,
            console: self.console,
            status: self.status,
            status_public: self.status_url.clone(),
            database: self.database.clone(),
            ca_key: self.hsm.places()?,
            ..Config::default()
        };
        for (number, root) in self.maker_roots.iter().enumerate() {
            let pem = std::fs::read_to_string(root).with_context(|| format!("cannot read {}", root.display()))?;
            config.maker_roots.push(add_maker_root(&folder, number + 1, &pem)?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Some(out) = &self.subordinate {
            let request = runtime.block_on(server::init_subordinate(&config))?;
            runtime.block_on(first_administrator(&config, &self.admin))?;
            println!("The hub's keys and database are in {}.", folder.root().display());
            println!("The first sign-in link for {} comes with `wardline ca install`.", self.admin);
            println!();
            return crate::ca::write_request(out, &request);
        }
        let made = runtime.block_on(server::init(config))?;
        let sign_in = runtime.block_on(first_administrator(&made.config, &self.admin))?;
        println!("The hub is ready in {}.", folder.root().display());
        println!();
        println!(
            "{}",
            print::facts(vec![
                vec!["root certificate".into(), made.root_file.display().to_string()],
                vec!["SHA-256".into(), made.root.fingerprint().to_string()],
                vec!["first sign-in".into(), format!("https://{}{sign_in}", console_place(&made.config))],
            ])
        );
        println!();
        println!(
            "The sign-in link works once, within 24 hours, after `wardline serve --data {}`.",
            folder.root().display()
        );
        println!(
            "Keep a copy of {} apart from backups: a backup opens only with it.",
            made.config.folder.join("keys").display()
        );
        Ok(())
    }
}

/// Puts a maker's root into the hub's folder; returns its name there.
pub fn add_maker_root(folder: &DataFolder, number: usize, pem: &str) -> anyhow::Result<PathBuf> {
    let name = PathBuf::from(format!("maker-{number}.pem"));
    data::write_private(&folder.hub().join(&name), pem.as_bytes())?;
    Ok(name)
}

/// Host and port by which people on this machine reach the console.
pub fn console_place(config: &Config) -> String {
    let name = config.console_names.first().map_or("localhost", String::as_str);
    format!("{name}:{}", config.console.port())
}

/// Opens the database of a hub that is not running.
pub async fn open_store(config: &Config, now: Time) -> anyhow::Result<(Keys, Store)> {
    let keys = Keys::open(&config.folder.join("keys"))?;
    let store = wardline_hub::server::open_store(config, &keys, now).await?;
    Ok((keys, store))
}

/// Reads the configuration of the hub in this data folder.
pub fn read_config(data: &Path) -> anyhow::Result<(DataFolder, Config)> {
    let folder = DataFolder::at(data);
    if !folder.hub().join(wardline_hub::config::FILE).exists() {
        return Err(Fault::ends(
            Exit::NotFound,
            format!("there is no hub in {}: run `wardline init` first, or name its folder with --data", data.display()),
        ));
    }
    let config = Config::read(&folder.hub())?;
    Ok((folder, config))
}

/// A decision of somebody at this command line.
pub fn at_the_command_line(reason: &str) -> Decision {
    let who = std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "command line".into());
    Decision { by: Actor::Operator(print::safe(&who)), reason: reason.into(), at: print::now() }
}

/// The path of a new one-time sign-in link, while nobody has ever signed in: a hub below the hospital's root may have
/// waited for days.
pub async fn sign_in_again(store: &Store, by: &Decision) -> anyhow::Result<Option<String>> {
    let users = store.users().await?;
    let first = users.iter().find(|user| user.role == Role::Administrator && user.disabled.is_none());
    match first {
        Some(first) if users.iter().all(|user| user.last_sign_in.is_none()) => {
            let link = store.new_sign_in_link(&first.name, LINK_LIVES, by).await?;
            Ok(Some(format!("/sign-in/once?token={}", link.token)))
        }
        _ => Ok(None),
    }
}

/// Makes the first administrator and the path of its one-time sign-in link.
pub async fn first_administrator(config: &Config, name: &str) -> anyhow::Result<String> {
    let (_, store) = open_store(config, print::now()).await?;
    let by = at_the_command_line("the hub was set up");
    let user = NewUser { name: name.into(), display: name.into(), role: Role::Administrator, password: None };
    store.create_user(&user, &by).await?;
    let link = store.new_sign_in_link(name, LINK_LIVES, &by).await?;
    store.close().await;
    Ok(format!("/sign-in/once?token={}", link.token))
}
