//! `wardline radius config`: the pieces that make a hospital's FreeRADIUS admit pumps to the Wi-Fi by their Wardline
//! certificates, and stop admitting one that is taken down.
//!
//! The files are complete: FreeRADIUS asks the hub about every certificate as it is shown, so there is nothing to copy
//! or to reload when a pump comes, goes or is quarantined.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use wardline_api::RouteId;
use wardline_api::types::{MadeToken, NewToken};
use wardline_model::Role;
use wardline_pki::Cert;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::data::write_private;
use crate::login::Kept;
use crate::print;

const EAP: &str = include_str!("radius/eap.conf");
const REST: &str = include_str!("radius/rest.conf");
const SITE: &str = include_str!("radius/site.conf");

const EXAMPLE: &str = "\
Example:
  wardline radius config --out wardline-radius --vlan 20 --quarantine-vlan 99 \\
      --status http://pki.st-elsewhere.example:7446 \\
      --server-cert /etc/freeradius/3.0/certs/server.pem --server-key /etc/freeradius/3.0/certs/server.key";

/// How long the token that FreeRADIUS asks the hub with works, days.
const TOKEN_DAYS: u32 = 365;

/// The largest VLAN number (IEEE 802.1Q: 4095 is reserved).
const LAST_VLAN: u16 = 4094;

/// Wi-Fi admission of pumps by a RADIUS server
#[derive(Args)]
pub struct Radius {
    #[command(subcommand)]
    command: RadiusCommand,
}

#[derive(Subcommand)]
enum RadiusCommand {
    /// Write the pieces for FreeRADIUS 3.2 (EAP-TLS, OCSP, and a question to the hub at every admission)
    Config(Config),
    /// Seal the secret of an access point, controller or RADIUS server that sends pumps off the air (RFC 5176)
    Secret(Secret),
}

/// Reads a shared secret from standard input and seals it among the hub's keys, under the name that `coa` in `config.json`
/// gives that place. The hub reads it when it starts.
#[derive(Args)]
#[command(after_help = "Example:\n  wardline radius secret wlc-1 < secret.txt")]
struct Secret {
    /// The name, as in `coa` of `config.json`
    name: String,
    /// The hub's data folder
    #[arg(long, default_value = crate::data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
}

/// The shortest secret that is taken: RFC 2865 section 3 wants 16 bytes.
const SHORTEST_SECRET: usize = 16;

impl Secret {
    fn seal(&self) -> anyhow::Result<()> {
        let mut text = zeroize::Zeroizing::new(String::new());
        std::io::Read::read_to_string(&mut std::io::Read::take(std::io::stdin(), 4_096), &mut text)?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.len() < SHORTEST_SECRET {
            bail!(
                "the secret is shorter than {SHORTEST_SECRET} characters, which RFC 2865 demands: choose a longer one"
            );
        }
        let (folder, _) = crate::init::read_config(&self.data)?;
        let keys = wardline_hub::keys::Keys::open(&folder.hub().join("keys"))?;
        keys.seal(&wardline_hub::coa::secret_name(&self.name), secret.as_bytes())?;
        println!("Sealed. Put {:?} with its address into `coa` of config.json, and start the hub anew.", self.name);
        Ok(())
    }
}

/// Writes the pieces for FreeRADIUS 3.2 into a folder, and makes the token with which it asks the hub.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
struct Config {
    /// The folder to write; made if it does not exist
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Where the hub tells the state of certificates (its `status_public`)
    #[arg(long, value_name = "http://NAME[:PORT]")]
    status: String,
    /// The RADIUS server's own certificate with its chain, PEM: what pumps' wireless profiles trust
    #[arg(long, value_name = "FILE.pem")]
    server_cert: PathBuf,
    /// Its key, PEM
    #[arg(long, value_name = "FILE.key")]
    server_key: PathBuf,
    /// The VLAN of pumps that are in service
    #[arg(long, value_name = "1-4094", value_parser = clap::value_parser!(u16).range(1..=i64::from(LAST_VLAN)))]
    vlan: u16,
    /// The VLAN of pumps that are cut; without it they are not admitted at all
    #[arg(long, value_name = "1-4094", value_parser = clap::value_parser!(u16).range(1..=i64::from(LAST_VLAN)))]
    quarantine_vlan: Option<u16>,
    /// The VLAN of pumps that are to be mended: it must reach the hub and nothing else. Without it they go where pumps go
    /// that are cut
    #[arg(long, value_name = "1-4094", value_parser = clap::value_parser!(u16).range(1..=i64::from(LAST_VLAN)))]
    remediation_vlan: Option<u16>,
    /// Where FreeRADIUS listens for the access points
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:1812")]
    listen: SocketAddr,
    /// What happens while the hub does not answer
    #[arg(long, value_enum, default_value_t = Silent::Admit)]
    when_silent: Silent,
    /// After how many minutes an access point asks again about a pump that is on the air
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    ask_again: u32,
}

/// What happens while the hub does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Silent {
    /// A pump with a good certificate is admitted: the fleet stays reachable while the hub is down, and the hub itself
    /// still refuses a pump that is taken down
    Admit,
    /// Nobody is admitted who is not on the air already
    Refuse,
}

impl Radius {
    /// Writes.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        match self.command {
            RadiusCommand::Config(config) => config.write(access),
            RadiusCommand::Secret(secret) => secret.seal(),
        }
    }
}

impl Config {
    fn write(&self, access: &Access) -> anyhow::Result<()> {
        let kept = Kept::read(access)?;
        let client = Client::new(&kept)?;
        let (fleet, roots) = self.authorities(&kept)?;
        let name = format!("radius-{}", print::now().as_unix_s());
        let new = NewToken { name: name.clone(), role: Role::Viewer, days: Some(TOKEN_DAYS) };
        let token: MadeToken = typed(client.send(RouteId::ApiTokenCreate, &[], &new)?)?;
        for folder in ["mods-enabled", "sites-enabled", "certs"] {
            let folder = self.out.join(folder);
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let out = std::path::absolute(&self.out)?;
        let fill = |text: &str| self.fill(text, &out, &kept.hub, &token.token);
        let files = [
            ("mods-enabled/wardline_eap", fill(EAP)),
            ("mods-enabled/wardline_rest", fill(REST)),
            ("sites-enabled/wardline", fill(SITE)),
            ("certs/fleet-ca.pem", fleet),
            ("certs/hub-ca.pem", roots),
        ];
        for (file, text) in files {
            write_private(&out.join(file), text.as_bytes())?;
        }
        self.say(&out, &name, &token);
        Ok(())
    }

    /// The authorities that a pump's certificate may come from, and the roots that the hub's own may come from, both PEM. A
    /// root is one that this command line believes already; the rest comes over plain HTTP and must lead to it. While
    /// authorities change there are two of each, and the certificates by which the roots vouch for each other.
    fn authorities(&self, kept: &Kept) -> anyhow::Result<(String, String)> {
        let mut known = certificates(&kept.ca).context("the kept login's authority cannot be read")?;
        let believed = known.len();
        let url = format!("{}/ca/all.pem", self.status);
        let text = String::from_utf8(crate::client::plain::get(&url)?).ok();
        let all = text.and_then(|text| certificates(&text).ok());
        let all = all.with_context(|| format!("{url} gave something else than certificates"))?;
        // Whoever a known authority signed is known too, and so on.
        for _ in 0..all.len() {
            for cert in &all {
                if !known.contains(cert) && known.iter().any(|above| cert.verify_issued_by(above).is_ok()) {
                    known.push(cert.clone());
                }
            }
        }
        if known.len() == believed {
            bail!("{url} gave certificates that this hub's root did not sign: is it another hub's address?");
        }
        let signs_itself = |cert: &&Cert| cert.verify_issued_by(cert).is_ok();
        let pem = |certs: Vec<&Cert>| certs.into_iter().map(Cert::to_pem).collect::<String>();
        Ok((pem(known.iter().collect()), pem(known.iter().filter(signs_itself).collect())))
    }

    fn fill(&self, text: &str, out: &Path, hub: &str, token: &str) -> String {
        let refuse = "\t\t\treject";
        let standing =
            |word: &str| format!("\t\t\tupdate outer.session-state {{\n\t\t\t\t&Tmp-String-0 := \"{word}\"\n\t\t\t}}");
        let quarantined = self.quarantine_vlan.map_or_else(|| refuse.to_owned(), |_| standing("quarantined"));
        let remediate = self.remediation_vlan.map_or_else(|| quarantined.clone(), |_| standing("remediate"));
        let is_soft = self.when_silent == Silent::Admit;
        let silent = if is_soft { standing("in-service") } else { refuse.to_owned() };
        let yes = |is: bool| if is { "yes" } else { "no" };
        let vlan = |vlan: Option<u16>| vlan.map_or_else(String::new, |vlan| vlan.to_string());
        text.replace("@FOLDER@", &out.display().to_string())
            .replace("@SERVER_CERT@", &self.server_cert.display().to_string())
            .replace("@SERVER_KEY@", &self.server_key.display().to_string())
            .replace("@HUB@", hub)
            .replace("@TOKEN@", token)
            .replace("@STATUS@", &self.status)
            // A held certificate is refused by OCSP before the hub can say where its pump belongs.
            .replace("@OCSP@", yes(self.quarantine_vlan.is_none()))
            .replace("@SOFT@", yes(is_soft))
            .replace("@IN_SERVICE@", &standing("in-service"))
            .replace("@QUARANTINED@", &quarantined)
            .replace("@REMEDIATE@", &remediate)
            .replace("@SILENT@", &silent)
            .replace("@LISTEN_IP@", &self.listen.ip().to_string())
            .replace("@LISTEN_PORT@", &self.listen.port().to_string())
            .replace("@REAUTH@", &(self.ask_again * 60).to_string())
            .replace("@QUARANTINE_VLAN@", &vlan(self.quarantine_vlan))
            .replace("@REMEDIATION_VLAN@", &vlan(self.remediation_vlan))
            .replace("@VLAN@", &vlan(Some(self.vlan)))
    }

    fn say(&self, out: &Path, token: &str, made: &MadeToken) {
        println!("The pieces for FreeRADIUS 3.2 are in {}.", out.display());
        println!();
        println!("  1. apt install freeradius freeradius-rest");
        println!("  2. chown -R freerad:freerad {}", out.display());
        println!(
            "  3. link the three files of mods-enabled and sites-enabled into the same folders of /etc/freeradius/3.0"
        );
        println!("  4. freeradius -XC, then restart it");
        println!();
        println!("FreeRADIUS asks the hub with the token {token}, which ends {}.", print::moment(made.expires));
        println!("Write the pieces anew before then; `wardline token revoke {token}` ends it at once.");
    }
}

/// The certificates of a PEM text, in order; at least one.
fn certificates(text: &str) -> anyhow::Result<Vec<Cert>> {
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split_inclusive(END).filter(|block| block.contains(END));
    let certs = blocks.map(|block| Ok(Cert::from_pem(block)?)).collect::<anyhow::Result<Vec<_>>>()?;
    if certs.is_empty() {
        bail!("there is no certificate in it");
    }
    Ok(certs)
}

#[cfg(test)]
mod tests {
    //! Every blank is filled, and each choice shows in the files.

    use std::path::Path;

    use super::{Config, EAP, REST, SITE, Silent};

    fn config(quarantine_vlan: Option<u16>, when_silent: Silent) -> Config {
        Config {
            out: "out".into(),
            status: "http://pki.example.org".into(),
            server_cert: "/etc/server.pem".into(),
            server_key: "/etc/server.key".into(),
            vlan: 20,
            quarantine_vlan,
            remediation_vlan: quarantine_vlan.map(|vlan| vlan - 1),
            listen: ([127, 0, 0, 1], 1812).into(),
            when_silent,
            ask_again: 30,
        }
    }

    fn filled(config: &Config) -> String {
        [EAP, REST, SITE].map(|text| config.fill(text, Path::new("/out"), "https://hub:7445", "SECRET")).concat()
    }

    #[test]
    fn every_blank_is_filled_and_each_choice_shows() {
        let strict = filled(&config(None, Silent::Refuse));
        let kind = filled(&config(Some(99), Silent::Admit));
        for text in [&strict, &kind] {
            assert!(!text.contains('@'), "{text}");
            assert!(text.contains("Session-Timeout := 1800") && text.contains("Tunnel-Private-Group-Id := \"20\""));
        }
        assert!(strict.contains("enable = yes") && strict.contains("softfail = no"));
        assert!(
            !strict.contains("Tmp-String-0 := \"remediate\"") && kind.contains("Tunnel-Private-Group-Id := \"98\"")
        );
        assert!(!strict.contains("\"99\"") && !strict.contains("Tmp-String-0 := \"quarantined\""));
        assert!(kind.contains("softfail = yes") && kind.contains("Tunnel-Private-Group-Id := \"99\""));
        assert!(kind.contains("Tmp-String-0 := \"quarantined\""));
    }
}
