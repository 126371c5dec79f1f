//! `wardline ca roll-over`: replace root and issuing authority under a running fleet, and see who is behind.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{
    AuthorityRow, Reason, RollOver as Answer, RollOverStage, RollOverWhat, StartRollOver, StepRollOver,
};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::data::write_private;
use crate::fault::{Exit, Fault};
use crate::print;

const STEPS: &str = "\
The whole way, over some weeks:
  wardline ca roll-over start --reason \"…\"        new root and issuing authority beside the old ones
  wardline ca roll-over anchors --both --to set.json
  wardline release draft --trust-anchors set.json  people of IT security sign it at the signing desk, then publish
  wardline rollout create trust-anchors 1 --reason \"…\"
  wardline ca roll-over status                     until every pump has proven the new root
  wardline ca roll-over move --reason \"…\"         certificates come from the new authority; pumps renew by themselves
  wardline ca roll-over anchors --new --to set.json   sign it and roll it out: pumps let go of the old root
  wardline ca roll-over status                     until nothing is left
  wardline ca roll-over finish --reason \"…\"       the old authority counts no more

For a new issuing authority under the same root only `start --issuing-only`, `move` and `finish` are needed.
No step touches therapy or cuts a link. docs/manual/trust-roll-over.md tells of pumps that sleep meanwhile.";

/// Replaces the fleet's root and issuing authority, or the issuing authority alone, while pumps work.
///
/// A pump believes a new root only when people signed it offline, and keeps it only when it has reached the hub over it.
/// A step that would leave pumps behind is refused with their names, unless you say --go-on.
#[derive(Args)]
#[command(after_help = STEPS)]
pub struct RollOver {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make new authorities beside the old ones; nothing changes for pumps yet
    Start(Start),
    /// How far it is, what to do next, and every pump that is behind with its way back
    Status,
    /// Write a set of trust anchors for people to sign
    Anchors(Anchors),
    /// Issue from the new authority from now on; the hub accepts both
    Move(Step),
    /// Accept only the new authority, and destroy the old keys
    Finish(Step),
    /// Give it up, while nothing was issued from the new authority
    Abandon(Why),
}

#[derive(Args)]
struct Start {
    /// Change the issuing authority under the same root; pumps need to be told nothing
    #[arg(long)]
    issuing_only: bool,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
struct Why {
    /// Why: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

#[derive(Args)]
struct Step {
    #[command(flatten)]
    why: Why,
    /// Go on although pumps are not ready; you have read the list of `status`
    #[arg(long)]
    go_on: bool,
}

#[derive(Args)]
#[group(id = "which", required = true, multiple = false)]
struct Which {
    /// The new root beside the old one: before the move
    #[arg(long)]
    both: bool,
    /// The new root alone: after the move
    #[arg(long)]
    new: bool,
}

#[derive(Args)]
struct Anchors {
    #[command(flatten)]
    which: Which,
    /// The file, for `wardline release draft --trust-anchors`
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl RollOver {
    /// Takes the step, or shows.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        let step = |step: Step| StepRollOver { reason: step.why.reason, go_on: Some(step.go_on) };
        let answer = match self.command {
            Command::Status => client.get(RouteId::ApiRollOver, &[], &[])?,
            Command::Anchors(anchors) => return anchors.run(&client),
            Command::Start(start) => {
                let what = if start.issuing_only { RollOverWhat::Issuing } else { RollOverWhat::Root };
                let order = StartRollOver { what, reason: start.why.reason };
                client.send(RouteId::ApiRollOverStart, &[], &order)?
            }
            Command::Move(order) => client.send(RouteId::ApiRollOverMove, &[], &step(order))?,
            Command::Finish(order) => client.send(RouteId::ApiRollOverFinish, &[], &step(order))?,
            Command::Abandon(why) => client.send(RouteId::ApiRollOverAbandon, &[], &Reason { reason: why.reason })?,
        };
        if access.json {
            return print::json(&answer);
        }
        show(&typed(answer)?);
        Ok(())
    }
}

impl Anchors {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        let answer: Answer = typed(client.get(RouteId::ApiRollOver, &[], &[])?)?;
        let word = if self.which.both { "both" } else { "new" };
        let set = answer.sets.into_iter().find(|set| set.purpose.starts_with(word)).with_context(
            || "there is no change of roots under way, so there is nothing to sign: `wardline ca roll-over status`",
        )?;
        if self.to.exists() {
            let message = format!("{} exists already", self.to.display());
            return Err(Fault::ends(Exit::NotInOrder, message));
        }
        write_private(&self.to, set.artifact.as_bytes())?;
        println!("Written to {}: trust anchors {}, {} root(s).", self.to.display(), set.version, set.roots);
        println!("Compare before you sign: old root SHA-256 {}", answer.old_root.fingerprint);
        if let Some(new) = answer.new_root {
            println!("                         new root SHA-256 {}", new.fingerprint);
        }
        println!("Carry it to the signing desk: wardline release draft --trust-anchors {}", self.to.display());
        Ok(())
    }
}

fn show(it: &Answer) {
    let stage = match it.stage {
        RollOverStage::Quiet => "No change of certificate authorities is under way.",
        RollOverStage::Prepared => "PREPARED: the new authorities are made; the hub issues from the old one.",
        RollOverStage::Moved => "MOVED: the hub issues from the new authority and accepts both.",
        RollOverStage::Finished => "FINISHED: only the new authority counts.",
    };
    println!("{stage}");
    if let (Some(since), Some(by), Some(why)) = (it.begun, &it.begun_by, &it.reason) {
        println!("Begun {} by {}: {}", print::moment(since), print::safe(by), print::safe(why));
    }
    let row = |what: &str, row: &AuthorityRow| {
        vec![what.to_owned(), row.name.clone(), row.fingerprint.to_string(), print::moment(row.ends)]
    };
    let mut rows = vec![row("root", &it.old_root), row("issuing", &it.old_issuing)];
    rows.extend(it.new_root.iter().map(|new| row("new root", new)));
    rows.extend(it.new_issuing.iter().map(|new| row("new issuing", new)));
    println!("\n{}", print::table(&["", "name", "sha-256", "ends"], rows));
    if it.pumps > 0 {
        println!("\n{} of {} pumps have nothing left to do.", it.done, it.pumps);
        for count in &it.counts {
            println!("  {} must {}", count.pumps, must(count.left.as_str()));
        }
    }
    if !it.behind.is_empty() {
        let now = print::now();
        let rows = it.behind.iter().map(|pump| {
            vec![
                pump.asset_tag.to_string(),
                pump.care_area.to_string(),
                must(pump.left.as_str()).to_owned(),
                print::ago(pump.last_seen, now),
                pump.certificate_ends.map_or_else(|| "none".into(), print::moment),
                pump.how.clone(),
            ]
        });
        let header = ["behind", "care area", "must", "heard", "certificate until", "comes back"];
        println!("\n{}", print::table(&header, rows.collect()));
    }
    println!("\n{}", print::safe(&it.next));
}

fn must(left: &str) -> &str {
    match left {
        "prove" => "prove the new root",
        "renew" => "renew its certificate",
        "let-go" => "let go of the old root",
        other => other,
    }
}
