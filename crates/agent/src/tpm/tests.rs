//! Against a real software TPM (`swtpm`), and against answers that no TPM would give.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use proptest::prelude::*;
use wardline_model::covers;
use zeroize::Zeroizing;

use super::wire::{Answer, Ask, Bytes};
use super::{Tpm, TpmError, TpmKey, TpmPlace, key};
use crate::config::{Keys, NvIndex};
use crate::fault::Fault;
use crate::sealed::{Device, Flush, SealedError, Sealing};

const INDEX: u32 = 0x0180_5744;

/// A software TPM in a folder of its own. What it holds survives its restart.
struct Software {
    folder: tempfile::TempDir,
    running: Option<Child>,
}

impl Software {
    /// `None` where there is no `swtpm`; the suite's tools name it.
    fn start() -> Option<Self> {
        let mut this = Self { folder: tempfile::tempdir().expect("a temporary folder"), running: None };
        this.run().then_some(this)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn run(&mut self) -> bool {
        let state = format!("dir={}", self.folder.path().display());
        let server = format!("type=unixio,path={}", self.socket().display());
        let mut swtpm = Command::new("swtpm");
        swtpm.args(["socket", "--tpm2", "--tpmstate", &state, "--server", &server]);
        swtpm.args(["--flags", "not-need-init,startup-clear"]).stdout(Stdio::null()).stderr(Stdio::null());
        match swtpm.spawn() {
            Ok(child) => self.running = Some(child),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                assert!(std::env::var_os("CI").is_none(), "swtpm is missing");
                eprintln!("left out: there is no swtpm here");
                return false;
            }
            Err(error) => panic!("swtpm: {error}"),
        }
        let until = Instant::now() + Duration::from_secs(60);
        while !self.socket().exists() {
            assert!(Instant::now() < until, "swtpm did not open its socket");
            std::thread::yield_now();
        }
        true
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().expect("ours");
            running.wait().expect("ours");
            let _ = std::fs::remove_file(self.socket());
        }
    }

    fn place(&self) -> TpmPlace {
        TpmPlace::Unix(self.socket())
    }

    fn tpm(&self) -> Arc<Tpm> {
        Arc::new(Tpm::new(self.place(), Zeroizing::default()))
    }

    fn keys(&self) -> Keys {
        Keys::Tpm2 { place: self.place(), nv_index: NvIndex(INDEX), owner_password_file: None }
    }

    fn device(&self, folder: &Path, fault: Fault) -> Result<Sealing, SealedError> {
        Device::new(&folder.join("device.key"), &self.keys(), Flush::Never, fault)?.open()
    }
}

impl Drop for Software {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn a_key_signs_here_after_a_restart_and_nowhere_else() {
    covers!("N14");
    let (Some(mut mine), Some(other)) = (Software::start(), Software::start()) else { return };
    let made = TpmKey::make(mine.tpm(), b"a password").expect("made");
    let good = |message: &[u8], signature: &[u8]| {
        let spki = made.spki().expect("a key");
        let point = spki.subject_public_key.raw_bytes();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
    };
    // More keys and signatures than a TPM has room for: each lets go of what it loaded.
    for number in 0..12u8 {
        assert!(good(&[number], &made.sign(&[number]).expect("signed")));
    }
    assert!(!good(b"another", &made.sign(b"one").expect("signed")));
    let blob = made.blob();
    mine.stop();
    assert!(matches!(made.sign(b"x"), Err(TpmError::Gone { .. })));
    assert!(mine.run());
    let open = |tpm, password: &[u8]| TpmKey::open(tpm, password, &blob).expect("reads");
    assert!(good(b"x", &open(mine.tpm(), b"a password").sign(b"x").expect("signed")));
    let elsewhere = open(other.tpm(), b"a password").sign(b"x").expect_err("another TPM");
    assert!(elsewhere.to_string().contains("made by another TPM"), "{elsewhere}");
    let unknown = open(mine.tpm(), b"guessed").sign(b"x").expect_err("another password");
    assert!(unknown.to_string().contains("the password is wrong"), "{unknown}");
    assert_ne!(TpmKey::make(mine.tpm(), b"").expect("made").blob(), blob);
}

#[test]
fn a_state_folder_opens_only_with_its_tpm_and_its_disk() {
    covers!("N14");
    let (Some(mut mine), Some(other)) = (Software::start(), Software::start()) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("identity");
    mine.device(folder.path(), Fault::none()).expect("made").write(&file, b"secret").expect("written");
    let read = |tpm: &Software| tpm.device(folder.path(), Fault::none())?.read(&file);
    assert!(read(&mine).expect("opens").is_some_and(|bytes| bytes.as_slice() == b"secret"));
    mine.stop();
    let gone = read(&mine).expect_err("no TPM");
    assert!(gone.may_heal() && gone.to_string().contains("cannot be reached"), "{gone}");
    assert!(mine.run());
    assert!(read(&mine).expect("opens").is_some());
    // The disk in another device, and the TPM with another disk.
    let stolen = read(&other).expect_err("another TPM");
    assert!(!stolen.may_heal() && stolen.to_string().contains("holds no secret of this pump"), "{stolen}");
    let fresh = tempfile::tempdir().expect("a temporary folder");
    let taken = mine.device(fresh.path(), Fault::none()).expect_err("another disk");
    assert!(matches!(taken, SealedError::Tpm(TpmError::Taken { index: INDEX })), "{taken}");
    // A choice that changes is said, not followed.
    let software = Sealing::from_key_file(&folder.path().join("device.key"), Flush::Never, Fault::none());
    assert!(matches!(software, Err(SealedError::OtherKeys { .. })));
}

/// Power is lost at every effect of making the device key; the next start makes it whole.
#[test]
fn a_death_while_the_device_key_is_made_leaves_a_device_that_starts() {
    let Some(tpm) = Software::start() else { return };
    for effects in 0.. {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let index = INDEX + effects as u32;
        let keys = Keys::Tpm2 { place: tpm.place(), nv_index: NvIndex(index), owner_password_file: None };
        let path = folder.path().join("device.key");
        let open = |fault| Device::new(&path, &keys, Flush::Never, fault)?.open();
        let died = open(Fault::after(effects)).is_err();
        let file = folder.path().join("identity");
        open(Fault::none()).expect("starts").write(&file, b"kept").expect("written");
        assert!(open(Fault::none()).expect("opens").read(&file).expect("opens").is_some(), "effect {effects}");
        if !died {
            assert!(effects > 5, "only {effects} effects");
            break;
        }
    }
}

#[test]
fn what_a_tpm_says_is_understood() {
    let refused = |code| TpmError::Refused { doing: "signing", code }.to_string();
    assert!(refused(0x921).contains("locked after too many wrong passwords"));
    assert!(refused(0x1df).contains("made by another TPM"));
    assert!(refused(0x9a2).contains("the password is wrong"));
    assert!(refused(0x100).contains("was not started"));
    assert!(refused(0x101).contains("code 0x101"));
    assert!(TpmPlace::try_from("tcp:127.0.0.1:2321".to_owned()).is_ok());
    assert!(TpmPlace::try_from("unix:".to_owned()).is_err());
}

/// A key that may leave its TPM, or do more than sign, is not taken for one, whoever offers it.
#[test]
fn a_key_that_could_leave_is_refused() {
    let public = |attributes: u32| {
        let bytes = Bytes::default().u16(0x23).u16(0xb).u32(attributes).sized(&[]).u16(0x10).u16(0x18).u16(0xb);
        bytes.u16(3).u16(0x10).sized(&[1; 32]).sized(&[2; 31]).into_vec()
    };
    let point = key::point(&public(0x4_0472)).expect("a signing key");
    assert_eq!((point.len(), point[0], point[33]), (65, 4, 0));
    for spoilt in [0x4_0470, 0x4_0462, 0x4_0452, 0x6_0472, 0x4_0c72] {
        assert!(matches!(key::point(&public(spoilt)), Err(TpmError::OtherKey(_))), "{spoilt:#x}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), sessions: bool) {
        let tag = if sessions { 0x8002 } else { 0x8001 };
        let size = u32::try_from(body.len()).expect("short") + 10;
        let whole = Bytes::default().u16(tag).u32(size).u32(0).raw(&body).into_vec();
        for ask in [Ask::CreatePrimary, Ask::Create, Ask::Sign, Ask::NvRead] {
            prop_assert!(Answer::read(ask, body.clone()).is_err() || body.len() >= 10);
            if let Ok(answer) = Answer::read(ask, whole.clone()) {
                let _ = key::made(&answer);
                let _ = key::signature(&answer);
                let _ = answer.reader().sized();
            }
        }
        let _ = key::point(&body);
    }
}
