//! A rollout ends with its release, and a newer one takes its place.

use wardline_model::{Kind, Version};

use super::{World, by, on_both_engines};
use crate::{Artifact, AuditQuery, MetadataFile, NewRelease, NewRollout, Publication, RolloutState, Store};

async fn publish(store: &Store, version: u64) {
    let bytes = format!("library {version}").into_bytes();
    let digest = crate::row::sha256(&[&bytes]);
    let path = format!("drug-library/{version}.json");
    let release = NewRelease {
        kind: Kind::DrugLibrary,
        version: Version(version),
        path: path.clone(),
        digest,
        length: bytes.len() as u64,
        entries: None,
        notes: String::new(),
        signers: Vec::new(),
    };
    let publication = Publication {
        metadata: vec![MetadataFile { name: format!("{version}.targets.json"), bytes: b"{}".to_vec() }],
        artifacts: vec![Artifact { path, digest, bytes }],
        releases: vec![release],
    };
    store.publish(&publication, &by("pia", "limits reviewed")).await.unwrap();
}

async fn start(store: &Store, version: u64) -> u64 {
    let rollout = NewRollout { kind: Kind::DrugLibrary, version: Version(version), rules: "{}".into() };
    store.start_rollout(&rollout, &by("pia", "go")).await.unwrap().id
}

on_both_engines! {
    async fn a_withdrawn_release_takes_its_open_rollout_with_it_and_no_other(world) {
        let store = &world.store;
        world.pumps(2).await;
        publish(store, 7).await;
        publish(store, 8).await;
        let (seven, eight) = (start(store, 7).await, start(store, 8).await);
        let state = async |id: u64| {
            let all = store.rollouts().await.unwrap();
            let row = all.into_iter().find(|row| row.id == id).unwrap();
            (row.state, row.state_reason)
        };
        assert_eq!(state(seven).await, (RolloutState::Cancelled, "replaced by a rollout of drug-library version 8".into()));
        store.withdraw_release(Kind::DrugLibrary, Version(7), &by("pia", "old limits")).await.unwrap();
        assert_eq!(state(eight).await.0, RolloutState::Running, "the other version goes on");
        store.withdraw_release(Kind::DrugLibrary, Version(8), &by("pia", "wrong unit in row 12")).await.unwrap();
        let why = "the release was withdrawn: wrong unit in row 12";
        assert_eq!(state(eight).await, (RolloutState::Cancelled, why.into()));
        let told = store.audit(&AuditQuery::default()).await.unwrap().rows;
        let told: Vec<_> = told.iter().take(2).map(|row| row.action.as_str()).collect();
        assert_eq!(told, ["rollout.cancelled", "release.withdraw"]);
    }
}
