//! Nurses work for days without a never event; a spoilt pump is found out.

use std::path::Path;
use std::sync::Arc;

use wardline_agent::sealed::Flush;
use wardline_library::demonstration;
use wardline_model::{CareArea, HoldSupport, Model, Serial, covers};

use super::*;
use crate::controller::reference::{Act, AlarmKind, Clock, Reference, Setup, Trust};

fn station(folder: &Path, area: &str, clock: &Clock) -> Arc<Station> {
    let pump = Reference::power_up(Setup {
        folder: folder.join(area),
        model: Model::new("Halcyon 3").unwrap(),
        serial: Serial::new("HX3-1").unwrap(),
        care_area: CareArea::new(area).unwrap(),
        channels: 2,
        support: HoldSupport::Grants,
        flush: Flush::Never,
        trust: Trust::DigestOnly,
        root: None,
        clock: clock.clone(),
        books: Arc::default(),
    })
    .unwrap();
    pump.commission(&demonstration(1).unwrap()).unwrap();
    Arc::new(Station::new(pump))
}

#[test]
fn three_days_on_the_ward_agree_with_arithmetic() {
    covers!("N1", "N3", "N5");
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::stepped();
    let mut rounds = Rounds::new(20_261_124);
    let areas = ["Intensive care", "Medical surgical", "Neonatal intensive care"];
    let stations: Vec<_> = areas.iter().map(|area| station(folder.path(), area, &clock)).collect();
    for station in &stations {
        rounds.add(Arc::clone(station), clock.bedside_ms());
    }
    let mut violations = Violations::default();
    for _ in 0..(3 * 24 * 60 * 2) {
        // Uneven steps, so that ends of volumes and boluses fall between two looks.
        clock.step(29_317);
        rounds.visit(clock.bedside_ms());
        for (name, station) in areas.iter().zip(&stations) {
            violations.add(look(name, station));
        }
    }
    assert_eq!(violations.stories, []);
    assert!(rounds.counts.infusions > 100, "{:?}", rounds.counts);
    assert!(rounds.counts.alarms > 10 && rounds.counts.refused > 0, "{:?}", rounds.counts);
}

#[test]
fn what_nobody_did_is_found() {
    covers!("N1", "N3", "N5", "N8");
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::stepped();
    let station = station(folder.path(), "Intensive care", &clock);
    let mut rounds = Rounds::new(7);
    rounds.add(Arc::clone(&station), 0);
    let busy = |station: &Station| station.pump().unwrap().look().iter().any(|seen| seen.given_ul > Some(0));
    while !busy(&station) {
        clock.step(10_000);
        rounds.visit(clock.bedside_ms());
    }
    assert_eq!(look("pump", &station), []);
    let pump = station.pump().unwrap();
    let channel = pump.look().iter().find(|seen| seen.given_ul > Some(0)).unwrap().channel;
    // As if something from outside had reached the pump.
    pump.act(channel, Act::Alarm(AlarmKind::AirInLine)).unwrap();
    clock.step(60_000);
    let ids = |found: Vec<Found>| found.into_iter().map(|found| found.id).collect::<Vec<_>>();
    let found = ids(look("pump", &station));
    assert!(found.contains(&"N1") && found.contains(&"N5"), "{found:?}");
    pump.act(channel, Act::Finish).unwrap();
    let found = ids(look("pump", &station));
    assert!(found.contains(&"N8") && found.contains(&"N3"), "{found:?}");
}
