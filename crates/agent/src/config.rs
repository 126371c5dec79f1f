//! What a maker or hospital sets for one pump: one JSON file, checked as a whole before anything starts.
//!
//! It holds no secret but, for a pump without a birth certificate, the one-time code of its first enrolment, and that only
//! when it is not given as a file of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use wardline_model::{Model, Serial};
use wardline_wire::enrolment_code::EnrolmentCode;
use zeroize::Zeroizing;

use crate::sealed::Flush;
use crate::tpm::{Tpm, TpmPlace};

/// The largest configuration file that is read: a page of JSON is below 4 KiB.
const LARGEST: u64 = 64 * 1024;

/// What one agent is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder for everything that the agent keeps. Only the agent may read it.
    pub state: PathBuf,
    /// The device key's file; `device.key` in the state folder when not given. On a pump with a secure element, a place
    /// that is unsealed from it at boot.
    #[serde(default)]
    pub device_key: Option<PathBuf>,
    /// Where the pump keeps its private keys.
    #[serde(default)]
    pub keys: Keys,
    /// Where the hub is; a scanned label says it too, and may stand alone.
    #[serde(default)]
    pub hub: HubPlace,
    /// The Unix socket of the therapy controller's port.
    #[serde(default)]
    pub controller: Option<PathBuf>,
    /// The maker's name for this kind of pump.
    pub model: Model,
    /// The pump's serial number.
    pub serial: Serial,
    /// How the pump proves itself when it enrols for the first time.
    pub enrolment: Enrolment,
    /// Whether writes wait for the disk. Only simulated pumps may say that they do not.
    #[serde(skip)]
    pub flush: Flush,
    /// How many events the pump keeps while it is offline.
    #[serde(default = "Config::default_queue")]
    pub queue_events: u32,
}

/// Where the pump keeps its private keys, and what its state folder is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Keys {
    /// In a sealed file, bound to this machine.
    Software {
        /// Files that tell this machine from others; every one must be there whenever the agent starts. When not given:
        /// those of `/etc/machine-id` and `/proc/device-tree/serial-number` that exist when the key is made.
        #[serde(default)]
        bind_to: Option<Vec<PathBuf>>,
    },
    /// In a TPM 2.0, which they never leave.
    Tpm2 {
        /// The TPM: `/dev/tpmrm0`, or the socket of a software TPM.
        #[serde(default)]
        place: TpmPlace,
        /// Where in the TPM's own memory half of the device key lies.
        #[serde(default)]
        nv_index: NvIndex,
        /// A file with the password of the owner hierarchy, without a line's end; none when it has no password.
        #[serde(default)]
        owner_password_file: Option<PathBuf>,
    },
}

impl Default for Keys {
    fn default() -> Self {
        Self::Software { bind_to: None }
    }
}

impl Keys {
    /// The TPM, if there is one.
    pub(crate) fn tpm(&self) -> std::io::Result<Option<Arc<Tpm>>> {
        match self {
            Self::Software { .. } => Ok(None),
            Self::Tpm2 { place, owner_password_file, .. } => {
                let password = owner_password_file.as_ref().map(std::fs::read).transpose()?;
                Ok(Some(Arc::new(Tpm::new(place.clone(), Zeroizing::new(password.unwrap_or_default())))))
            }
        }
    }
}

/// An index of the part of a TPM's memory that belongs to the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NvIndex(pub u32);

impl Default for NvIndex {
    /// A number without a meaning that nobody else is known to use.
    fn default() -> Self {
        Self(0x0180_5744)
    }
}

impl TryFrom<String> for NvIndex {
    type Error = String;
    /// The range is the owner's (TCG registry of reserved handles, section 2.2.2).
    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match number {
            Some(number @ 0x0180_0000..=0x01bf_ffff) => Ok(Self(number)),
            Some(_) | None => Err(format!("nv_index {text:?}: expected \"0x01800000\" to \"0x01bfffff\"")),
        }
    }
}

/// Where the hub is, and who it must prove to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubPlace {
    /// Host and port of the live link.
    pub link: String,
    /// Host and port of enrolment and releases.
    pub est: String,
    /// The name that the hub's certificate must carry.
    #[serde(default = "HubPlace::default_name")]
    pub name: String,
}

/// How a pump proves itself when it enrols for the first time: by its maker's birth certificate, or by a one-time code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Enrolment {
    /// By the birth certificate (IDevID, IEEE 802.1AR) that the maker put into the pump.
    Birth {
        /// The hospital's root certificate, PEM.
        root: PathBuf,
        /// The birth certificate and its chain, PEM.
        certificate: PathBuf,
        /// Its key, PEM (PKCS #8).
        key: PathBuf,
    },
    /// By a code that the hospital gave for this pump; it works once.
    Code {
        /// The hospital's root certificate, PEM.
        root: PathBuf,
        /// The code.
        code: String,
    },
    /// By such a code in a file of its own, which is overwritten and removed once the code is used.
    CodeFile {
        /// The hospital's root certificate, PEM.
        root: PathBuf,
        /// The file that holds the code.
        file: PathBuf,
    },
    /// By the label that the hospital printed for this pump and somebody scanned at it: hub, code and the root's
    /// fingerprint in one text (docs: enrolment-code).
    Scanned {
        /// The text of the label's QR code.
        scan: String,
    },
}

/// Why a configuration cannot be used. Each says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {source}. Give its place with --config")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is far too large to be one.
    #[error("the configuration {path} has more than {LARGEST} bytes; it is not an agent's configuration")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what was expected.
    #[error("the configuration {path} is not right: {why}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What and where.
        why: String,
    },
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
            return Err(ConfigError::TooLarge { path: path.to_owned() });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|why| ConfigError::Wrong { path: path.to_owned(), why })
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// A sentence that names the field and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut config: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        config.take_label()?;
        for (field, place) in [("hub.link", &config.hub.link), ("hub.est", &config.hub.est)] {
            check_place(place).map_err(|why| format!("{field}: {why}"))?;
        }
        if !QUEUE.contains(&config.queue_events) {
            return Err(format!("queue_events: expected {} to {}", QUEUE.start(), QUEUE.end()));
        }
        Ok(config)
    }

    /// A pump whose label was scanned has its hub from there.
    fn take_label(&mut self) -> Result<(), String> {
        let Enrolment::Scanned { scan } = &self.enrolment else { return Ok(()) };
        let label: EnrolmentCode = scan.parse().map_err(|why| format!("enrolment.scanned: the scanned text {why}"))?;
        if label.serial != self.serial {
            return Err(format!(
                "enrolment.scanned: the label is for serial number {}, and this pump is {}: scan this pump's own label",
                label.serial, self.serial
            ));
        }
        if self.hub == HubPlace::default() {
            self.hub = HubPlace { link: label.link, est: label.est, name: label.name };
        }
        Ok(())
    }

    /// Where the device key is.
    #[must_use]
    pub fn device_key_path(&self) -> PathBuf {
        self.device_key.clone().unwrap_or_else(|| self.state.join("device.key"))
    }

    const fn default_queue() -> u32 {
        6_000
    }
}

/// The fewest and the most events that a pump may keep: two busy days, and what fits into 100 MB of journal.
const QUEUE: std::ops::RangeInclusive<u32> = 1_000..=100_000;

impl Default for HubPlace {
    /// Nowhere yet.
    fn default() -> Self {
        Self { link: String::new(), est: String::new(), name: Self::default_name() }
    }
}

impl HubPlace {
    fn default_name() -> String {
        "hub.wardline.internal".into()
    }
}

fn check_place(place: &str) -> Result<(), String> {
    let (host, port) = place.rsplit_once(':').ok_or("expected host:port, such as hub.example.org:7443")?;
    if host.is_empty() {
        return Err("the host is missing before the colon".into());
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) => Err(format!("{port:?} is not a port: expected a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Keys};
    use expect_test::expect;

    fn with(change: impl FnOnce(&str) -> String) -> Result<Config, String> {
        let good = r#"{
  "state": "/var/lib/wardline-agent",
  "hub": { "link": "hub.example.org:7443", "est": "hub.example.org:7444" },
  "controller": "/run/therapy/port.sock",
  "model": "Halcyon 3", "serial": "H3-000001",
  "enrolment": { "code": { "root": "/etc/wardline/root.pem", "code": "AAAA-BBBB" } }
}"#;
        Config::parse(&change(good))
    }

    #[test]
    fn the_example_is_good_and_fills_in_what_is_not_said() {
        let config = with(str::to_owned).expect("good");
        assert_eq!(config.hub.name, "hub.wardline.internal");
        assert_eq!(config.device_key_path().to_str(), Some("/var/lib/wardline-agent/device.key"));
        assert_eq!(config.keys, Keys::Software { bind_to: None });
        let tpm = with(|text| text.replace("\"model\"", "\"keys\": {\"tpm2\": {}}, \"model\"")).expect("good");
        let Keys::Tpm2 { place, nv_index, .. } = tpm.keys else { panic!("a TPM was chosen") };
        assert_eq!((place.to_string().as_str(), nv_index.0), ("/dev/tpmrm0", 0x0180_5744));
    }

    #[test]
    fn a_scanned_label_says_where_the_hub_is_and_must_be_this_pumps() {
        let root = "AB".repeat(32);
        let scanned = |serial: &str| {
            let label =
                format!("WARDLINE:1/HUB.EXAMPLE.ORG:7444/HUB.EXAMPLE.ORG:7443/{serial}/7K3QX0123456789ABCDE/{root}");
            Config::parse(&format!(
                r#"{{"state": "/s", "model": "Halcyon 3", "serial": "H3-000001", "enrolment": {{"scanned": {{"scan": "{label}"}}}}}}"#
            ))
        };
        let config = scanned("H3-000001").expect("good");
        assert_eq!(
            (config.hub.link.as_str(), config.hub.est.as_str()),
            ("hub.example.org:7443", "hub.example.org:7444")
        );
        let other = scanned("H3-000002").expect_err("another pump's label");
        assert!(other.contains("this pump is H3-000001"), "{other}");
        let torn = with(|text| {
            text.replace(
                r#"{ "code": { "root": "/etc/wardline/root.pem", "code": "AAAA-BBBB" } }"#,
                r#"{"scanned": {"scan": "WARDLINE:1/x"}}"#,
            )
        });
        assert!(torn.expect_err("torn").contains("Scan it again"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let why = |from: &str, to: &str| with(|text| text.replace(from, to)).expect_err("was spoilt");
        expect![[r#"hub.link: "x" is not a port: expected a number from 1 to 65535"#]].assert_eq(&why("7443", "x"));
        expect!["hub.est: expected host:port, such as hub.example.org:7443"]
            .assert_eq(&why("hub.example.org:7444", "hub"));
        assert!(why("Halcyon 3", "").contains("is empty"));
        assert!(why("\"state\"", "\"stat\"").contains("unknown field `stat`"));
        let keys = |keys: &str| why("\"model\"", &format!("\"keys\": {keys}, \"model\""));
        assert!(keys(r#"{"tpm2": {"place": "tpm0"}}"#).contains("\"tpm0\" is not a TPM: expected /dev/tpmrm0"));
        assert!(keys(r#"{"tpm2": {"nv_index": "0x1"}}"#).contains("nv_index \"0x1\": expected"));
        assert!(keys(r#""paper""#).contains("unknown variant"));
    }
}
