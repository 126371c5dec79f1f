//! `wardline ca request` and `wardline ca install`: an issuing authority below the hospital's own root.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use wardline_hub::ca::subordinate;
use wardline_hub::keys::Keys;
use wardline_pki::Cert;
use wardline_pki::subordinate::read_file;

use crate::data;
use crate::init::{at_the_command_line, console_place, open_store, read_config, sign_in_again};
use crate::print;

/// Writes a request (PKCS#10) for the hospital's PKI team: an issuing authority with no further authority below it.
///
/// The private key stays where the configuration puts it, sealed here or in a token. Asked again before the answer is
/// installed, the request is for the same key, so a late answer still fits.
///
/// Example:
///   wardline ca request --out issuing.csr --reason "below the hospital's root"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Request {
    /// The data folder of a hub that is not running
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// The new file
    #[arg(long, value_name = "FILE.csr")]
    out: PathBuf,
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

/// Checks and installs the answer of the hospital's authority.
///
/// Checked: it is for the key that was asked with, it is a CA certificate that may sign certificates and lists, it lasts,
/// its chain leads to the root that you name, each step's signature, key identifiers and path length. Then the new authority
/// signs a certificate for the hub and one for a pump, and both are verified with the root alone, so a constraint above it
/// that would shut pumps out is found before anything is changed.
///
/// Look at the root's SHA-256 on paper before you name it here: pumps will believe it.
///
/// Example:
///   wardline ca install issuing.pem policy-ca.pem --root hospital-root.pem --reason "answer of the PKI team"
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Install {
    /// The issuing authority's certificate, PEM or DER
    #[arg(value_name = "CERT")]
    cert: PathBuf,
    /// Certificates between it and the root, in any order; one file may hold several
    #[arg(value_name = "CHAIN")]
    chain: Vec<PathBuf>,
    /// The hospital's root, which pumps will pin
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// The data folder of a hub that is not running
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

impl Request {
    /// Writes the request.
    pub fn run(self) -> anyhow::Result<()> {
        let (folder, config) = read_config(&self.data)?;
        let _lock = folder.lock()?;
        if self.out.exists() {
            bail!("{} exists already; nothing was changed", self.out.display());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let request = runtime.block_on(async {
            let (keys, store) = open_store(&config, print::now()).await?;
            let keys = keys.placed(&config.ca_key);
            let made = subordinate::request(&config, &keys, &store, &at_the_command_line(&self.reason)).await;
            store.close().await;
            anyhow::Ok(made?)
        })?;
        write(&self.out, &request)
    }
}

/// Writes a request and says what to do with it.
pub fn write(out: &Path, request: &str) -> anyhow::Result<()> {
    data::write_private(out, request.as_bytes())?;
    println!("The request is in {}. Give it to the hospital's PKI team and ask for a subordinate", out.display());
    println!("certification authority: cA TRUE, keyCertSign and cRLSign, path length 0, several years.");
    println!("When their answer is here:");
    println!("  wardline ca install ISSUING.pem [CHAIN.pem …] --root ROOT.pem --reason \"answer of the PKI team\"");
    Ok(())
}

impl Install {
    /// Checks and installs.
    pub fn run(self) -> anyhow::Result<()> {
        let (folder, config) = read_config(&self.data)?;
        let _lock = folder.lock()?;
        let mut given = certs(&self.cert)?;
        // One file may hold the answer with its chain behind it, as PKI teams often give it.
        let cert = given.remove(0);
        for path in &self.chain {
            given.extend(certs(path)?);
        }
        let root = certs(&self.root)?;
        let [root] = root.as_slice() else { bail!("{} holds more than one certificate", self.root.display()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (found, sign_in) = runtime.block_on(async {
            let (keys, store): (Keys, _) = open_store(&config, print::now()).await?;
            let keys = keys.placed(&config.ca_key);
            let by = at_the_command_line(&self.reason);
            let done = subordinate::install((&config, &keys, &store), cert, &given, root.clone(), &by).await;
            let sign_in = if done.is_ok() { sign_in_again(&store, &by).await? } else { None };
            store.close().await;
            anyhow::Ok((done?, sign_in))
        })?;
        let subject = |cert: &Cert| print::safe(&cert.parsed().tbs_certificate.subject.to_string());
        let mut rows = vec![vec!["issuing authority".into(), subject(found.cert())]];
        rows.extend(found.between().iter().map(|cert| vec!["below".into(), subject(cert)]));
        rows.push(vec!["root, which pumps pin".into(), subject(found.root())]);
        rows.push(vec!["SHA-256 of the root".into(), found.root().fingerprint().to_string()]);
        rows.push(vec!["the authority ends".into(), print::moment(found.cert().not_after())]);
        if let Some(path) = sign_in {
            rows.push(vec!["first sign-in".into(), format!("https://{}{path}", console_place(&config))]);
        }
        println!("Installed. Start the hub with `wardline serve`.");
        println!("{}", print::facts(rows));
        Ok(())
    }
}

fn certs(path: &Path) -> anyhow::Result<Vec<Cert>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    read_file(&bytes).with_context(|| format!("{} cannot be used", path.display()))
}
