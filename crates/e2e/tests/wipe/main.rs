//! The end of a pump's life, with the real agent and the real hub: what is left on its disk, what its receipt proves, what a
//! power loss does, and that nobody's infusion notices.

mod disk;
mod secrets;
mod tpm;
mod ward;

use wardline_agent::config::{Enrolment, Keys};
use wardline_agent::controller::Place;
use wardline_agent::daemon;
use wardline_agent::fault::Fault;
use wardline_fleet::lifecycle::Act;
use wardline_model::{ChannelState, Ending, Lifecycle, PumpId, Role, Span, Therapy, covers};
use wardline_release::wipe::{Gone, KeyPlace, Receipt};
use wardline_sim::hospital::Hospital;

use disk::{Disk, copy};
use secrets::{Secret, device_key, identity, signing_key};
use tpm::Tpm;
use ward::{Ward, decision, run_until, until};

/// The names of what is left in a pump's state folder.
fn left(state: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(state).expect("a folder").flatten().map(|e| e.file_name().to_string_lossy().into()).collect();
    names.retain(|name| name != "lost+found");
    names.sort();
    names
}

fn receipt_of(bytes: Option<&Vec<u8>>) -> Receipt {
    Receipt::as_kept(bytes.expect("a receipt")).expect("reads")
}

/// N14, A28: the disk is searched for every secret before and after, every block of it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_retired_pump_knew_is_left_on_its_disk() {
    covers!("N14", "N8");
    let ward = Ward::open(1).await;
    let disk = Disk::new(ward.folder.path());
    let state = disk.folder().join("agent");
    let code =
        ward.hub.hub.store.new_enrolment_code(ward.pumps[0], Span::from_h(1), &decision()).await.expect("a code");
    let file = disk.folder().join("code");
    std::fs::write(&file, &code.code).expect("room");
    let code = Secret::new("one-time code", code.code.as_bytes());
    assert!(!code.found_in(&disk.bytes()).is_empty(), "the search does not see what is there");
    let enrolment = Enrolment::CodeFile { root: ward.root.clone(), file: file.clone() };
    let config = ward.agent(0, &state, enrolment, Keys::default());
    run_until(&config, ward.until_linked(0)).await;
    ward.until_unlinked(0).await;
    assert!(!file.exists(), "a code that is used goes");

    // Before: the thief finds the key to everything, and opens it.
    let before = disk.bytes();
    let key = device_key(&state);
    assert!(key.found_in(&before).contains(&"base64"), "the device key was not found where it is");
    let stolen = ward.folder.path().join("stolen");
    copy(&state, &stolen);
    let mut thief = config.clone();
    thief.state = stolen.clone();
    let opened = identity(&thief).expect("a copy opens on its machine");
    let mut all = signing_key(&opened);
    let sealed = Secret::new(
        "pinned release root or goal key",
        opened["pinned"]["goal_key"].as_str().expect("a key").as_bytes(),
    );
    all.extend([key, sealed, code]);
    let certificate = ward.row(0).await.certificate.expect("a certificate");

    ward.decide(0, Act::Retire).await;
    run_until(&config, ward.until_received(0, &config)).await;
    let after = disk.bytes();
    for secret in &all {
        assert!(secret.found_in(&after).is_empty(), "{} is still there: {:?}", secret.name, secret.found_in(&after));
    }
    assert_eq!(left(&state), ["lock", "status.json", "wipe"]);
    // The thief who copied all but the key opens nothing, here or elsewhere.
    std::fs::remove_file(stolen.join("device.key")).expect("there");
    assert!(identity(&thief).is_err(), "what was sealed opens without the key");

    // What it left says that it was wiped, and stands up to the hub.
    let wipe = ward.wipe(0).await.expect("an order");
    let receipt = receipt_of(wipe.receipt.as_ref());
    assert_eq!((wipe.ending, receipt.intent.ending), (Ending::Retired, Ending::Retired));
    assert_eq!((receipt.intent.certificate, receipt.intent.keys), (certificate.fingerprint, KeyPlace::Software));
    assert_eq!((receipt.done.key, receipt.done.left), (Gone::FromDisk, 0));
    assert!(receipt.intent.names.iter().any(|name| name == "identity"), "{:?}", receipt.intent.names);
    let records = ward.hub.hub.store.audit(&wardline_store::AuditQuery::default()).await.expect("a store").rows;
    for action in ["pump.wipe-ordered", "pump.wiped"] {
        assert!(records.iter().any(|record| record.action == action && record.pump == Some(ward.pumps[0])), "{action}");
    }
    the_door_is_shut(&ward, &certificate.serial, wipe.receipt.as_deref().unwrap_or_default()).await;
    ward.hub.stop().await;
}

/// The certificate is revoked, Wi-Fi is refused, and a receipt that was changed is not taken.
async fn the_door_is_shut(ward: &Ward, certificate: &str, receipt: &[u8]) {
    assert_eq!(ward.row(0).await.standing.lifecycle, Lifecycle::Retired);
    let revoked = ward.hub.hub.store.certificate(certificate).await.expect("a store").expect("the certificate");
    assert_eq!(revoked.revocation.map(|revocation| revocation.code), Some(5), "cessation of operation");
    let token = ward.hub.hub.store.create_token("wifi", Role::Viewer, Span::from_h(1), &decision()).await;
    let bearer = format!("Authorization: Bearer {}", token.expect("a token").secret);
    let path = format!("/api/v1/admission/{certificate}");
    assert_eq!(ward.curl(ward.hub.console_addr, &path, &["-H", &bearer]).await, "403", "Wi-Fi admits it");
    let text = String::from_utf8(receipt.to_vec()).expect("JSON");
    let post = async |body: &str| ward.curl(ward.hub.est_addr, "/wardline/v1/wipe-receipt", &["-d", body]).await;
    assert_eq!(post(&text).await, "200", "the same again, because the answer was lost");
    let fewer = text.replacen("\"events\":", "\"events\":1", 1);
    assert_eq!(post(&fewer).await, "403", "a receipt that was changed");
    assert_eq!(post("{}").await, "400");
    let other = format!("/wardline/v1/wipe/{}", PumpId::from_random([9; 16]));
    assert_eq!(ward.curl(ward.hub.est_addr, &other, &[]).await, "200", "whether a pump exists is nobody's business");
}

/// The keys of a pump's life in a TPM: made there, renewed there, and gone from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_pump_whose_keys_are_in_a_tpm_lives_renews_and_is_wiped() {
    covers!("N14", "N1", "N8");
    let ward = Ward::open(1).await;
    let Some(mut tpm) = Tpm::start(&ward.folder.path().join("tpm")) else { return };
    let Some(other) = Tpm::start(&ward.folder.path().join("other-tpm")) else { return };
    let state = ward.folder.path().join("agent");
    let config = ward.agent(0, &state, ward.birth(0), tpm.keys());
    run_until(&config, ward.until_linked(0)).await;
    ward.until_unlinked(0).await;
    let first = ward.row(0).await.certificate.expect("a certificate");
    let kept = identity(&config).expect("opens here");
    assert!(kept["current"]["key"]["tpm2"]["private"].is_string(), "{kept}");

    let is_renewed =
        until(async || ward.row(0).await.certificate.is_some_and(|certificate| certificate.serial != first.serial));
    let run = daemon::run_renewing(config.clone(), Place::Nowhere, is_renewed);
    tokio::time::timeout(wardline_e2e::PATIENCE, run).await.expect("in time").expect("the agent runs");
    ward.until_unlinked(0).await;
    let renewed = identity(&config).expect("opens here");
    assert_ne!(renewed["current"]["key"], kept["current"]["key"], "a renewal brings a new key");
    assert!(renewed["next"].is_null(), "the old key is let go of");

    // A TPM that comes back after the pump: no link meanwhile, and then one, with nobody's help.
    tpm.stop();
    let back = async {
        until(async || {
            daemon::read_status(&state).is_ok_and(|status| status.link_problem.contains("cannot be reached"))
        })
        .await;
        tpm.run().expect("swtpm");
        ward.until_linked(0).await;
    };
    run_until(&config, back).await;
    ward.until_unlinked(0).await;

    // The disk with another TPM, and the whole pump's copy after the wipe.
    let mut elsewhere = config.clone();
    elsewhere.keys = other.keys();
    assert!(identity(&elsewhere).expect_err("another TPM").contains("holds no secret of this pump"));
    let stolen = ward.folder.path().join("stolen");
    copy(&state, &stolen);
    let thief = {
        let mut thief = config.clone();
        thief.state = stolen;
        thief
    };
    identity(&thief).expect("a copy of the disk opens with the TPM, until the wipe");
    ward.decide(0, Act::ReturnLoaner).await;
    run_until(&config, ward.until_received(0, &config)).await;
    let why = identity(&thief).expect_err("the TPM forgot its half");
    assert!(why.contains("holds no secret of this pump"), "{why}");
    let receipt = receipt_of(ward.wipe(0).await.expect("an order").receipt.as_ref());
    assert_eq!((receipt.intent.ending, receipt.done.key), (Ending::LoanerReturn, Gone::FromTpmAndDisk));
    assert_eq!(left(&state), ["lock", "status.json", "wipe"]);

    // The next hospital: a person says so, and it is a new pump.
    wardline_agent::wipe::begin_again(&state).expect("wiped and received");
    assert!(wardline_agent::wipe::begin_again(&state).is_err(), "there is nothing to begin again");
    ward.hub.stop().await;
}

/// A lost pump hears of it when it next comes; one that is found before that keeps nothing to be afraid of.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_pump_is_wiped_at_its_next_contact_and_a_found_one_is_not() {
    covers!("N14");
    let ward = Ward::open(2).await;
    let configs: Vec<_> = (0..2)
        .map(|n| ward.agent(n, &ward.folder.path().join(format!("agent-{n}")), ward.birth(n), Keys::default()))
        .collect();
    for (n, config) in configs.iter().enumerate() {
        run_until(config, ward.until_linked(n)).await;
        ward.until_unlinked(n).await;
        ward.decide(n, Act::ReportLost).await;
    }
    run_until(&configs[0], ward.until_received(0, &configs[0])).await;
    assert!(!configs[0].state.join("identity").exists());
    let first = ward.hub.hub.store.certificates(ward.pumps[1]).await.expect("a store").len();
    ward.decide(1, Act::Find).await;
    let enrolled_anew = until(async || {
        let issued = ward.hub.hub.store.certificates(ward.pumps[1]).await.expect("a store").len();
        issued > first && ward.hub.hub.links.table().get(ward.pumps[1]).is_some()
    });
    run_until(&configs[1], enrolled_anew).await;
    let wipe = ward.wipe(1).await.expect("an order");
    assert!(wipe.withdrawn.is_some() && wipe.fetched.is_none() && wipe.received.is_none(), "{wipe:?}");
    assert!(configs[1].state.join("identity").exists());
    ward.hub.stop().await;
}

/// N8: the pump of a hospital with nurses is retired in the middle of an infusion. It is wiped, and its nurses go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_infusion_does_not_notice_that_its_pump_is_wiped() {
    covers!("N8", "N1");
    let ward = Ward::open(1).await;
    let hospital = Hospital::start(ward.hospital()).await.expect("a hospital");
    until(async || {
        let report = ward.row(0).await.report;
        let is_busy = |state: ChannelState| state == ChannelState::Infusing;
        report.is_some_and(|report| matches!(report.therapy, Therapy::Known { state, .. } if is_busy(state)))
    })
    .await;
    let before = hospital.summary();
    ward.decide(0, Act::Retire).await;
    until(async || ward.wipe(0).await.is_some_and(|wipe| wipe.received.is_some())).await;
    until(async || hospital.summary().nurses.infusions >= before.nurses.infusions + 3).await;
    let summary = hospital.stop().await;
    assert!(summary.violations.stories.is_empty(), "{summary}");
    ward.hub.stop().await;
}

/// How many pumps die, each at another effect; more than a wipe has.
const EFFECTS: usize = 110;

/// Power is lost at every effect, and the agent is started again: every pump ends wiped, with its receipt at the hub, and
/// never with files that still open.
#[tokio::test(flavor = "multi_thread")]
async fn power_lost_at_any_step_of_a_wipe_only_delays_it() {
    covers!("N14", "N6");
    let ward = Ward::open(EFFECTS).await;
    let one = async |n: usize| {
        let config = ward.agent(n, &ward.folder.path().join(format!("agent-{n}")), ward.birth(n), Keys::default());
        run_until(&config, ward.until_linked(n)).await;
        ward.until_unlinked(n).await;
        ward.decide(n, Act::Retire).await;
        let run =
            daemon::run_with(config.clone(), Place::Nowhere, Fault::after(n as u64), ward.until_received(n, &config));
        let died = run.await.is_err();
        let is_begun = config.state.join("wipe").exists();
        let has_key = config.state.join("device.key").exists();
        assert!(has_key || is_begun, "killed at effect {n}: a key is gone for no written reason");
        run_until(&config, ward.until_received(n, &config)).await;
        assert_eq!(left(&config.state), ["lock", "status.json", "wipe"], "killed at effect {n}");
        (died, died && is_begun)
    };
    let all = futures_util::future::join_all((0..EFFECTS).map(one)).await;
    let died = all.iter().filter(|(died, _)| *died).count();
    let in_the_wipe = all.iter().filter(|(_, in_the_wipe)| *in_the_wipe).count();
    assert!(died < EFFECTS - 1, "all {died} died: not every effect was reached");
    assert!(in_the_wipe > 20, "only {in_the_wipe} of {died} died in the middle of the wipe");
    ward.hub.stop().await;
}
