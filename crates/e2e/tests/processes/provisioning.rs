//! From the box into service without a hand on the pump: a delivery is scanned, a label is printed and read back by other
//! programs, and real processes do the rest. And the same for a pump with a birth certificate, which needs no label.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use wardline_e2e::{Process, skip, until};
use wardline_model::{Model, Serial, covers};
use wardline_sim::hospital::Maker;
use wardline_wire::enrolment_code::EnrolmentCode;

use crate::ward::Ward;

/// What Chromium draws of a page, as a picture.
fn drawn(page: &Path) -> Option<PathBuf> {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].iter().find(|path| Path::new(path).is_file())?;
    let picture = page.with_extension("png");
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,500"])
        .arg(format!("--user-data-dir={}", page.with_extension("profile").display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium starts");
    assert!(picture.is_file(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(picture)
}

/// The text of every QR code in a picture, as zbar reads it; nothing when a tool is missing.
fn scanned(page: &Path) -> Option<Vec<String>> {
    let has_zbar = Command::new("zbarimg").arg("--version").output().is_ok_and(|output| output.status.success());
    let picture = if has_zbar { drawn(page) } else { None };
    let Some(picture) = picture else {
        skip("labels with QR codes", "no chromium or no zbarimg; run `cargo xtask test`");
        return None;
    };
    let output = Command::new("zbarimg").args(["-q", "--raw"]).arg(picture).output().expect("zbarimg starts");
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// Writes the agent's configuration and starts it. Nothing else is ever done at the pump.
fn start(ward: &Ward, serial: &str, enrolment: &serde_json::Value, hub: Option<serde_json::Value>) -> Process {
    let mut config = json!({
        "state": ward.path(&format!("{serial}-agent")),
        "controller": ward.path(&format!("{serial}.sock")),
        "model": "Halcyon 3",
        "serial": serial,
        "enrolment": enrolment,
    });
    if let Some(hub) = hub {
        config["hub"] = hub;
    }
    let path = ward.path(&format!("{serial}.json"));
    std::fs::write(&path, config.to_string()).expect("a configuration");
    Ward::agent(&path)
}

/// What `wardline enrol progress` says of a pump: its stage, and what it waits for.
fn progress(ward: &Ward, tag: &str) -> (String, String) {
    let view = ward.json(&["enrol", "progress", "--search", tag]);
    let row = view["pumps"].as_array().and_then(|rows| rows.first()).cloned().unwrap_or_default();
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    (text("stage"), text("waits_for"))
}

fn until_in_service(ward: &Ward, tag: &str) {
    until(&format!("{tag} is in service: {:?}", progress(ward, tag)), || {
        (progress(ward, tag).0 == "in-service").then_some(())
    });
    let shown = ward.shown(tag);
    let slot = shown.lines().find(|line| line.contains("Drug library")).unwrap_or_default();
    assert_eq!(slot.split_whitespace().nth(2), Some("1"), "the controller read it back: {shown}");
}

/// A hub that believes an invented maker, with a published library that no rollout brings, and a profile that does.
fn hospital(ward: &Ward) -> (Process, Maker) {
    let maker_folder = ward.path("maker");
    let now = wardline_hub::state::now();
    let maker = Maker::open_or_invent(&maker_folder, now).expect("a maker");
    let root = maker_folder.join("root.pem");
    let hub = ward.open_with(&["--maker-root", root.to_str().expect("a path")]);
    ward.release();
    ward.well(&["profile", "set", "ICU", "--drug-library", "newest"]);
    ward.well(&["profile", "area", "Intensive care", "ICU"]);
    (hub, maker)
}

#[test]
fn a_scanned_delivery_and_a_printed_label_bring_a_pump_into_service() {
    covers!("N13", "N14");
    let ward = Ward::new();
    let (_hub, _maker) = hospital(&ward);
    ward.well(&["enrol", "device", "00643169001763", "Halcyon 3"]);
    std::fs::write(ward.path("scans.txt"), "INF-5\n]d2010064316900176317281231\u{1d}21HX3-5\n").expect("scans");
    ward.well(&["enrol", "scan", "--care-area", "Intensive care", "scans.txt"]);
    assert_eq!(progress(&ward, "INF-5").0, "expected");

    ward.well(&["enrol", "codes", "INF-5", "--sheet", "sheet.html"]);
    assert_eq!(progress(&ward, "INF-5").0, "code-out");
    let again = ward.run(&["enrol", "codes", "INF-5", "--sheet", "sheet.html"]);
    assert!(!again.status.success(), "a sheet that is there is not written over");
    let Some(labels) = scanned(&ward.path("sheet.html")) else { return };
    let [label] = &labels[..] else { panic!("one label was printed, zbar reads {labels:?}") };
    let read: EnrolmentCode = label.parse().expect("a label of ours");
    assert_eq!((read.serial.as_str(), read.est.as_str()), ("HX3-5", ward.place(1).as_str()));

    let _controller = ward.controller("HX3-5");
    let _agent = start(&ward, "HX3-5", &json!({ "scanned": { "scan": label } }), None);
    until_in_service(&ward, "INF-5");
}

#[test]
fn a_pump_with_a_birth_certificate_comes_into_service_without_a_label() {
    covers!("N14");
    let ward = Ward::new();
    let (_hub, maker) = hospital(&ward);
    let folder = ward.path("born");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (model, serial) = (Model::new("Halcyon 3").expect("a model"), Serial::new("HX3-1").expect("a serial number"));
    let birth = maker.birth(&folder, &model, &serial, wardline_hub::state::now()).expect("a birth certificate");
    let enrolment = json!({ "birth": {
        "root": ward.path("wardline-data/hub/keys/root.pem"),
        "certificate": birth.certificate,
        "key": birth.key,
    } });
    let _controller = ward.controller("HX3-1");
    let _agent = start(&ward, "HX3-1", &enrolment, Some(json!({ "link": ward.place(0), "est": ward.place(1) })));
    until_in_service(&ward, "P-1");
    // The other pump of the list is still in its box, and the page says so.
    assert_eq!(progress(&ward, "P-2").0, "expected");
}
