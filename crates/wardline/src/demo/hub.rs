//! The demonstration's hub: made on the first run, started in this process.

use std::path::Path;

use tokio::runtime::Runtime;
use wardline_hub::config::Config;
use wardline_hub::server::{self, Running};
use wardline_model::{Role, Span};
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

/// A running hub and what one needs to talk to it.
pub struct Hub {
    running: Running,
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
        let running = runtime.block_on(server::start(config))?;
        let fingerprint = running.hub.root.fingerprint().to_string();
        let kept = Kept { hub: format!("https://localhost:{}", ports.console.port()), ca: root_pem, token };
        Ok(Self { running, kept, root_file, fingerprint, sign_in, ports })
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

    /// Ends the hub in order.
    pub fn stop(self, runtime: &Runtime) {
        runtime.block_on(self.running.stop());
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
    let name = format!("demo-{}", print::now().as_unix_s());
    let token = store.create_token(&name, Role::Administrator, LIVES, &by).await?;
    store.close().await;
    Ok((token.secret, format!("/sign-in/once?token={}", link.token)))
}
