//! `wardline ca hsm`: makes an authority's key in a token, and looks whether the hub could sign with it.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use wardline_hub::config::Config;
use wardline_hub::keys::Keys;
use wardline_hub::keys::hsm::{DeviceKey, HsmError, inspect};
use wardline_hub::keys::place::{CaKeys, KeyPlace, TokenKey};
use wardline_pki::SignElsewhere as _;
use wardline_store::Entry;

use crate::data;
use crate::fault::{Exit, Fault};
use crate::init::{at_the_command_line, open_store, read_config};
use crate::print;

/// Keys in a hardware security module.
///
/// The maker's PKCS#11 library is loaded when it is needed. The key is made in the token and cannot be taken out of it; the
/// hub signs with it from then on and never sees it. Say where it is when the hub is made:
///
///   wardline init --hospital "St. Elsewhere" --hsm /usr/lib/softhsm/libsofthsm2.so --hsm-token wardline \
///     --hsm-pin-file /etc/wardline/token.pin
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub enum Hsm {
    /// Make a P-256 key in a token, which it never leaves: before `wardline init`, in a ceremony of its own
    Init(Init),
    /// Look whether the tokens of this hub's configuration are there and hold the keys of its certificates
    Check(Check),
}

/// Where the key will be.
#[derive(Args)]
pub struct Init {
    #[command(flatten)]
    token: Token,
    /// The label of the new key
    #[arg(long, value_name = "LABEL", default_value = "wardline-issuing")]
    key: String,
}

/// Which hub.
#[derive(Args)]
pub struct Check {
    /// The data folder
    #[arg(long, default_value = data::DEFAULT, value_name = "FOLDER")]
    data: PathBuf,
}

/// A token.
#[derive(Args)]
struct Token {
    /// The maker's PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so
    #[arg(long, value_name = "FILE.so")]
    module: PathBuf,
    /// The token's label
    #[arg(long, value_name = "LABEL")]
    token: String,
    /// A file with its PIN, readable by its owner only
    #[arg(long, value_name = "FILE", required_unless_present = "pin_env", conflicts_with = "pin_env")]
    pin_file: Option<PathBuf>,
    /// The environment variable that holds its PIN
    #[arg(long, value_name = "NAME")]
    pin_env: Option<String>,
}

/// Options of `wardline init`.
#[derive(Args)]
#[command(next_help_heading = "Keys in a hardware security module")]
pub struct InHsm {
    /// Keep the issuing authority's key in a token: the maker's PKCS#11 library
    #[arg(long = "hsm", value_name = "FILE.so", requires = "hsm_token")]
    module: Option<PathBuf>,
    /// The token's label
    #[arg(long = "hsm-token", value_name = "LABEL", requires = "module")]
    hsm_token: Option<String>,
    /// A file with the token's PIN, readable by its owner only
    #[arg(long = "hsm-pin-file", value_name = "FILE", requires = "module", conflicts_with = "pin_env")]
    pin_file: Option<PathBuf>,
    /// The environment variable that holds the token's PIN
    #[arg(long = "hsm-pin-env", value_name = "NAME", requires = "module")]
    pin_env: Option<String>,
    /// The label of the issuing authority's key; taken when it is there, made when not
    #[arg(long = "hsm-key", value_name = "LABEL", default_value = "wardline-issuing")]
    key: String,
    /// Keep the root's key in the same token too, under this label
    #[arg(long = "hsm-root-key", value_name = "LABEL", requires = "module")]
    root_key: Option<String>,
}

impl InHsm {
    /// What the configuration says of it.
    pub fn places(&self) -> anyhow::Result<CaKeys> {
        let (Some(module), Some(token)) = (&self.module, &self.hsm_token) else { return Ok(CaKeys::default()) };
        if self.pin_file.is_none() && self.pin_env.is_none() {
            bail!("say where the token's PIN is: --hsm-pin-file or --hsm-pin-env");
        }
        let place = |key: &str| {
            KeyPlace::Pkcs11(TokenKey {
                module: module.clone(),
                token: token.clone(),
                key: key.to_owned(),
                pin_file: self.pin_file.clone(),
                pin_env: self.pin_env.clone(),
            })
        };
        let root = self.root_key.as_deref().map_or(KeyPlace::Sealed, place);
        Ok(CaKeys { root, issuing: place(&self.key) })
    }
}

impl Hsm {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Init(init) => init.run(),
            Self::Check(check) => check.run(),
        }
    }
}

impl Init {
    fn run(self) -> anyhow::Result<()> {
        let Token { module, token, pin_file, pin_env } = self.token;
        let place = TokenKey { module, token, key: self.key, pin_file, pin_env };
        let places = CaKeys { issuing: KeyPlace::Pkcs11(place.clone()), ..CaKeys::default() };
        places.check().map_err(|why| Fault::ends(Exit::Failed, why))?;
        match inspect(&place) {
            Err(HsmError::NoKey { .. }) => {}
            Ok(_) => bail!("the token holds a key with the label {:?} already; nothing was made", place.key),
            Err(error) => return Err(error.into()),
        }
        DeviceKey::find_or_make(place.clone())?;
        let found = inspect(&place)?;
        if !found.never_left || !found.is_local {
            bail!(
                "the token does not say of its new key that it can never be taken out; do not use it for an authority"
            );
        }
        println!("{}", facts(&place, &found));
        println!();
        println!(
            "Write the public key's SHA-256 into the minutes of the ceremony. Then say in `wardline init` or config.json:"
        );
        println!("{}", serde_json::to_string_pretty(&serde_json::json!({"ca_key": places}))?);
        Ok(())
    }
}

fn facts(place: &TokenKey, found: &wardline_hub::keys::hsm::Inspection) -> String {
    let said = |is: bool| if is { "yes" } else { "NO" }.to_owned();
    let rows = vec![
        vec!["token".into(), format!("{} ({})", place.token, print::safe(&found.token))],
        vec!["key".into(), place.key.clone()],
        vec!["SHA-256 of the public key".into(), found.fingerprint()],
        vec!["made in this token".into(), said(found.is_local)],
        vec!["can never be taken out".into(), said(found.never_left)],
    ];
    print::facts(rows).to_string()
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let (_, config) = read_config(&self.data)?;
        let keys = Keys::open(&config.folder.join("keys"))?.placed(&config.ca_key);
        let mut wrong = Vec::new();
        let mut in_tokens = 0;
        for name in ["root", "issuing"] {
            let KeyPlace::Pkcs11(place) = keys.place(name)? else {
                println!("{name}: sealed in the hub's folder");
                continue;
            };
            in_tokens += 1;
            match check(&keys, name, &place) {
                Ok(said) => println!("{name}: signs\n{said}"),
                Err(why) => wrong.push(format!("{name}: {why}")),
            }
        }
        record(&config, in_tokens, wrong.len());
        if !wrong.is_empty() {
            return Err(Fault::ends(Exit::NotInOrder, wrong.join("\n")));
        }
        Ok(())
    }
}

/// Finds the key, compares it with the certificate, and lets it sign something worthless.
fn check(keys: &Keys, name: &str, place: &TokenKey) -> anyhow::Result<String> {
    let found = inspect(place)?;
    let cert = keys.cert(name)?;
    if cert.parsed().tbs_certificate.subject_public_key_info != found.spki {
        bail!("the key {:?} in the token is not the one that its certificate names", place.key);
    }
    DeviceKey::new(place.clone(), found.spki.clone()).check()?;
    if !found.never_left {
        bail!("the key {:?} may be taken out of the token, or was outside of it once", place.key);
    }
    Ok(facts(place, &found))
}

/// Looking is an act too, but must work when the database does not.
fn record(config: &Config, tokens: usize, wrong: usize) {
    let done = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (_, store) = open_store(config, print::now()).await?;
            let entry = Entry::done("ca.hsm-check", None, format!("{tokens} keys in tokens, {wrong} not in order"));
            let done = store.record(&at_the_command_line("looked at the tokens"), &entry).await;
            store.close().await;
            done?;
            anyhow::Ok(())
        })
    };
    if let Err(error) = done() {
        eprintln!("This look could not be recorded in the audit trail: {error}");
    }
}
