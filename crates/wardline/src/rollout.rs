//! `wardline rollout`: bring a published release to the pumps, watch it, stop it.

use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{NewRollout, Reason, ReleaseRow, Releases, RolloutDetail, RolloutRow, Rollouts};
use wardline_model::{Kind, Version};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::print;

/// Brings a published release to the pumps, ring by ring. A rollout stops itself at the first pump that disproves the
/// release, and pauses when too many pumps give no proof. The pump chooses the moment of its switch, between infusions.
///
/// Examples:
///   wardline rollout releases
///   wardline rollout create drug-library 2 --reason "heparin limits, P&T 12 May"
///   wardline rollout show 3
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Rollout {
    #[command(subcommand)]
    command: RolloutCommand,
}

#[derive(Subcommand)]
enum RolloutCommand {
    /// All rollouts, newest first
    List,
    /// The releases that can be rolled out
    Releases,
    /// Start one
    Create(Create),
    /// One rollout: rings, adoption, and every pump that is behind with why and whose turn it is
    Show(Numbered),
    /// Give no new turns for now
    Pause(Change),
    /// Give turns again
    Resume(Change),
    /// Stop it for good
    Halt(Change),
}

#[derive(Args)]
struct Create {
    /// firmware, drug-library, wireless-profile, firewall-policy or trust-anchors
    kind: Kind,
    /// The release's version
    version: u64,
    /// Only these care areas
    #[arg(long = "care-area")]
    care_areas: Vec<String>,
    /// How many pumps may be on trial at once
    #[arg(long)]
    cap: Option<u32>,
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

#[derive(Args)]
struct Numbered {
    /// The rollout's number
    rollout: u64,
}

#[derive(Args)]
struct Change {
    /// The rollout's number
    rollout: u64,
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

impl Rollout {
    /// Shows or decides.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        match self.command {
            RolloutCommand::List => list(&client, access),
            RolloutCommand::Releases => releases(&client, access),
            RolloutCommand::Create(create) => create.run(&client, access),
            RolloutCommand::Show(it) => show(&client, access, it.rollout),
            RolloutCommand::Pause(change) => change.run(&client, access, RouteId::ApiRolloutPause),
            RolloutCommand::Resume(change) => change.run(&client, access, RouteId::ApiRolloutResume),
            RolloutCommand::Halt(change) => change.run(&client, access, RouteId::ApiRolloutHalt),
        }
    }
}

fn said(rollout: &RolloutRow) -> String {
    let share = (rollout.adopted * 100).checked_div(rollout.pumps).unwrap_or(0);
    format!("{} of {} ({share} %)", rollout.adopted, rollout.pumps)
}

fn list(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiRollouts, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let rollouts: Rollouts = typed(answer)?;
    if rollouts.rollouts.is_empty() {
        println!("No rollout yet. Publish a release with `wardline release`, then `wardline rollout create`.");
        return Ok(());
    }
    let rows = rollouts.rollouts.iter().map(|row| {
        vec![
            row.id.to_string(),
            format!("{} {}", row.kind, row.version),
            row.state.to_string(),
            said(row),
            row.needs_person.to_string(),
            print::moment(row.created),
            row.by.clone(),
            row.why.clone(),
        ]
    });
    let header = ["no", "release", "state", "adopted", "need a person", "started", "by", "why"];
    println!("{}", print::table(&header, rows.collect()));
    Ok(())
}

fn releases(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiReleases, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let releases: Releases = typed(answer)?;
    if releases.releases.is_empty() {
        println!("No release was published yet: see `wardline release --help`.");
        return Ok(());
    }
    let rows = releases.releases.iter().map(|row: &ReleaseRow| {
        vec![
            format!("{} {}", row.kind, row.version),
            row.state.to_string(),
            print::or_dash(row.entries),
            row.length.to_string(),
            row.signers.to_string(),
            print::moment(row.published),
            row.by.clone(),
            row.digest.short(),
            row.notes.clone(),
        ]
    });
    let header = ["release", "state", "entries", "bytes", "signers", "published", "by", "digest", "notes"];
    println!("{}", print::table(&header, rows.collect()));
    Ok(())
}

impl Create {
    fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let new = NewRollout {
            kind: self.kind,
            version: Version(self.version),
            care_areas: self.care_areas,
            trial_cap: self.cap,
            reason: self.reason,
        };
        let answer = client.send(RouteId::ApiRolloutCreate, &[], &new)?;
        if access.json {
            return print::json(&answer);
        }
        let row: RolloutRow = typed(answer)?;
        println!(
            "Rollout {} of {} {} runs. Watch it with `wardline rollout show {}`.",
            row.id, row.kind, row.version, row.id
        );
        println!("Each pump switches by itself, when its therapy controller grants a moment without a program.");
        Ok(())
    }
}

impl Change {
    fn run(self, client: &Client, access: &Access, route: RouteId) -> anyhow::Result<()> {
        let answer = client.send(route, &[&self.rollout.to_string()], &Reason { reason: self.reason })?;
        if access.json {
            return print::json(&answer);
        }
        let row: RolloutRow = typed(answer)?;
        println!("Rollout {} of {} {} is {}: {}", row.id, row.kind, row.version, row.state, print::safe(&row.why));
        Ok(())
    }
}

fn show(client: &Client, access: &Access, number: u64) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiRollout, &[&number.to_string()], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let rollout: RolloutDetail = typed(answer)?;
    let row = &rollout.row;
    println!("Rollout {}: {} {} is {}, adopted by {}", row.id, row.kind.label(), row.version, row.state, said(row));
    println!("{}", print::safe(&row.why));
    println!(
        "Started {} by {}; at most {} pumps on trial at once.\n",
        print::moment(row.created),
        row.by,
        rollout.trial_cap
    );
    let rings = rollout
        .rings
        .iter()
        .map(|ring| vec![ring.name.clone(), ring.members.clone(), format!("{} % settled", ring.opens_next_at)]);
    println!("{}\n", print::table(&["ring", "who", "opens the next at"], rings.collect()));
    if rollout.stragglers.is_empty() {
        println!("Nobody is behind.");
        return Ok(());
    }
    let now = print::now();
    let rows = rollout.stragglers.iter().map(|pump| {
        vec![
            pump.asset_tag.to_string(),
            pump.care_area.to_string(),
            print::or_dash(pump.last_place.as_ref()),
            print::ago(pump.last_seen, now),
            print::or_dash(pump.active),
            format!("{}{}", pump.why, print::age(pump.age_ms)),
            pump.owner.label().to_owned(),
        ]
    });
    println!("{}", print::table(&["behind", "care area", "last at", "heard", "runs", "why", "owner"], rows.collect()));
    println!("{} pumps are behind.", rollout.missing);
    Ok(())
}
