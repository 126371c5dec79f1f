//! The way to the TPM: the kernel's device, or the socket of a software TPM.
//!
//! A conversation is opened for one task and closed after it, so that other programs of the pump have their turn.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::wire::{HEADER, LONGEST_ANSWER};

/// How long a TPM on a socket may think. Making a key takes a slow TPM some seconds; the kernel limits its own device.
const WITHIN: Duration = Duration::from_secs(30);

/// Where a TPM is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum TpmPlace {
    /// The kernel's device with its resource manager, `/dev/tpmrm0`.
    Device(PathBuf),
    /// The Unix socket of a software TPM, `unix:/path`.
    Unix(PathBuf),
    /// The TCP socket of a software TPM, `tcp:127.0.0.1:2321`. It is not protected: for tests on one machine.
    Tcp(String),
}

impl Default for TpmPlace {
    fn default() -> Self {
        Self::Device("/dev/tpmrm0".into())
    }
}

impl FromStr for TpmPlace {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("tcp", place)) if place.contains(':') => Ok(Self::Tcp(place.into())),
            None if text.starts_with('/') => Ok(Self::Device(text.into())),
            Some(_) | None => {
                Err(format!("{text:?} is not a TPM: expected /dev/tpmrm0, unix:/a/socket or tcp:127.0.0.1:2321"))
            }
        }
    }
}

impl TryFrom<String> for TpmPlace {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for TpmPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => write!(f, "{}", path.display()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp:{place}"),
        }
    }
}

/// An open way to a TPM.
pub(super) enum Port {
    Device(File),
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Port {
    pub(super) fn open(place: &TpmPlace) -> io::Result<Self> {
        match place {
            TpmPlace::Device(path) => Ok(Self::Device(OpenOptions::new().read(true).write(true).open(path)?)),
            TpmPlace::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(WITHIN))?;
                stream.set_write_timeout(Some(WITHIN))?;
                Ok(Self::Unix(stream))
            }
            TpmPlace::Tcp(place) => {
                let address = place.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
                let stream = TcpStream::connect_timeout(&address, WITHIN)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(WITHIN))?;
                stream.set_write_timeout(Some(WITHIN))?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    /// Sends one command and reads one answer, whole but not yet looked at.
    pub(super) fn exchange(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Device(device) => {
                // The driver takes a command in one write and gives its answer in one read.
                device.write_all(command)?;
                let mut answer = vec![0; LONGEST_ANSWER];
                let length = device.read(&mut answer)?;
                answer.truncate(length);
                Ok(answer)
            }
            Self::Unix(stream) => over(stream, command),
            Self::Tcp(stream) => over(stream, command),
        }
    }
}

fn over(stream: &mut (impl Read + Write), command: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(command)?;
    let mut answer = vec![0; HEADER];
    stream.read_exact(&mut answer)?;
    let size = answer.get(2..6).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes) as usize;
    if !(HEADER..=LONGEST_ANSWER).contains(&size) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer has an impossible length"));
    }
    answer.resize(size, 0);
    stream.read_exact(answer.get_mut(HEADER..).unwrap_or_default())?;
    Ok(answer)
}
