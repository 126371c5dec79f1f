//! A hub's folder with many pumps in it, each with a certificate, made in bulk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, KeyPair};
use wardline_hub::config::Config;
use wardline_hub::keys::Keys;
use wardline_hub::server::init;
use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Time};
use wardline_pki::profile::{self, PumpNames};
use wardline_pki::{CertSerial, Csr};
use wardline_store::{Actor, Decision, ExpectedPump, NewCertificate, Store};

use crate::machine::{Process, now_us};

/// A hub's folder and its pumps' keys.
pub struct Ward {
    folder: tempfile::TempDir,
}

/// One pump's way in.
pub struct Pass {
    /// Who it is.
    pub pump: PumpId,
    /// Its certificate and the issuing CA's.
    pub chain: Vec<Vec<u8>>,
    /// Its key, PKCS#8.
    pub key: Vec<u8>,
}

impl Ward {
    /// Makes a hub and this many pumps.
    pub fn new(pumps: usize) -> Result<Self> {
        let ward = Self { folder: tempfile::tempdir()? };
        tokio::runtime::Runtime::new()?.block_on(ward.fill(pumps))?;
        Ok(ward)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the hub's process on core 0; gives it and the address of its live link.
    pub fn hub(&self) -> Result<(Process, String)> {
        let arguments = ["server".to_owned(), "--folder".into(), self.path().display().to_string()];
        let mut hub = Process::start(0, &arguments)?;
        let place = hub.expect("link")?;
        Ok((hub, place))
    }

    /// Starts a process of pumps on core 1.
    pub fn drivers(&self, place: &str, from: usize, count: usize, what: &[&str]) -> Result<Process> {
        let mut arguments = vec!["drivers".to_owned(), "--folder".into(), self.path().display().to_string()];
        arguments.extend(["--place".into(), place.to_owned()]);
        arguments.extend(["--from".into(), from.to_string(), "--count".into(), count.to_string()]);
        arguments.extend(what.iter().map(|argument| (*argument).to_owned()));
        Process::start(1, &arguments)
    }

    async fn fill(&self, pumps: usize) -> Result<()> {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let folder = self.path().join("hub");
        std::fs::create_dir_all(&folder)?;
        let config = Config { folder, link: any, est: any, console: any, ..Config::default() };
        let made = init(config).await.context("making a hub")?;
        let keys = Keys::open(&made.config.folder.join("keys"))?;
        let now = Time::from_unix_ms(now_us() / 1_000);
        let store = Store::open(&made.config.database_url(), keys.master(), now).await?;
        let by = Decision { by: Actor::Operator("bench".into()), reason: "a measurement".into(), at: now };
        let expected = (1..=pumps).map(expected).collect::<Result<Vec<_>>>()?;
        let mut ids = Vec::with_capacity(pumps);
        for some in expected.chunks(1_000) {
            ids.extend(store.expect_pumps(some, &by).await?);
        }
        let issuing = keys.authority("issuing")?;
        let mut issued = Vec::with_capacity(pumps);
        let mut certificates = Vec::with_capacity(pumps);
        for (pump, expected) in ids.into_iter().zip(&expected) {
            let key = KeyPair::generate()?;
            let request = Csr::parse(CertificateParams::default().serialize_request(&key)?.der())?;
            let names = PumpNames { pump, serial: expected.serial.clone(), hospital: "Bench".into(), hw_type: None };
            let mut serial = [0; 16];
            aws_lc_rs::rand::fill(&mut serial).context("a serial number")?;
            let cert = issuing.sign(&profile::pump(&request, &names)?, &CertSerial::from_random(serial), now)?;
            certificates.push(NewCertificate {
                serial: cert.serial().to_string(),
                fingerprint: cert.fingerprint(),
                pump,
                not_before: cert.not_before(),
                not_after: cert.not_after(),
                der: cert.der().to_vec(),
            });
            let chain = vec![cert.der().to_vec(), issuing.cert().der().to_vec()];
            issued.push(Pass { pump, chain, key: key.serialize_der() });
        }
        // Together, so that they share commits.
        let issue = |certificate| {
            let (store, by) = (store.clone(), by.clone());
            async move { store.issue_certificate(&certificate, &by).await }
        };
        let mut waiting = tokio::task::JoinSet::new();
        for certificate in certificates {
            waiting.spawn(issue(certificate));
        }
        while let Some(kept) = waiting.join_next().await {
            kept??;
        }
        store.close().await;
        std::fs::write(passes_file(self.path()), write_passes(&issued))?;
        std::fs::write(self.path().join("root.der"), made.root.der())?;
        Ok(())
    }
}

fn expected(number: usize) -> Result<ExpectedPump> {
    Ok(ExpectedPump {
        model: Model::new("Halcyon 3")?,
        serial: Serial::new(&format!("H3-{number:06}"))?,
        asset_tag: AssetTag::new(&format!("TAG-{number:06}"))?,
        care_area: CareArea::new("Ward")?,
    })
}

fn passes_file(folder: &Path) -> PathBuf {
    folder.join("passes")
}

/// Each field with its length in front; each pump has four.
fn write_passes(passes: &[Pass]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for pass in passes {
        for field in [pass.pump.as_bytes().as_slice(), &pass.chain[0], &pass.chain[1], &pass.key] {
            bytes.extend((field.len() as u32).to_be_bytes());
            bytes.extend(field);
        }
    }
    bytes
}

/// Reads the passes of pumps `from` to `from + count`.
pub fn read_passes(folder: &Path, from: usize, count: usize) -> Result<Vec<Pass>> {
    let bytes = std::fs::read(passes_file(folder))?;
    let (mut rest, mut fields) = (&bytes[..], Vec::new());
    while let Some((length, after)) = rest.split_at_checked(4) {
        let length = u32::from_be_bytes(length.try_into()?) as usize;
        let (field, after) = after.split_at_checked(length).context("a whole pass")?;
        fields.push(field.to_vec());
        rest = after;
    }
    let passes = fields.chunks_exact(4).skip(from).take(count);
    passes
        .map(|four| {
            let pump = PumpId::from_bytes(four[0].as_slice().try_into()?);
            Ok(Pass { pump, chain: four[1..3].to_vec(), key: four[3].clone() })
        })
        .collect()
}
