//! What an operator may set: one JSON file, `config.json`, in the hub's folder. Whatever it leaves out has a default.
//!
//! It holds no secret. A field that is not known is refused by name, so a typing error never turns into a default.

mod enrolment;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::keys::place::CaKeys;
pub use enrolment::{Approval, Demand, EnrolmentRules, LabelRule, ModelRule, Ruled, SameKey};

/// The largest file that is read: ours have 2 KiB.
const LARGEST: u64 = 256 * 1024;

/// The file's name in the hub's folder.
pub const FILE: &str = "config.json";

/// The DNS name that pumps expect in the hub's certificate unless told otherwise. `.internal` is kept for private use
/// (ICANN, 2024), so nobody else can hold a certificate for it.
pub const HUB_NAME: &str = "hub.wardline.internal";

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The hub's folder; where the file was read from, never in the file.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The hospital, for the O of pumps' certificates.
    pub hospital: String,
    /// The name of this hub process in the database, for several hubs on one database.
    pub node: String,
    /// The name that the hub's certificate carries and pumps expect.
    pub hub_name: String,
    /// Further DNS names for the console's certificate.
    pub console_names: Vec<String>,
    /// Where the live link listens.
    pub link: SocketAddr,
    /// Where enrolment and releases listen.
    pub est: SocketAddr,
    /// Where the console and its API listen.
    pub console: SocketAddr,
    /// Where enrolment listens for clients that speak only TLS 1.2; nowhere when not given. Nothing but EST is there.
    pub legacy_est: Option<SocketAddr>,
    /// Host and port of the live link as pumps reach it; `link` when not given.
    pub link_public: Option<String>,
    /// Host and port of enrolment as pumps reach it; `est` when not given. It stands on the labels of new pumps.
    pub est_public: Option<String>,
    /// Where third parties ask about certificates over plain HTTP (CRL, OCSP); nowhere when not given.
    pub status: Option<SocketAddr>,
    /// The start of that place's address as the hospital's servers reach it, such as `http://pki.example.org`. Pumps'
    /// certificates name it from then on.
    pub status_public: Option<String>,
    /// Whether a pump's certificate that lasts less than 10 days says that its revocation cannot be asked about
    /// (noRevAvail, RFC 9608) instead of where to ask. The hub itself refuses a pump that is taken down either way.
    pub short_lived: bool,
    /// Another database than the embedded one, such as `postgres://…`.
    pub database: Option<String>,
    /// Makers' root certificates (PEM), which may vouch for a pump's birth certificate. Relative to the hub's folder.
    pub maker_roots: Vec<PathBuf>,
    /// Where the authorities' keys lie: sealed here, or in a token behind PKCS#11.
    pub ca_key: CaKeys,
    /// Whether a pump with a good certificate may get a second one by its birth certificate alone.
    pub birth_again: bool,
    /// How long certificates last, and who agrees to a first one.
    pub enrolment: EnrolmentRules,
    /// Access points, controllers or RADIUS servers that send a pump off the air when it is taken down (RFC 5176). The
    /// secret of each is sealed among the hub's keys: `wardline radius secret <name>`.
    pub coa: Vec<CoaTarget>,
    /// Limits on peers.
    pub limits: Limits,
}

/// Whom to send a Disconnect-Request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoaTarget {
    /// A name of its own: letters, digits and dashes.
    pub name: String,
    /// Where it listens, UDP port 3799 by default of the standard.
    pub address: SocketAddr,
    /// The NAS-IP-Address or NAS-Identifier of the access points that it answers for; all when empty.
    #[serde(default)]
    pub nas: Vec<String>,
}

/// What any peer may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open connections on the live link. 19,000: a process here may open 20,000 files.
    pub link_connections: usize,
    /// Open connections for enrolment and releases. 2,000: a storm of fetching pumps, each for a second.
    pub est_connections: usize,
    /// Open connections on the console. 500: every screen of a hospital.
    pub console_connections: usize,
    /// Open connections for CRL and OCSP. 500: every RADIUS server and gateway of a health system.
    pub status_connections: usize,
    /// Seconds for a whole handshake. 10: a pump at the edge of the Wi-Fi needs three round trips.
    pub handshake_s: u64,
    /// Seconds for the head of a request, for the body of an enrolment, and between two requests on one connection.
    pub request_s: u64,
    /// Seconds for the whole body of a request to the console. 60: a release of 20 MiB over a slow office line.
    pub upload_s: u64,
    /// Seconds that a peer may take nothing of an answer. 30: a pump that walks through a gap in the Wi-Fi.
    pub stalled_s: u64,
    /// Connections at one port from one address (IPv6: one /64) that have not shown a certificate yet; at the console,
    /// all of them. 250: half of the console's seats. Raise it where a proxy speaks for many.
    pub guests_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            link_connections: 19_000,
            est_connections: 2_000,
            console_connections: 500,
            status_connections: 500,
            handshake_s: 10,
            request_s: 10,
            upload_s: 60,
            stalled_s: 30,
            guests_per_address: 250,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            folder: PathBuf::new(),
            hospital: "Unnamed hospital".into(),
            node: "hub".into(),
            hub_name: HUB_NAME.into(),
            console_names: Vec::new(),
            link: at(7443),
            est: at(7444),
            console: at(7445),
            legacy_est: None,
            link_public: None,
            est_public: None,
            status: None,
            status_public: None,
            short_lived: false,
            database: None,
            maker_roots: Vec::new(),
            ca_key: CaKeys::default(),
            birth_again: false,
            coa: Vec::new(),
            enrolment: EnrolmentRules::default(),
            limits: Limits::default(),
        }
    }
}

/// Whether this can stand in a certificate in front of `/ocsp`: short, plain, and `http` (see [`crate::status`]).
fn check_base(base: &str) -> Result<(), &'static str> {
    let rest = base.strip_prefix("http://").ok_or("does not begin with http://, which clients of CRL and OCSP need")?;
    match rest.as_bytes() {
        [] => Err("names no host"),
        [.., b'/'] => Err("must not end with a slash"),
        bytes if bytes.len() > 200 => Err("is longer than 200 characters"),
        bytes if !bytes.iter().all(u8::is_ascii_graphic) => Err("has characters that an address cannot have"),
        _ => Ok(()),
    }
}

/// Why a configuration cannot be used. Each says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("the configuration {path}: {source}. Run `wardline init` first, or name the data folder with --data")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content is not right.
    #[error("the configuration {path} is not right: {why}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What and where.
        why: String,
    },
}

impl Config {
    /// Reads `config.json` in the hub's folder.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the field.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE);
        let file = |source| ConfigError::File { path: path.clone(), source };
        let wrong = |why: String| ConfigError::Wrong { path: path.clone(), why };
        if std::fs::metadata(&path).map_err(file)?.len() > LARGEST {
            return Err(wrong(format!("it has more than {LARGEST} bytes")));
        }
        let text = std::fs::read_to_string(&path).map_err(file)?;
        let mut config: Self = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        folder.clone_into(&mut config.folder);
        config.check().map_err(wrong)?;
        Ok(config)
    }

    /// Writes `config.json` into the hub's folder.
    ///
    /// # Errors
    /// [`ConfigError::File`].
    pub fn write(&self) -> Result<(), ConfigError> {
        let path = self.folder.join(FILE);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|e| ConfigError::Wrong { path: path.clone(), why: e.to_string() })?;
        text.push('\n');
        std::fs::write(&path, text).map_err(|source| ConfigError::File { path, source })
    }

    /// Looks the values over.
    ///
    /// # Errors
    /// A sentence that names the field and what was expected.
    pub fn check(&self) -> Result<(), String> {
        if self.hospital.trim().is_empty() || self.hospital.chars().count() > 64 {
            return Err("hospital: expected 1 to 64 characters (the upper bound of a certificate's O)".into());
        }
        if self.node.is_empty() || self.node.len() > 32 {
            return Err("node: expected 1 to 32 characters".into());
        }
        for name in std::iter::once(&self.hub_name).chain(&self.console_names) {
            if rustls_pki_types::DnsName::try_from(name.as_str()).is_err() {
                return Err(format!("hub_name, console_names: {name:?} is not a DNS name"));
            }
        }
        self.ca_key.check()?;
        if let Some(base) = &self.status_public {
            check_base(base).map_err(|why| format!("status_public: {base:?} {why}"))?;
        }
        self.enrolment.check()?;
        let mut names = std::collections::BTreeSet::new();
        for target in &self.coa {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if target.name.is_empty() || target.name.len() > 32 || !target.name.chars().all(fits) {
                return Err(format!(
                    "coa: {:?} is not a name: expected 1 to 32 letters, digits or dashes",
                    target.name
                ));
            }
            if !names.insert(&target.name) {
                return Err(format!("coa: the name {:?} is there twice", target.name));
            }
        }
        let Limits { handshake_s, request_s, upload_s, stalled_s, guests_per_address, .. } = self.limits;
        if [handshake_s, request_s, upload_s, stalled_s].contains(&0) {
            return Err("limits: a time limit of zero seconds lets nobody in".into());
        }
        if guests_per_address == 0 {
            return Err("limits: no guests per address lets nobody in".into());
        }
        Ok(())
    }

    /// The address of the database.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database.clone().unwrap_or_else(|| wardline_store::sqlite_url(&self.folder.join("hub.db")))
    }
}

#[cfg(test)]
mod tests {
    //! A public address that clients of CRL and OCSP could not use is refused by name.

    use super::Config;

    #[test]
    fn the_public_address_for_crl_and_ocsp_is_plain_http_without_a_slash_at_its_end() {
        let with = |base: &str| Config { status_public: Some(base.to_owned()), ..Config::default() }.check();
        for good in ["http://pki.example.org", "http://127.0.0.1:7446", "http://pki.example.org/pumps"] {
            assert_eq!(with(good), Ok(()));
        }
        for bad in ["https://pki.example.org", "http://", "http://pki.example.org/", "http://a b", "pki.example.org"] {
            assert!(with(bad).is_err_and(|why| why.contains("status_public")), "{bad}");
        }
        assert!(with(&format!("http://{}", "a".repeat(201))).is_err());
    }
}
