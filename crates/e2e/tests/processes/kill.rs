//! kill -9 at any moment: a hub in the middle of a commit while pumps press on, and an agent at whatever it was doing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use wardline_agent::config::HubPlace;
use wardline_agent::sealed::Flush;
use wardline_e2e::{PATIENCE, until};
use wardline_hub::config::{Config, HUB_NAME};
use wardline_hub::keys::Keys;
use wardline_model::{CareArea, Model, PumpId, Serial, covers};
use wardline_sim::controller::reference::Trust;
use wardline_sim::dice::Dice;
use wardline_sim::hospital::{Faults, Hospital, HospitalConfig, Maker, Nurses, PumpPlace};
use wardline_store::{PageRequest, Store};

use super::ward::Ward;

/// How often the hub is killed.
const HUB_DEATHS: u64 = 12;
/// How often the agent is killed.
const AGENT_DEATHS: u64 = 25;

fn places() -> Vec<PumpPlace> {
    (1..=6)
        .map(|number| PumpPlace {
            model: Model::new("Halcyon 3").expect("a model"),
            serial: Serial::new(&format!("HX3-{number}")).expect("a serial number"),
            care_area: CareArea::new("Intensive care").expect("an area"),
        })
        .collect()
}

async fn hospital(ward: &Ward, maker: Maker) -> Hospital {
    let config = HospitalConfig {
        folder: ward.path("pumps"),
        pumps: places(),
        hub: HubPlace { link: ward.place(0), est: ward.place(1), name: HUB_NAME.into() },
        hub_root: ward.path("wardline-data/hub/keys/root.pem"),
        maker,
        library: wardline_library::demonstration(1).expect("a library"),
        release_root: None,
        trust: Trust::Pinned,
        seed: 20_261_124,
        speed: 2_000,
        nurses: Nurses::AtWork,
        faults: Faults::None,
        ramp: Duration::ZERO,
        flush: Flush::Never,
        progress: None,
    };
    Hospital::start(config).await.expect("a hospital")
}

/// What the hub holds of a pump, read from its database when it is not running.
async fn held(store: &Store, pump: PumpId) -> Vec<(u64, u64)> {
    let mut held = Vec::new();
    for page in 0.. {
        let rows = store.events(pump, PageRequest { page, page_size: 1_000 }).await.expect("events").rows;
        if rows.is_empty() {
            break;
        }
        held.extend(rows.iter().map(|row| (row.journal.0, row.event.seq.0)));
    }
    held.sort_unstable();
    held
}

async fn store(folder: &Path) -> Store {
    let config = Config::read(&folder.join("hub")).expect("a configuration");
    let keys = Keys::open(&config.folder.join("keys")).expect("keys");
    wardline_hub::server::open_store(&config, &keys, wardline_hub::state::now()).await.expect("the database")
}

#[test]
fn a_hub_killed_in_the_middle_of_its_commits_loses_nothing_that_it_acknowledged() {
    covers!("N1", "N11");
    let ward = Ward::new();
    let maker = Maker::open_or_invent(&ward.path("maker"), wardline_hub::state::now()).expect("a maker");
    let mut hub = ward.open_with(&["--maker-root", &ward.path("maker/root.pem").display().to_string()]);
    let mut list = "asset_tag,model,serial,care_area\n".to_owned();
    for place in places().iter().skip(2) {
        let tag = place.serial.as_str().replace("HX3", "P");
        list.push_str(&format!("{tag},Halcyon 3,{},Intensive care\n", place.serial));
    }
    std::fs::write(ward.path("more.csv"), list).expect("a list");
    ward.well(&["pumps", "import", "more.csv"]);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let hospital = runtime.block_on(hospital(&ward, maker));
    let witnesses = hospital.witnesses();
    let acknowledged = || {
        let all = witnesses.iter().map(|witness| witness.written().acknowledged.values().sum::<u64>());
        all.sum::<u64>()
    };
    let mut dice = Dice::new(11);
    for death in 1..=HUB_DEATHS {
        // Killed a random number of acknowledgements later: somewhere between receiving, committing and answering.
        let enough = acknowledged() + dice.between(1, 120);
        until(&format!("pumps come back after death {}", death - 1), || (acknowledged() >= enough).then_some(()));
        hub.kill();
        hub = ward.hub();
    }
    let enough = acknowledged() + 50;
    until("pumps come back after the last death", || (acknowledged() >= enough).then_some(()));
    let before = acknowledged();
    let summary = runtime.block_on(hospital.stop());
    assert_eq!(summary.violations.stories, [], "therapy noticed nothing");
    assert!(ward.well(&["audit", "verify"]).contains("intact"));
    hub.kill();

    runtime.block_on(async {
        let store = store(&ward.path("wardline-data")).await;
        let mut total = 0;
        for row in store.all_pumps().await.expect("pumps") {
            let Some(witness) = witnesses.iter().find(|witness| witness.serial == row.serial) else { continue };
            let (held, written) = (held(&store, row.id).await, witness.written());
            let once: BTreeSet<_> = held.iter().copied().collect();
            assert_eq!(once.len(), held.len(), "{}: an event is there twice", row.serial);
            for (journal, newest) in &written.acknowledged {
                for number in 1..=*newest {
                    assert!(once.contains(&(*journal, number)), "{}: event {number} of {newest} is lost", row.serial);
                }
            }
            for place in &once {
                assert!(written.kept.contains_key(place), "{}: no pump ever kept {place:?}", row.serial);
            }
            total += held.len() as u64;
        }
        assert!(total >= before, "{total} events at the hub, {before} acknowledged");
        store.close().await;
    });
}

/// How long every file in a folder is: what changes whenever the agent has done something to its disk.
fn lengths(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(it) if it.is_dir() => lengths(&entry.path()),
        Ok(it) => it.len().wrapping_mul(31).wrapping_add(
            it.modified().ok().and_then(|at| at.elapsed().ok()).map_or(0, |_| entry.file_name().len() as u64),
        ),
        Err(_) => 0,
    };
    entries.flatten().map(of).fold(1, u64::wrapping_add)
}

#[test]
fn an_agent_killed_again_and_again_ends_with_the_library_and_every_event_once() {
    covers!("N6", "N7", "N11");
    let ward = Ward::new();
    let _hub = ward.open();
    ward.release();
    let mut controller = ward.controller("HX3-1");
    let config = ward.configure("P-1", "HX3-1");
    let state = ward.path("HX3-1-agent");
    ward.well(&["rollout", "create", "drug-library", "1", "--reason", "first library"]);
    let mut dice = Dice::new(5);
    for _ in 0..AGENT_DEATHS {
        let mut agent = Ward::agent(&config);
        // It dies after its disk has changed so often: while it enrols, links, fetches, stages, switches or reports.
        for _ in 0..dice.between(0, 6) {
            let before = lengths(&state);
            let began = std::time::Instant::now();
            // Once it has nothing left to do, its disk changes no more.
            while lengths(&state) == before && began.elapsed() < PATIENCE / 100 {
                std::thread::yield_now();
            }
        }
        agent.kill();
    }
    let _agent = Ward::agent(&config);
    ward.until_shown("P-1", "online");
    until("P-1 runs library 1", || {
        let shown = ward.shown("P-1");
        let slot = shown.lines().find(|line| line.contains("Drug library")).unwrap_or_default().to_owned();
        (slot.split_whitespace().nth(2) == Some("1")).then_some(())
    });
    let numbers = until("every start of the agent is at the hub", || {
        let numbers = ward.numbers("P-1");
        (numbers.len() >= 3).then_some(numbers)
    });
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "events without gaps and without doubles");
    assert!(controller.is_running());
    assert!(ward.well(&["audit", "verify"]).contains("intact"));
}
