//! Clones on a real hub: two agents with one key are taken down by the rule, a pump that roams is not, and the cap holds.

use std::net::SocketAddr;
use std::time::Duration;

use wardline_fleet::takedown::rules::Rules;
use wardline_model::{AssetTag, CareArea, Digest, Lifecycle, Model, PumpId, QuarantineLevel, Serial, Span, covers};
use wardline_store::{Actor, AuditQuery, Decision, ExpectedPump, NewCertificate};

use crate::config::Config;
use crate::link::{Sign, Suspicion};
use crate::server::{self, Running};
use crate::state::now;

fn why(reason: &str) -> Decision {
    Decision { by: Actor::Operator("test".into()), reason: reason.into(), at: now() }
}

async fn hub(folder: &std::path::Path, count: u8) -> (Running, Vec<PumpId>) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { folder: folder.join("hub"), link: any, est: any, console: any, ..Config::default() };
    std::fs::create_dir(&config.folder).expect("a folder");
    let running = server::start(server::init(config).await.expect("prepared").config).await.expect("started");
    let expected: Vec<ExpectedPump> = (0..count)
        .map(|n| ExpectedPump {
            model: Model::new("Halcyon 3").expect("a name"),
            serial: Serial::new(&format!("H3-{n}")).expect("a name"),
            asset_tag: AssetTag::new(&format!("TAG-{n}")).expect("a name"),
            care_area: CareArea::new("Ward").expect("a name"),
        })
        .collect();
    let pumps = running.hub.store.expect_pumps(&expected, &why("a manifest")).await.expect("kept");
    for (n, pump) in (1..).zip(&pumps) {
        use_certificate(&running, *pump, n).await;
    }
    (running, pumps)
}

/// The pump gets a certificate and uses it; the one before is superseded.
async fn use_certificate(running: &Running, pump: PumpId, n: u8) -> Digest {
    let hub = &running.hub;
    let fingerprint = Digest::from_bytes([n; 32]);
    let certificate = NewCertificate {
        serial: format!("{n:02x}"),
        fingerprint,
        pump,
        not_before: now(),
        not_after: now() + Span::from_days(30),
        der: vec![n],
    };
    hub.apply(&hub.store.issue_certificate(&certificate, &why("enrolled")).await.expect("issued"));
    hub.apply(&hub.store.certificate_used(pump, &fingerprint, now()).await.expect("used"));
    fingerprint
}

fn sees(running: &Running, pump: PumpId, sign: Sign, late: Span) {
    running.hub.links.suspicions().push(Suspicion { pump, sign, place: "10.0.0.9".into(), at: now() + late });
}

/// The level at which a pump is held, once the sign about it is kept.
async fn level_after(running: &Running, pump: PumpId, kind: &str) -> Option<QuarantineLevel> {
    for _ in 0..600 {
        let kept = running.hub.store.suspects().await.expect("readable");
        if kept.iter().any(|sign| sign.pump == pump && sign.kind == kind) {
            // The rule acts after the sign is kept; its decision or its refusal is in the audit.
            for _ in 0..20 {
                let level = running.hub.registry.get(pump).and_then(|entry| entry.level);
                let query =
                    AuditQuery { pump: Some(pump), action: Some("pump.quarantine".into()), ..AuditQuery::default() };
                let told = running.hub.store.audit(&query).await.expect("readable").total > 0;
                if level.is_some() || told {
                    return level;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return running.hub.registry.get(pump).and_then(|entry| entry.level);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the sign {kind} was not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_is_cut_and_a_misused_key_is_held_for_mending_up_to_the_cap() {
    covers!("N14");
    let folder = tempfile::tempdir().expect("a folder");
    let (running, pumps) = hub(folder.path(), 3).await;
    sees(&running, pumps[0], Sign::TwoStarts(2), Span::ZERO);
    assert_eq!(level_after(&running, pumps[0], "two-starts").await, Some(QuarantineLevel::Cut));
    sees(&running, pumps[1], Sign::WrongPump("Hello names another pump".into()), Span::ZERO);
    assert_eq!(level_after(&running, pumps[1], "wrong-pump").await, Some(QuarantineLevel::Remediate));
    // 2 % of three pumps is one pump, and the rule for clones holds one already.
    sees(&running, pumps[2], Sign::TwoStarts(2), Span::ZERO);
    assert_eq!(level_after(&running, pumps[2], "two-starts").await, None, "people are told and nothing is done");
    assert_eq!(running.hub.registry.get(pumps[2]).expect("there").lifecycle, Lifecycle::InService);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_certificate_is_a_sign_only_after_the_new_one_proved_itself_and_grace_ended() {
    covers!("N14");
    let folder = tempfile::tempdir().expect("a folder");
    let (running, pumps) = hub(folder.path(), 1).await;
    let mut rules = Rules::default();
    rules.clone.level = QuarantineLevel::Watch;
    running.hub.store.set_take_down_rules(&rules, &why("a test")).await.expect("set");
    let old = Digest::from_bytes([1; 32]);
    use_certificate(&running, pumps[0], 9).await;
    sees(&running, pumps[0], Sign::OldCertificate(old), Span::from_min(9));
    sees(&running, pumps[0], Sign::OldCertificate(Digest::from_bytes([77; 32])), Span::from_min(11));
    sees(&running, pumps[0], Sign::WrongPump("to know that the ones before are through".into()), Span::from_min(12));
    assert_eq!(level_after(&running, pumps[0], "wrong-pump").await, Some(QuarantineLevel::Remediate));
    assert_eq!(running.hub.store.suspects().await.expect("readable").len(), 1, "neither was a sign");
    running.stop().await;

    let folder = tempfile::tempdir().expect("a folder");
    let (running, pumps) = hub(folder.path(), 1).await;
    use_certificate(&running, pumps[0], 9).await;
    sees(&running, pumps[0], Sign::OldCertificate(old), Span::from_min(11));
    assert_eq!(level_after(&running, pumps[0], "old-certificate").await, Some(QuarantineLevel::Cut));
    running.stop().await;
}
