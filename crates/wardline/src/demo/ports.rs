//! Where the demonstration listens. A port that is taken is named before anything else is done.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::fault::{Exit, Fault};

/// The first of the four default ports: link, then enrolment and releases, then console, then CRL and OCSP.
pub const DEFAULT_BASE: u16 = 7443;

/// The four addresses, on this machine only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The live link.
    pub link: SocketAddr,
    /// Enrolment and releases.
    pub est: SocketAddr,
    /// Console and API.
    pub console: SocketAddr,
    /// CRL and OCSP.
    pub status: SocketAddr,
}

impl Ports {
    /// Four ports from this one on.
    pub fn from_base(base: u16) -> anyhow::Result<Self> {
        if base > u16::MAX - 3 || base == 0 {
            return Err(Fault::ends(
                Exit::Failed,
                format!("--port-base {base} leaves no room for four ports: use 1024 to 65532"),
            ));
        }
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { link: at(base), est: at(base + 1), console: at(base + 2), status: at(base + 3) })
    }

    /// Refuses ports that somebody listens on already.
    pub fn check(&self) -> anyhow::Result<()> {
        let all = [
            ("live link", self.link),
            ("enrolment", self.est),
            ("console", self.console),
            ("state of certificates", self.status),
        ];
        for (what, address) in all {
            if let Err(error) = TcpListener::bind(address) {
                let next = match error.kind() {
                    std::io::ErrorKind::AddrInUse => {
                        "another program (perhaps another demo) listens there: stop it, or use --port-base 8443"
                    }
                    std::io::ErrorKind::PermissionDenied => "ports below 1024 need more rights: use --port-base 7443",
                    _ => "use another --port-base",
                };
                return Err(Fault::ends(
                    Exit::Failed,
                    format!("the {what}'s port {} cannot be used ({error}): {next}", address.port()),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! A taken port is named.

    use std::net::TcpListener;

    use super::Ports;

    #[test]
    fn a_taken_port_is_named_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ports = Ports::from_base(7443).unwrap();
        ports.link = taken.local_addr().unwrap();
        let said = ports.check().unwrap_err().to_string();
        assert!(said.contains("live link's port") && said.contains("--port-base"), "{said}");
        assert!(Ports::from_base(65_533).is_err());
    }
}
