//! Where an authority's key lies: sealed in the hub's folder, or in a token behind PKCS#11 that never gives it out.
//!
//! In `config.json`:
//!
//! ```json
//! "ca_key": {
//!   "root": "sealed",
//!   "issuing": { "pkcs11": { "module": "/usr/lib/softhsm/libsofthsm2.so", "token": "wardline", "key": "issuing",
//!                            "pin_file": "/etc/wardline/token.pin" } }
//! }
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The longest PIN that is read. Tokens allow 4 to 255 characters.
const LONGEST_PIN: u64 = 255;

/// Where the keys of both authorities lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaKeys {
    /// The root's.
    pub root: KeyPlace,
    /// The issuing authority's.
    pub issuing: KeyPlace,
}

/// Where one authority's key lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPlace {
    /// In `keys/`, sealed under the master key.
    #[default]
    Sealed,
    /// In a token.
    Pkcs11(TokenKey),
}

/// A key in a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// The maker's PKCS#11 library, a shared object.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label. A later authority, after a roll-over, gets its own name behind it.
    pub key: String,
    /// A file with the token's PIN, readable by its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
    /// The environment variable with the token's PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_env: Option<String>,
}

impl CaKeys {
    /// Where the authority kept under this name has its key: `root` and what begins with it, or an issuing one.
    #[must_use]
    pub fn of(&self, name: &str) -> KeyPlace {
        let (place, rest) = match name.strip_prefix("root") {
            Some(rest) => (&self.root, rest),
            None => (&self.issuing, name.strip_prefix("issuing").unwrap_or(name)),
        };
        match place {
            KeyPlace::Sealed => KeyPlace::Sealed,
            KeyPlace::Pkcs11(key) => KeyPlace::Pkcs11(TokenKey { key: format!("{}{rest}", key.key), ..key.clone() }),
        }
    }

    /// Looks the values over.
    ///
    /// # Errors
    /// A sentence that names the field and what was expected.
    pub fn check(&self) -> Result<(), String> {
        for (name, place) in [("root", &self.root), ("issuing", &self.issuing)] {
            if let KeyPlace::Pkcs11(key) = place {
                key.check().map_err(|why| format!("ca_key.{name}.pkcs11: {why}"))?;
            }
        }
        match (&self.root, &self.issuing) {
            (KeyPlace::Pkcs11(root), KeyPlace::Pkcs11(issuing))
                if root.key == issuing.key && root.token == issuing.token =>
            {
                Err("ca_key: root and issuing need two keys; give them different labels".into())
            }
            _ => Ok(()),
        }
    }
}

impl TokenKey {
    fn check(&self) -> Result<(), String> {
        if !self.module.is_absolute() {
            return Err(format!("module: {} is not an absolute path", self.module.display()));
        }
        // PKCS#11 keeps 32 bytes for a token's label.
        if self.token.is_empty() || self.token.len() > 32 {
            return Err("token: expected the token's label, 1 to 32 bytes".into());
        }
        if self.key.is_empty() || self.key.len() > 64 {
            return Err("key: expected the key's label, 1 to 64 bytes".into());
        }
        match (&self.pin_file, &self.pin_env) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err("expected exactly one of pin_file and pin_env".into()),
        }
    }

    /// The PIN, read anew each time: an operator may correct it while the hub runs.
    ///
    /// # Errors
    /// A sentence with what to do.
    pub fn pin(&self) -> Result<Zeroizing<String>, String> {
        let pin = match (&self.pin_file, &self.pin_env) {
            (Some(path), _) => read_pin(path)?,
            (None, Some(name)) => Zeroizing::new(
                std::env::var(name)
                    .map_err(|_| format!("the environment variable {name} with the token's PIN is not set"))?,
            ),
            (None, None) => return Err("neither pin_file nor pin_env says where the token's PIN is".into()),
        };
        let text = pin.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err("the token's PIN is empty".into());
        }
        Ok(Zeroizing::new(text.to_owned()))
    }
}

fn read_pin(path: &Path) -> Result<Zeroizing<String>, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrong = |why: &dyn std::fmt::Display| format!("the file {} with the token's PIN: {why}", path.display());
    let about = std::fs::metadata(path).map_err(|e| wrong(&e))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(wrong(&"it can be read by others; run `chmod 600` on it"));
    }
    // A line's end may follow.
    if about.len() > LONGEST_PIN + 2 {
        return Err(wrong(&"it is longer than any PIN"));
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|e| wrong(&e))
}

#[cfg(test)]
mod tests;
