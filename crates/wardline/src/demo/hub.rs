//! The demonstration's hub: made on the first run, started in this process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Runtime;
use wardline_fleet::manifest::Line;
use wardline_hub::config::Config;
use wardline_hub::server::{self, Running, StartError};
use wardline_model::{Lifecycle, Role, Span};
use wardline_sim::hospital::Maker;

use super::ports::Ports;
use crate::data::DataFolder;
use crate::init::{add_maker_root, at_the_command_line, open_store};
use crate::login::Kept;
use crate::print;

/// How long the demonstration's token and sign-in link work: a day of showing.
const LIVES: Span = Span::from_h(24);

/// The person whom the sign-in link signs in.
const PERSON: &str = "demo";

/// How long the old hub's ports may stay taken.
const LONGEST_RESTART: Duration = Duration::from_secs(20);

/// How a hub ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As told.
    InOrder,
    /// As by a crash.
    Crash,
}

/// A running hub and what one needs to talk to it.
pub struct Hub {
    /// Absent only while it is being started again.
    running: Option<Running>,
    config: Config,
    /// Address, authority and token for the API.
    pub kept: Kept,
    root_file: std::path::PathBuf,
    fingerprint: String,
    sign_in: String,
    ports: Ports,
}

impl Hub {
    /// Prepares the hub if it is new, gives out a token and a sign-in link, and starts it.
    pub fn start(runtime: &Runtime, folder: &DataFolder, ports: Ports, maker: &Maker) -> anyhow::Result<Self> {
        let is_new = !folder.hub().join(wardline_hub::config::FILE).exists();
        let mut config = if is_new {
            let root = add_maker_root(folder, 1, &maker.root_pem())?;
            let config = Config {
                folder: folder.hub(),
                hospital: "Wardline Demonstration Hospital".into(),
                maker_roots: vec![root],
                ..Config::default()
            };
            runtime.block_on(server::init(config))?.config
        } else {
            Config::read(&folder.hub())?
        };
        (config.link, config.est, config.console) = (ports.link, ports.est, ports.console);
        config.link_public = None;
        (config.status, config.status_public) = (Some(ports.status), Some(format!("http://{}", ports.status)));
        let root_file = config.folder.join("keys").join("root.pem");
        let root_pem = std::fs::read_to_string(&root_file)?;
        let (token, sign_in) = runtime.block_on(credentials(&config))?;
        let running = runtime.block_on(server::start(config.clone()))?;
        let fingerprint = running.hub.root().fingerprint().to_string();
        let kept = Kept { hub: format!("https://localhost:{}", ports.console.port()), ca: root_pem, token };
        Ok(Self { running: Some(running), config, kept, root_file, fingerprint, sign_in, ports })
    }

    /// Where pumps reach the hub: link, then enrolment.
    pub const fn places(&self) -> (std::net::SocketAddr, std::net::SocketAddr) {
        (self.ports.link, self.ports.est)
    }

    /// The fleet's root certificate as a file.
    pub fn root_file(&self) -> &Path {
        &self.root_file
    }

    /// What a person needs to look around.
    pub fn welcome(&self, login: &Path) {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (root, login) = (absolute(&self.root_file), absolute(login));
        println!();
        println!("  Console        {}", self.kept.hub);
        println!("  Sign in once   {}{}", self.kept.hub, self.sign_in);
        println!("  Authority      {}", root.display());
        println!("  SHA-256        {}", self.fingerprint);
        println!();
        println!(
            "  The browser will not know this authority. Check that its fingerprint is the one above, or trust it:"
        );
        println!(
            "    sudo cp {} /usr/local/share/ca-certificates/wardline-demo.crt && sudo update-ca-certificates",
            root.display()
        );
        println!("  In a second terminal:");
        println!("    export WARDLINE_LOGIN={}", login.display());
        println!(
            "    wardline pumps        wardline pump show P-0007        wardline quarantine P-0007 --reason \"…\""
        );
        println!();
        println!("  Not a medical device. The drug library is invented and not for clinical use.");
        println!();
    }

    /// Lets the hub end, in order or as a crash would end it, and starts it again on the same folder and ports.
    pub fn restart(&mut self, runtime: &Runtime, end: End) -> anyhow::Result<()> {
        if let Some(running) = self.running.take() {
            match end {
                End::InOrder => runtime.block_on(running.stop()),
                End::Crash => runtime.block_on(running.crash()),
            }
        }
        let deadline = Instant::now() + LONGEST_RESTART;
        loop {
            match runtime.block_on(server::start(self.config.clone())) {
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
                // Its ports are given back a moment after its tasks are gone.
                Err(StartError::Listen { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => return Err(error).context("the demonstration's hub did not start again"),
            }
        }
    }

    /// The pumps that the hub knows and that are still the hospital's.
    pub fn pumps(&self, runtime: &Runtime) -> anyhow::Result<Vec<Line>> {
        let Some(store) = self.store() else { return Ok(Vec::new()) };
        let rows = runtime.block_on(store.all_pumps())?;
        let line = |row: wardline_store::PumpRow| Line {
            line: 0,
            asset_tag: row.asset_tag,
            model: row.model,
            serial: row.serial,
            care_area: row.care_area,
            mac: None,
            note: None,
        };
        Ok(rows.into_iter().filter(|row| row.standing.lifecycle != Lifecycle::Retired).map(line).collect())
    }

    /// The hub's database, for whoever compares it with the pumps.
    pub fn store(&self) -> Option<wardline_store::Store> {
        self.running.as_ref().map(|running| running.hub.store.clone())
    }

    /// Ends the hub in order.
    pub fn stop(self, runtime: &Runtime) {
        if let Some(running) = self.running {
            runtime.block_on(running.stop());
        }
    }
}

/// A token for this run and a sign-in link, both for the demonstration's administrator.
async fn credentials(config: &Config) -> anyhow::Result<(String, String)> {
    let by = at_the_command_line("the demonstration was started");
    let (_, store) = open_store(config, print::now()).await?;
    if store.user(PERSON).await?.is_none() {
        let user = wardline_store::NewUser {
            name: PERSON.into(),
            display: "Demonstration".into(),
            role: Role::Administrator,
            password: None,
        };
        store.create_user(&user, &by).await?;
    }
    let link = store.new_sign_in_link(PERSON, LIVES, &by).await?;
    let name = format!("demo-{}", print::now().as_unix_ms());
    let token = store.create_token(&name, Role::Administrator, LIVES, &by).await?;
    store.close().await;
    Ok((token.secret, format!("/sign-in/once?token={}", link.token)))
}
