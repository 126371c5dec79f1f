//! What is sensitive does not rest in clear, and keys can be changed.

use wardline_model::{EventBody, Role, Span};

use super::events::event;
use super::{T0, World, by, on_both_engines};
use crate::{Journal, MasterKey, NewUser, PageRequest, Store, StoreError};

/// Everything that the database and a backup of it hold, as bytes.
async fn raw(world: &World) -> Vec<u8> {
    let backup = world.folder.path().join("raw.backup");
    let _ = std::fs::remove_file(&backup);
    world.store.backup(&backup, T0).await.unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(world.folder.path()).unwrap().flatten() {
        bytes.extend(std::fs::read(file.path()).unwrap());
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn detail(store: &Store, pump: wardline_model::PumpId) -> Result<String, StoreError> {
    let page = store.events(pump, PageRequest::default()).await?;
    match &page.rows[0].event.body {
        EventBody::TherapyChanged { detail, .. } => Ok(detail.clone()),
        other => panic!("another event: {other:?}"),
    }
}

on_both_engines! {
    async fn no_drug_password_token_or_code_rests_in_clear(world) {
        let pump = world.pumps(1).await[0];
        let store = &world.store;
        store.append_events(pump, Journal(1), vec![event(1)], T0).await.unwrap();
        let password = "correct horse battery";
        let anna = NewUser { name: "anna".into(), display: "Anna".into(), role: Role::Security, password: Some(password.into()) };
        store.create_user(&anna, &by("init", "first account")).await.unwrap();
        let session = store.open_session("anna", Span::from_h(8), &by("anna", "signs in")).await.unwrap();
        let token = store.create_token("siem", Role::Viewer, Span::from_days(1), &by("anna", "export")).await.unwrap();
        let code = store.new_enrolment_code(pump, Span::from_h(1), &by("anna", "")).await.unwrap();
        let bytes = raw(&world).await;
        assert!(holds(&bytes, "P-00000"), "the search finds what is in clear");
        let plain_code = code.code.replace('-', "");
        for secret in ["morphine", password, &session.token, &session.csrf, &token.secret, &code.code, &plain_code] {
            assert!(!holds(&bytes, secret), "{secret:?} rests in clear");
        }
        assert_eq!(detail(store, pump).await.unwrap(), "morphine 1 ml/h", "and it opens again");
    }

    async fn a_sealed_value_opens_in_its_own_row_only(world) {
        let pumps = world.pumps(2).await;
        for (n, pump) in pumps.iter().enumerate() {
            world.store.append_events(*pump, Journal(n as u64), vec![event(1)], T0).await.unwrap();
        }
        sqlx::query("UPDATE events SET detail = (SELECT detail FROM events WHERE pump = $1) WHERE pump = $2")
            .bind(pumps[0].to_string()).bind(pumps[1].to_string())
            .execute(&world.store.core.write).await.unwrap();
        let moved = detail(&world.store, pumps[1]).await.expect_err("it was copied from another pump");
        assert!(matches!(moved, StoreError::WrongKey { .. }), "{moved}");
    }

    async fn keys_rotate_and_another_master_key_opens_nothing(world) {
        let pump = world.pumps(1).await[0];
        world.store.append_events(pump, Journal(1), (1..=600).map(event).collect(), T0).await.unwrap();
        assert_eq!(world.store.rotate_data_key(&by("sam", "yearly")).await.unwrap(), 600);
        assert_eq!(detail(&world.store, pump).await.unwrap(), "morphine 600 ml/h");
        let new = MasterKey::from_bytes([8; 32]);
        world.store.change_master_key(&new, &by("sam", "a disk was stolen")).await.unwrap();
        world.store.close().await;
        let old = Store::open(&world.url, &world.master, T0).await.expect_err("the old key");
        assert!(matches!(old, StoreError::WrongKey { .. }), "{old}");
        world.master = new;
        world.store = Store::open(&world.url, &world.master, T0).await.expect("the new key");
        assert_eq!(detail(&world.store, pump).await.unwrap(), "morphine 600 ml/h");
        let keys = sqlx::query("SELECT id FROM data_keys").fetch_all(&world.store.core.read).await.unwrap().len();
        let kept = if world.store.engine() == crate::Engine::Sqlite { 1 } else { 2 };
        assert_eq!(keys, kept, "an old key is forgotten when nothing can need it");
    }
}
