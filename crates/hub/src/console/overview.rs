//! Overview: is my fleet safe right now, and what needs a person?

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use wardline_api::types::{AreaCount, Attention, Overview, PumpRow, RolloutRow, Todo};
use wardline_model::{ChannelState, Lifecycle, Owner, Span, Time};
use wardline_store::{PageRequest, Sighting};

use super::app::Console;
use super::fault::Fault;
use super::fleet::{self, Snapshot};
use super::guard::{Caller, percent_encode};
use super::page::{self, Frame, pumps, show, thousands};
use super::{certificates, pictures, rollouts};

/// `GET /api/v1/overview`.
pub(super) async fn api(State(console): State<Arc<Console>>) -> Result<Json<Overview>, Fault> {
    Ok(Json(overview(&console).await?.0))
}

async fn overview(console: &Console) -> Result<(Overview, Arc<Snapshot>), Fault> {
    let now = console.now();
    let snapshot = console.fleet.snapshot(now).await?;
    let rollouts = rollouts::rows(console).await?;
    let strangers = strangers(console, now).await?;
    let mut overview = compute(&snapshot, rollouts, strangers, snapshot.taken);
    overview.todo.extend(certificates::todo(console).await?);
    Ok((overview, snapshot))
}

/// Refused handshakes of the last day. Sightings come newest first; one page of them is more than a day's worth in a
/// quiet hospital, and in a loud one the number is a lower bound.
async fn strangers(console: &Console, now: Time) -> Result<u64, Fault> {
    let page = console.store.sightings(PageRequest { page: 0, page_size: 500 }).await?;
    let day = now - Span::from_days(1);
    // Who did not trust this hub was not refused by it: browsers that were not told of the authority do that.
    let strange = |sighting: &&Sighting| sighting.last >= day && sighting.reason != "peer-refused-us";
    Ok(page.rows.iter().filter(strange).map(|sighting| sighting.count).sum())
}

pub(super) fn compute(snapshot: &Snapshot, rollouts: Vec<RolloutRow>, strangers: u64, now: Time) -> Overview {
    let fleet: Vec<&PumpRow> = snapshot.all().filter(|row| fleet::counts(row)).collect();
    let by_attention = fleet::by_attention(fleet.iter().copied());
    let of = |attention| by_attention.iter().find(|count| count.attention == attention).map_or(0, |count| count.pumps);
    let total = fleet.len() as u64;
    let safe = of(Attention::Good) + of(Attention::Waiting);
    let (attention, answer) =
        answer(total, safe, of(Attention::NeedsPerson), of(Attention::Danger), of(Attention::Unknown));
    let care_areas = by_area(&fleet)
        .into_iter()
        .map(|(name, of_area)| AreaCount {
            name: name.into(),
            pumps: of_area.len() as u64,
            by_attention: fleet::by_attention(of_area.into_iter()),
        })
        .collect();
    let busy = fleet.iter().filter(|row| row.therapy.state().is_some_and(ChannelState::is_busy)).count() as u64;
    let expiring = fleet.iter().filter(|row| row.certificate_overdue).count() as u64;
    Overview {
        answer,
        attention,
        at: now,
        pumps: total,
        online: fleet::online(fleet.iter().copied()),
        busy,
        by_attention,
        care_areas,
        todo: todo(&fleet, &rollouts, strangers),
        rollouts,
        expiring,
        strangers,
    }
}

/// The pumps of each care area, the areas in the order that people expect.
fn by_area<'a>(fleet: &[&'a PumpRow]) -> Vec<(&'a str, Vec<&'a PumpRow>)> {
    let mut areas = BTreeMap::<&str, Vec<&PumpRow>>::new();
    for row in fleet {
        areas.entry(row.care_area.as_str()).or_default().push(row);
    }
    let mut areas: Vec<_> = areas.into_iter().collect();
    areas.sort_by_cached_key(|(name, _)| natural(name));
    areas
}

/// Sorts `Ward 7` before `Ward 10`: every run of digits counts as its number.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let (mut word, mut number) = (String::new(), None::<u64>);
    for c in name.to_lowercase().chars() {
        match (c.to_digit(10), number) {
            (Some(digit), _) => number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit.into())),
            (None, None) => word.push(c),
            (None, Some(ended)) => {
                parts.push((std::mem::replace(&mut word, c.into()), ended));
                number = None;
            }
        }
    }
    parts.push((word, number.unwrap_or(0)));
    parts
}

/// The sentence on top. Unknown pumps are never counted as safe.
fn answer(total: u64, safe: u64, person: u64, danger: u64, unknown: u64) -> (Attention, String) {
    if total == 0 {
        return (Attention::Off, "No pump has enrolled yet.".into());
    }
    let head = if safe == total {
        format!(
            "All {} safe.",
            if total == 1 { "1 pump is".into() } else { format!("{} pumps are", thousands(&total)) }
        )
    } else {
        format!(
            "{} of {} safe.",
            thousands(&safe),
            if total == 1 { "1 pump is".into() } else { format!("{} pumps are", thousands(&total)) }
        )
    };
    let mut parts = vec![head];
    if person > 0 {
        parts.push(format!("{} {} a person.", thousands(&person), if person == 1 { "needs" } else { "need" }));
    }
    if danger > 0 {
        parts.push(format!("{} taken down.", thousands(&danger)));
    }
    if unknown > 0 {
        parts.push(format!("{} not heard from.", thousands(&unknown)));
    }
    let attention = match (danger, person, unknown) {
        (0, 0, 0) => Attention::Good,
        (0, 0, _) => Attention::Unknown,
        (_, 1.., _) => Attention::NeedsPerson,
        (1.., 0, _) => Attention::Danger,
    };
    (attention, parts.join(" "))
}

fn todo(fleet: &[&PumpRow], rollouts: &[RolloutRow], strangers: u64) -> Vec<Todo> {
    let count = |fits: &dyn Fn(&PumpRow) -> bool| fleet.iter().filter(|row| fits(row)).count() as u64;
    let mut list = Vec::new();
    let mut add = |pumps: u64, what: String, owner, href: String, attention| {
        if pumps > 0 {
            list.push(Todo { what, pumps, owner, href, attention });
        }
    };
    let quarantined = count(&|row| row.lifecycle == Lifecycle::Quarantined);
    add(
        quarantined,
        format!("{} in quarantine", pumps(&quarantined)),
        Owner::Security,
        "/pumps?lifecycle=quarantined".into(),
        Attention::Danger,
    );
    let lost = count(&|row| row.lifecycle == Lifecycle::Lost);
    add(
        lost,
        format!("{} reported lost", pumps(&lost)),
        Owner::Biomed,
        "/pumps?lifecycle=lost".into(),
        Attention::Danger,
    );
    for who in [Owner::Biomed, Owner::Pharmacy, Owner::Security, Owner::It, Owner::Maker] {
        let mine = |row: &PumpRow| row.attention == Attention::NeedsPerson && row.owner == who;
        let waiting = count(&mine);
        match fleet.iter().find(|row| mine(row)) {
            Some(row) if waiting == 1 => {
                let (what, href) = (format!("{}: {}", row.asset_tag, row.why), format!("/pumps/{}", row.id));
                add(1, what, who, href, Attention::NeedsPerson);
            }
            _ => {
                let what = format!("{} wait for {}", pumps(&waiting), who.label());
                let href = "/pumps?attention=needs-person&sort=urgency".into();
                add(waiting, what, who, href, Attention::NeedsPerson);
            }
        }
    }
    let silent = count(&|row| row.attention == Attention::Unknown);
    add(
        silent,
        format!("{} not heard from: look where last seen", pumps(&silent)),
        Owner::It,
        "/pumps?attention=unknown&sort=last-seen".into(),
        Attention::Unknown,
    );
    for rollout in rollouts.iter().filter(|row| row.state == wardline_api::types::RolloutState::Halted) {
        let what = format!("{} {} stopped itself: {}", rollout.kind.label(), rollout.version, rollout.why);
        add(rollout.pumps.max(1), what, Owner::Pharmacy, format!("/rollouts/{}", rollout.id), Attention::NeedsPerson);
    }
    if strangers > 0 {
        let what = format!("{} refused handshakes by strangers in the last day", thousands(&strangers));
        list.push(Todo {
            what,
            pumps: 0,
            owner: Owner::Security,
            href: "/enrolment#refused".into(),
            attention: Attention::Waiting,
        });
    }
    list
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    view: Overview,
    areas: Vec<Area>,
    one_each: bool,
    counts: Vec<(Attention, u64, String)>,
}

/// A care area with its picture.
struct Area {
    count: AreaCount,
    href: String,
    picture: String,
}

/// `GET /`.
pub(super) async fn show_page(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Fault> {
    let (mut view, snapshot) = overview(&console).await?;
    view.rollouts.retain(|row| {
        use wardline_api::types::RolloutState::{Halted, Paused, Running};
        matches!(row.state, Running | Paused | Halted)
    });
    let small = view.pumps <= pictures::MOST_CELLS;
    let areas = view
        .care_areas
        .iter()
        .map(|count| {
            let of_area = |row: &&PumpRow| fleet::counts(row) && row.care_area.as_str() == count.name;
            let picture = if small {
                pictures::cells(&snapshot.all().filter(of_area).collect::<Vec<_>>())
            } else {
                pictures::shares(&count.by_attention, count.pumps)
            };
            Area { href: format!("/pumps?area={}", percent_encode(&count.name)), picture, count: count.clone() }
        })
        .collect();
    let counts = view
        .by_attention
        .iter()
        .filter(|count| count.attention != Attention::Off)
        .map(|count| (count.attention, count.pumps, format!("/pumps?attention={}", count.attention)))
        .collect();
    let frame = Frame::new("Overview", "overview", Some(&caller), view.at);
    show(&OverviewPage { frame, view, areas, one_each: small, counts })
}
