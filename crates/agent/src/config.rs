//! What a maker or hospital sets for one pump: one JSON file, checked as a whole before anything starts.
//!
//! It holds no secret but, for a pump without a birth certificate, the one-time code of its first enrolment.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use wardline_model::{Model, Serial};

use crate::sealed::Flush;

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
    /// Where the hub is.
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
        let config: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (field, place) in [("hub.link", &config.hub.link), ("hub.est", &config.hub.est)] {
            check_place(place).map_err(|why| format!("{field}: {why}"))?;
        }
        if !QUEUE.contains(&config.queue_events) {
            return Err(format!("queue_events: expected {} to {}", QUEUE.start(), QUEUE.end()));
        }
        Ok(config)
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
    use super::Config;
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
    }

    #[test]
    fn what_is_wrong_is_named() {
        let why = |from: &str, to: &str| with(|text| text.replace(from, to)).expect_err("was spoilt");
        expect![[r#"hub.link: "x" is not a port: expected a number from 1 to 65535"#]].assert_eq(&why("7443", "x"));
        expect!["hub.est: expected host:port, such as hub.example.org:7443"]
            .assert_eq(&why("hub.example.org:7444", "hub"));
        assert!(why("Halcyon 3", "").contains("is empty"));
        assert!(why("\"state\"", "\"stat\"").contains("unknown field `stat`"));
    }
}
