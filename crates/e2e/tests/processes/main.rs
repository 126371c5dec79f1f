//! The whole path as real processes: a hub, two pumps' agents with their therapy controllers, and people at a command
//! line; with kill -9 wherever it hurts.
//!
//! | file | what it is |
//! |---|---|
//! | `ward` | the processes |
//! | `kill` | a hub and an agent killed at any moment, under load |
//! | `roll_over` | root and issuing authority replaced under a running infusion |
//! | `damage` | full disks and damaged databases |

mod damage;
mod kill;
mod provisioning;
mod roll_over;
mod ward;

use std::os::unix::process::ExitStatusExt as _;

use wardline_e2e::{Process, until};
use wardline_model::covers;

use ward::{Ward, pid};

#[test]
fn a_library_reaches_real_pumps_and_one_is_taken_down_alone() {
    covers!("N4", "N8", "N11", "N13", "N14");
    let ward = Ward::new();
    let mut hub = ward.open();
    ward.release();

    let mut controllers = [ward.controller("HX3-1"), ward.controller("HX3-2")];
    let configs = [ward.configure("P-1", "HX3-1"), ward.configure("P-2", "HX3-2")];
    let mut agents = configs.each_ref().map(|config| Ward::agent(config));
    ward.until_shown("P-1", "online");
    ward.until_shown("P-2", "online");

    // The library arrives by itself; the therapy controllers verified it, switched, and read it back.
    ward.well(&["rollout", "create", "drug-library", "1", "--reason", "first library"]);
    for tag in ["P-1", "P-2"] {
        until(&format!("{tag} runs library 1"), || {
            let shown = ward.shown(tag);
            let slot = shown.lines().find(|line| line.contains("Drug library")).unwrap_or_default();
            (slot.split_whitespace().nth(2) == Some("1")).then_some(())
        });
    }

    // Power goes at one pump's communication side, then at the hub: nothing is lost and nothing is there twice.
    agents[0].kill();
    agents[0] = Ward::agent(&configs[0]);
    hub.kill();
    hub = ward.hub();
    ward.until_shown("P-1", "online");
    ward.until_shown("P-2", "online");
    let numbers = until("both starts of the agent are at the hub", || {
        let numbers = ward.numbers("P-1");
        (numbers.len() >= 3).then_some(numbers)
    });
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "events without gaps and without doubles");

    // One pump is taken down. The other keeps its link, and both controllers never notice.
    ward.well(&["quarantine", "P-1", "--reason", "scans the network"]);
    ward.until_shown("P-1", "offline");
    assert!(ward.shown("P-1").contains("quarantined"), "{}", ward.shown("P-1"));
    assert!(ward.shown("P-2").contains("online"), "{}", ward.shown("P-2"));
    assert!(controllers.iter_mut().all(Process::is_running) && agents.iter_mut().all(Process::is_running));
    ward.well(&["pump", "release", "P-1", "--reason", "clean"]);
    ward.until_shown("P-1", "online");
    assert!(ward.well(&["audit", "verify"]).contains("intact"));

    drop(hub);
    for agent in &mut agents {
        nix::sys::signal::kill(pid(agent), nix::sys::signal::Signal::SIGTERM).expect("a signal");
        let ended = agent.wait();
        assert!(ended.success() && ended.signal().is_none(), "{ended}: {}", agent.printed());
    }
}
