//! A hub's folder with many pumps in it, each with a certificate, made in bulk, and what its peers need to do the same work
//! with the same certificates.

mod birth;
pub mod passes;
pub mod peer;
mod release;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, KeyPair};
use wardline_hub::config::{Config, EnrolmentRules, SameKey};
use wardline_hub::keys::Keys;
use wardline_hub::server::init;
use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Time};
use wardline_pki::profile::{self, PumpNames};
use wardline_pki::{Authority, CertSerial, Csr};
use wardline_release::key::PublicKey;
use wardline_store::{Actor, Decision, ExpectedPump, NewCertificate, Store};

use crate::machine::{Process, now_us};
use passes::Pass;

/// A hub's folder and its pumps' keys.
pub struct Ward {
    folder: tempfile::TempDir,
}

/// What a ward has beside its pumps.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Another database than the embedded one.
    pub database: Option<String>,
    /// A maker, with a birth certificate for each pump.
    pub births: bool,
    /// A published drug library of this many bytes.
    pub library: Option<usize>,
    /// A one-time code for the first pump instead of a certificate.
    pub code: bool,
}

impl Ward {
    /// Makes a hub and this many pumps.
    pub fn new(pumps: usize) -> Result<Self> {
        Self::with(pumps, &Wish::default())
    }

    /// Makes a hub, this many pumps, and what is wished for.
    pub fn with(pumps: usize, wish: &Wish) -> Result<Self> {
        let ward = Self { folder: tempfile::tempdir()? };
        tokio::runtime::Runtime::new()?.block_on(ward.fill(pumps, wish))?;
        Ok(ward)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the hub's process on core 0; gives it, the address of its live link, and that of enrolment and releases.
    pub fn hub(&self) -> Result<(Process, String, String)> {
        let (hub, link, est, _) = self.whole_hub()?;
        Ok((hub, link, est))
    }

    /// The same, with its other doors.
    pub fn whole_hub(&self) -> Result<(Process, String, String, Doors)> {
        let arguments = ["server".to_owned(), "--folder".into(), self.path().display().to_string()];
        let mut hub = Process::start(0, &arguments)?;
        let (link, est) = (hub.expect("link")?, hub.expect("est")?);
        let doors =
            Doors { status: hub.expect("status")?, console: hub.expect("console")?, token: hub.expect("token")? };
        Ok((hub, link, est, doors))
    }

    /// Starts a process of pumps on core 1.
    pub fn drivers(&self, place: &str, from: usize, count: usize, what: &[&str]) -> Result<Process> {
        let mut arguments = vec!["drivers".to_owned(), "--folder".into(), self.path().display().to_string()];
        arguments.extend(["--place".into(), place.to_owned()]);
        arguments.extend(["--from".into(), from.to_string(), "--count".into(), count.to_string()]);
        arguments.extend(what.iter().map(|argument| (*argument).to_owned()));
        Process::start(1, &arguments)
    }

    async fn fill(&self, pumps: usize, wish: &Wish) -> Result<()> {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let folder = self.path().join("hub");
        std::fs::create_dir_all(&folder)?;
        let now = now();
        let maker = if wish.births { Some(birth::maker(&folder, now)?) } else { None };
        let config = Config {
            folder,
            link: any,
            est: any,
            console: any,
            database: wish.database.clone(),
            maker_roots: maker.iter().map(|_| PathBuf::from(birth::ROOT)).collect(),
            // The same pump enrols again and again, each time with a record that is kept.
            birth_again: wish.births,
            enrolment: EnrolmentRules { same_key: SameKey::Allowed, ..EnrolmentRules::default() },
            ..Config::default()
        };
        let made = init(config).await.context("making a hub")?;
        let keys = Keys::open(&made.config.folder.join("keys"))?;
        peer::make(self.path(), &keys, &made.root, now)?;
        let goal_key = PublicKey::from(keys.ed25519("goal")?.verifying_key());
        std::fs::write(goal_key_file(self.path()), goal_key.as_bytes())?;
        let store = Store::open(&made.config.database_url(), keys.master(), now).await?;
        let expected = (1..=pumps).map(expected).collect::<Result<Vec<_>>>()?;
        let mut ids = Vec::with_capacity(pumps);
        for some in expected.chunks(1_000) {
            ids.extend(store.expect_pumps(some, &why(now)).await?);
        }
        if wish.code {
            let code = store.new_enrolment_code(ids[0], wardline_model::Span::from_min(10), &why(now)).await?;
            std::fs::write(self.path().join("code"), code.code.as_str())?;
        } else {
            let issued = issue(&store, &keys.authority("issuing")?, ids, &expected, now).await?;
            passes::write(self.path(), passes::OWN, &issued)?;
        }
        if let Some(maker) = maker {
            let births = expected.iter().map(|pump| birth::birth(&maker, pump, now)).collect::<Result<Vec<_>>>()?;
            passes::write(self.path(), passes::BIRTH, &births)?;
        }
        if let Some(bytes) = wish.library {
            release::publish(self.path(), &store, bytes, now).await?;
        }
        store.close().await;
        Ok(())
    }
}

/// Where third parties ask the hub.
pub struct Doors {
    /// CRL and OCSP.
    pub status: String,
    /// The console and its API.
    pub console: String,
    /// A viewer's token for it.
    pub token: String,
}

/// This moment.
pub fn now() -> Time {
    Time::from_unix_ms(now_us() / 1_000)
}

/// Who decides in a measurement.
pub fn why(at: Time) -> Decision {
    Decision { by: Actor::Operator("bench".into()), reason: "a measurement".into(), at }
}

/// Where the hub's public goal key lies, which a pump learns when it is provisioned.
pub fn goal_key_file(folder: &Path) -> PathBuf {
    folder.join("goal.key")
}

/// A pump as the hub's list has it.
pub fn expected(number: usize) -> Result<ExpectedPump> {
    Ok(ExpectedPump {
        model: Model::new("Halcyon 3")?,
        serial: Serial::new(&format!("H3-{number:06}"))?,
        asset_tag: AssetTag::new(&format!("TAG-{number:06}"))?,
        care_area: CareArea::new("Ward")?,
    })
}

fn serial() -> Result<CertSerial> {
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).context("a serial number")?;
    Ok(CertSerial::from_random(serial))
}

async fn issue(
    store: &Store,
    issuing: &Authority,
    ids: Vec<PumpId>,
    expected: &[ExpectedPump],
    now: Time,
) -> Result<Vec<Pass>> {
    let mut issued = Vec::with_capacity(ids.len());
    let mut waiting = tokio::task::JoinSet::new();
    for (pump, expected) in ids.into_iter().zip(expected) {
        let key = KeyPair::generate()?;
        let request = Csr::parse(CertificateParams::default().serialize_request(&key)?.der())?;
        let names = PumpNames { pump, serial: expected.serial.clone(), hospital: "Bench".into(), hw_type: None };
        let cert = issuing.sign(&profile::pump(&request, &names)?, &serial()?, now)?;
        let row = NewCertificate {
            serial: cert.serial().to_string(),
            fingerprint: cert.fingerprint(),
            pump,
            not_before: cert.not_before(),
            not_after: cert.not_after(),
            der: cert.der().to_vec(),
        };
        // Together, so that they share commits.
        let store = store.clone();
        waiting.spawn(async move { store.issue_certificate(&row, &why(now)).await });
        let chain = vec![cert.der().to_vec(), issuing.cert().der().to_vec()];
        issued.push(Pass { pump, chain, key: key.serialize_der() });
    }
    while let Some(kept) = waiting.join_next().await {
        kept??;
    }
    Ok(issued)
}
