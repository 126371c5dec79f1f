//! A hub whose disk is full says so and heals; one whose database is damaged refuses to start and says what to do.

use std::process::{Command, Output, Stdio};

use wardline_e2e::{Process, program, skip, until};
use wardline_model::covers;

use super::ward::Ward;

/// The size of the small disk: a new hub takes a few MiB.
const DISK: &str = "size=24m";

/// Whether this user may make a small disk of its own.
fn may_mount(ward: &Ward) -> bool {
    let script = "mount -t tmpfs -o size=1m none \"$0\"";
    let tried = Command::new("unshare").args(["-m", "sh", "-c", script]).arg(ward.folder.path()).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Runs something where the hub's small disk is mounted.
fn inside(hub: &Process, ward: &Ward, script: &str) -> Output {
    Command::new("nsenter")
        .args(["-m", "-t", &hub.id().to_string(), "sh", "-c", script])
        .current_dir("/")
        .env("DATA", ward.path("wardline-data"))
        .env("WARDLINE", program("wardline"))
        .env("WARDLINE_LOGIN", ward.path("login.json"))
        .stdin(Stdio::null())
        .output()
        .expect("nsenter starts")
}

#[test]
fn a_full_disk_is_named_and_the_hub_heals_when_there_is_room() {
    covers!("N11");
    let ward = Ward::new();
    if !may_mount(&ward) {
        return skip("a full disk under a real hub", "this user may not mount a small disk");
    }
    let data = ward.path("wardline-data");
    std::fs::create_dir(&data).expect("a folder");
    let (link, est, console) = (ward.place(0), ward.place(1), ward.place(2));
    let script = "mount -t tmpfs -o \"$DISK\" -o mode=0700 none \"$DATA\" && \
         \"$WARDLINE\" init --data \"$DATA\" --hospital Small --link \"$LINK\" --est \"$EST\" --console \"$CONSOLE\" && \
         \"$WARDLINE\" token create test --role administrator --data \"$DATA\" >\"$TOKEN\" && \
         cp \"$DATA/hub/keys/root.pem\" \"$CA\" && exec \"$WARDLINE\" serve --data \"$DATA\"";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", script])
        .current_dir(ward.folder.path())
        .envs([("DISK", DISK), ("LINK", &link), ("EST", &est), ("CONSOLE", &console)])
        .env("DATA", &data)
        .env("TOKEN", ward.path("token"))
        .env("CA", ward.path("root.pem"))
        .env("WARDLINE", program("wardline"));
    let mut hub = Process::start("a hub on a small disk", &mut command);
    hub.wait_for("console ");
    let token = std::fs::read_to_string(ward.path("token")).expect("a token");
    let url = format!("https://localhost:{}", ward.ports[2]);
    ward.well(&["login", "--hub", &url, "--ca", "root.pem", "--token", token.trim()]);
    ward.list();

    let filled = inside(&hub, &ward, "cat /dev/zero >\"$DATA/fill\"; stat -c %s \"$DATA/fill\"");
    assert!(String::from_utf8_lossy(&filled.stderr).contains("No space left"), "{filled:?}");
    // What fits into the pages that the database has already may still be kept; then the disk is named.
    let mut made = 0;
    let full = until("the full disk is named", || {
        let output = ward.run(&["token", "create", &format!("t{made}"), "--role", "viewer"]);
        made += 1;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(said)
    });
    assert!(full.contains("is full") && full.contains("Free some space"), "{full}");
    assert!(ward.well(&["pumps"]).contains("P-1"), "what is there can be read");
    assert!(hub.is_running());

    assert!(inside(&hub, &ward, "rm \"$DATA/fill\"").status.success());
    until("it heals by itself", || {
        ward.run(&["token", "create", "after", "--role", "viewer"]).status.success().then_some(())
    });
    assert!(ward.well(&["audit", "verify"]).contains("intact"));
    assert!(hub.is_running());
}

#[test]
fn a_damaged_database_is_refused_with_what_to_do_and_the_backup_brings_it_back() {
    covers!("N11");
    let ward = Ward::new();
    let mut hub = ward.open();
    for number in 0..40 {
        ward.well(&["token", "create", &format!("t{number}"), "--role", "viewer"]);
    }
    nix::sys::signal::kill(super::ward::pid(&hub), nix::sys::signal::Signal::SIGTERM).expect("a signal");
    assert!(hub.wait().success());
    ward.well(&["backup", "--to", "monday.wardline"]);
    let database = ward.path("wardline-data/hub/hub.db");
    let whole = std::fs::read(&database).expect("a database");
    assert!(whole.len() > 16 * 4096, "{} bytes", whole.len());

    let mut flipped = whole.clone();
    let middle = whole.len() / 2 / 4096 * 4096;
    flipped[middle..middle + 4096].iter_mut().for_each(|byte| *byte ^= 0x5a);
    for (how, bytes) in [("a flipped page", &flipped[..]), ("a cut file", &whole[..whole.len() / 2 / 4096 * 4096])] {
        std::fs::write(&database, bytes).expect("written");
        let refused = ward.run(&["serve"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{how}: {said}");
        assert!(said.contains("hub.db is damaged") && said.contains("wardline restore"), "{how}: {said}");
        let doctor = ward.run(&["doctor", "--data", "wardline-data"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert_eq!(doctor.status.code(), Some(6), "{how}: {said}");
        assert!(said.contains("damaged") && said.contains("wardline restore"), "{how}: {said}");
    }
    let _ = std::fs::remove_file(database.with_extension("db-wal"));
    let _ = std::fs::remove_file(database.with_extension("db-shm"));
    std::fs::rename(&database, ward.path("damaged.db")).expect("kept aside");
    ward.well(&["restore", "--from", "monday.wardline"]);
    let _hub = ward.hub();
    assert!(ward.well(&["pumps"]).contains("P-1"));
    assert!(ward.well(&["audit", "verify"]).contains("intact"));
}
