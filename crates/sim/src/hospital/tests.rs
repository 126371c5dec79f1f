//! A hospital stands by itself, whether or not its hub is there.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wardline_library::demonstration;
use wardline_model::{Time, covers};

use super::*;

fn places(count: usize) -> Vec<PumpPlace> {
    let areas = ["Intensive care", "Medical surgical", "Neonatal intensive care"];
    (0..count)
        .map(|at| PumpPlace {
            model: Model::new("Halcyon 3").unwrap(),
            serial: Serial::new(&format!("HX3-{at:04}")).unwrap(),
            care_area: CareArea::new(areas[at % areas.len()]).unwrap(),
        })
        .collect()
}

fn config(folder: &std::path::Path, faults: Faults) -> HospitalConfig {
    let root = folder.join("root.pem");
    let maker = Maker::open_or_invent(&folder.join("maker"), Time::from_unix_s(1_700_000_000)).unwrap();
    // Any root will do: the hub is not there.
    std::fs::write(&root, maker.root_pem()).unwrap();
    HospitalConfig {
        folder: folder.join("pumps"),
        pumps: places(6),
        hub: HubPlace { link: "127.0.0.1:9".into(), est: "127.0.0.1:9".into(), name: "hub.wardline.internal".into() },
        hub_root: root,
        maker,
        library: demonstration(1).unwrap(),
        release_root: None,
        trust: Trust::Pinned,
        seed: 1,
        speed: 2_000,
        nurses: Nurses::AtWork,
        faults,
        ramp: Duration::ZERO,
        flush: Flush::Never,
        progress: None,
    }
}

/// Waits for what nurses do in a hospital that runs two thousand times as fast; bounded, so that a failure ends.
async fn until(hospital: &Hospital, enough: impl Fn(&Summary) -> bool) -> Summary {
    for _ in 0..200 {
        let summary = hospital.summary();
        if enough(&summary) {
            return summary;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to pass: {}", hospital.summary());
}

#[tokio::test]
async fn therapy_goes_on_without_a_hub() {
    covers!("N1", "N8");
    let folder = tempfile::tempdir().unwrap();
    let hospital = Hospital::start(config(folder.path(), Faults::None)).await.unwrap();
    until(&hospital, |summary| summary.nurses.infusions > 3 && summary.violations.looks > 6).await;
    let summary = hospital.stop().await;
    assert_eq!((summary.pumps, summary.violations.stories), (6, Vec::new()));
}

#[tokio::test]
async fn therapy_goes_on_through_every_fault() {
    covers!("N1", "N3", "N5", "N7", "N8");
    let folder = tempfile::tempdir().unwrap();
    let hospital = Hospital::start(config(folder.path(), Faults::Injected)).await.unwrap();
    let lives = lock(&hospital.shared.lives).clone();
    until(&hospital, |summary| summary.nurses.infusions > 3).await;
    for (at, life) in lives.iter().enumerate() {
        match at {
            0 => life.network(Mood::HalfOpen),
            1 => life.network(Mood::Garbage),
            2 => life.network(Mood::Cut),
            3 => life.disk(crate::controller::reference::Room::None),
            _ => life.power_off(),
        }
    }
    let before = hospital.summary();
    assert_eq!(before.powered, 4);
    lives.iter().skip(4).for_each(|life| life.power_on());
    let enough = before.nurses.infusions + 5;
    until(&hospital, |summary| summary.nurses.infusions > enough && summary.violations.looks > 12).await;
    let summary = hospital.stop().await;
    assert_eq!((summary.powered, summary.violations.stories), (6, Vec::new()));
}

#[tokio::test]
async fn a_birth_certificate_is_made_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let now = Time::from_unix_s(1_700_000_000);
    let maker = Maker::open_or_invent(folder.path(), now).unwrap();
    let place = &places(1)[0];
    let first = maker.birth(folder.path(), &place.model, &place.serial, now).unwrap();
    let text = std::fs::read_to_string(&first.certificate).unwrap();
    let again = Maker::open_or_invent(folder.path(), now).unwrap();
    assert_eq!(again.root_pem(), maker.root_pem());
    assert_eq!(again.birth(folder.path(), &place.model, &place.serial, now).unwrap(), first);
    assert_eq!(std::fs::read_to_string(&first.certificate).unwrap(), text);
    let cert =
        wardline_pki::Cert::from_pem(text.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap()).unwrap();
    assert_eq!(wardline_pki::BirthIdentity::of(&cert).unwrap().serial, place.serial);
}

#[tokio::test]
async fn a_network_fails_as_it_is_told() {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = echo.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 64];
                while let Ok(got @ 1..) = stream.read(&mut bytes).await {
                    if stream.write_all(&bytes[..got]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let network = Network::to(&target).await.unwrap();
    let mut stream = TcpStream::connect(network.place()).await.unwrap();
    let mut answer = [0; 5];
    stream.write_all(b"clear").await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"clear");
    network.set(Mood::Garbage);
    stream.write_all(b"spoil").await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    // Changed on the way there and back again at the same place: only a chunk of another length would show it twice.
    assert_eq!(&answer, b"spoil");
    network.set(Mood::Cut);
    assert_eq!(stream.read(&mut answer).await.unwrap_or(0), 0);
    let mut refused = TcpStream::connect(network.place()).await.unwrap();
    assert_eq!(refused.read(&mut answer).await.unwrap_or(0), 0);
}
