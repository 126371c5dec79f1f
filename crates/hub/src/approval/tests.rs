//! The hospital's rules through the store: what nobody set, what was set, and the last place of a delivery.

use wardline_fleet::approval::{Before, Policy, Proof, Rule, RuleName, Then};
use wardline_model::{AssetTag, CareArea, Model, PumpId, Serial, Time, covers};
use wardline_store::{Actor, Decision, Entry, ExpectedPump, MasterKey, Setting, Store, sqlite_url};

use super::{AtTheDoor, decide, policy};

const NOW: Time = Time::from_unix_s(1_800_000_000);

fn by() -> Decision {
    Decision { by: Actor::Person("anna".into()), reason: "this week's delivery".into(), at: NOW }
}

struct Door {
    _folder: tempfile::TempDir,
    store: Store,
    pumps: Vec<PumpId>,
}

impl Door {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(&folder.path().join("hub.db"));
        let store = Store::create(&url, &MasterKey::generate(), NOW).await.unwrap();
        let expected: Vec<ExpectedPump> = (0..3)
            .map(|n| ExpectedPump {
                model: Model::new("Halcyon 3").unwrap(),
                serial: Serial::new(&format!("H3-{n}")).unwrap(),
                asset_tag: AssetTag::new(&format!("P-{n}")).unwrap(),
                care_area: CareArea::new("ICU").unwrap(),
            })
            .collect();
        let pumps = store.expect_pumps(&expected, &by()).await.unwrap();
        Self { _folder: folder, store, pumps }
    }

    async fn set(&self, policy: &Policy, from: u64) {
        let text = serde_json::to_string(policy).unwrap();
        let entry = Entry::done("enrolment.rules", None, "rules");
        self.store.save_setting(Setting::Approval, &text, from, &by(), &entry).await.unwrap();
    }

    async fn says(&self, pump: usize, approved: Before) -> Then {
        let pump = self.store.pump(self.pumps[pump]).await.unwrap().unwrap();
        let proof = Proof::Birth { root: None };
        let door = AtTheDoor { pump: &pump, from: "10.0.0.1".parse().unwrap(), proof, approved };
        decide(&self.store, door, NOW).await.unwrap().then
    }
}

#[tokio::test]
async fn a_hospital_that_set_nothing_lets_in_who_is_on_its_list() {
    let door = Door::open().await;
    assert_eq!(policy(&door.store).await.unwrap(), (Policy::default(), 0));
    assert_eq!(door.says(0, Before::Never).await, Then::Approve);
}

#[tokio::test]
async fn the_last_place_of_a_delivery_is_given_once_and_a_person_is_asked_about_the_next() {
    covers!("N14");
    let door = Door::open().await;
    let delivery = Rule { most: Some(2), ..Rule::for_all(RuleName::new("Delivery").unwrap(), Then::Approve) };
    door.set(&Policy { rules: vec![delivery], otherwise: Then::Ask }, 0).await;
    assert_eq!(door.says(0, Before::Never).await, Then::Approve);
    assert_eq!(door.says(1, Before::Never).await, Then::Approve);
    assert_eq!(door.says(2, Before::Never).await, Then::Ask);
    assert_eq!(door.says(2, Before::Approved).await, Then::Approve, "a person said yes");
    assert_eq!(door.says(0, Before::Never).await, Then::Approve, "its answer was lost; it has its place");
    door.set(&Policy { rules: Vec::new(), otherwise: Then::Refuse }, 1).await;
    assert_eq!(door.says(2, Before::Never).await, Then::Refuse, "a change counts at once");
}
