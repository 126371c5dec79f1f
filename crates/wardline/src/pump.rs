//! `wardline pump`: one pump, seen in full, and the decisions about it.

mod wipe;

use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{Decided, PumpDetail, PumpEvents, Reason, WatchedEntries};
use wardline_fleet::lifecycle::{Act, consequence};
use wardline_model::Span;

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::{print, target};

/// Looks at one pump, named by asset tag, serial number or id, or decides about it.
#[derive(Args)]
pub struct Pump {
    #[command(subcommand)]
    command: PumpCommand,
}

#[derive(Subcommand)]
enum PumpCommand {
    /// Link, certificate, therapy as reported, and the five slots with why each is where it is
    Show(Named),
    /// What happened on it, newest first
    Events(Named),
    /// Cut its link now; therapy is not touched (`wardline quarantine` knows milder levels and ends)
    Quarantine(Decide),
    /// What it did with the hub while it was watched, newest first
    Watched(Named),
    /// Give a quarantined pump back
    Release(Decide),
    /// Nobody knows where it is: revoke its certificate
    Lost(Decide),
    /// A lost pump was found: it may enrol again
    Found(Decide),
    /// End its life; its certificate is revoked for good, and it wipes itself
    ///
    /// At the next contact the pump destroys its device key (in its TPM first, where it has one), then every file that
    /// it kept, and signs a receipt for it: see `wardline pump wipe-receipt`. An infusion that runs goes on: the wipe
    /// concerns the pump's network side only. A pump that never comes back is locked out all the same, because its
    /// certificate is revoked at once.
    Retire(Decide),
    /// Give a loaner back; its certificate is revoked, and it wipes itself like a retired pump
    LoanerReturn(Decide),
    /// The order to wipe a pump that was retired, lost or given back, and the pump's signed receipt
    ///
    /// With --json, the receipt is printed as it came, with both of its signatures: the pump's own key over what it was
    /// about to destroy, and a key made for that moment over its being done.
    WipeReceipt(Named),
    /// Revoke its certificate and let it enrol anew, as after a repair
    ReEnrol(Decide),
}

#[derive(Args)]
struct Named {
    /// Asset tag, serial number or id
    pump: String,
}

/// A decision about one pump.
#[derive(Args)]
struct Decide {
    /// Asset tag, serial number or id
    pump: String,
    /// Why: it is kept in the audit trail and shown to the next shift
    #[arg(long, short)]
    reason: String,
}

impl Pump {
    /// Shows or decides.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        match self.command {
            PumpCommand::Show(named) => show(&client, access, &named.pump),
            PumpCommand::Events(named) => events(&client, access, &named.pump),
            PumpCommand::Quarantine(it) => decide(&client, access, &it, Act::Quarantine, RouteId::ApiPumpQuarantine),
            PumpCommand::Watched(named) => watched(&client, access, &named.pump),
            PumpCommand::Release(it) => decide(&client, access, &it, Act::Release, RouteId::ApiPumpRelease),
            PumpCommand::Lost(it) => decide(&client, access, &it, Act::ReportLost, RouteId::ApiPumpLost),
            PumpCommand::Found(it) => decide(&client, access, &it, Act::Find, RouteId::ApiPumpFound),
            PumpCommand::Retire(it) => decide(&client, access, &it, Act::Retire, RouteId::ApiPumpRetire),
            PumpCommand::LoanerReturn(it) => {
                decide(&client, access, &it, Act::ReturnLoaner, RouteId::ApiPumpLoanerReturn)
            }
            PumpCommand::WipeReceipt(named) => wipe::show(&client, access, &named.pump),
            PumpCommand::ReEnrol(it) => decide(&client, access, &it, Act::ReEnrol, RouteId::ApiPumpReEnrol),
        }
    }
}

fn decide(client: &Client, access: &Access, decide: &Decide, act: Act, route: RouteId) -> anyhow::Result<()> {
    let id = target::find(client, &decide.pump)?;
    let answer = client.send(route, &[&id.to_string()], &Reason { reason: decide.reason.clone() })?;
    if access.json {
        return print::json(&answer);
    }
    decided(&typed(answer)?, act)
}

/// Says what a decision did.
pub fn decided(decided: &Decided, act: Act) -> anyhow::Result<()> {
    decided_as(decided, act, consequence(act))
}

/// Says what a decision did and what follows from it.
pub fn decided_as(decided: &Decided, act: Act, consequence: &str) -> anyhow::Result<()> {
    for refused in &decided.refused {
        eprintln!("not {}: {}", refused.pump, print::safe(&refused.why));
    }
    if decided.pumps.is_empty() {
        return Err(Fault::ends(Exit::Failed, format!("no pump was changed by this wish to {}", act.verb())));
    }
    let links = match decided.links_closed {
        0 => String::new(),
        1 => " 1 live link was closed.".into(),
        n => format!(" {n} live links were closed."),
    };
    let record = decided.audit.map(|number| format!(" Audit record {number}.")).unwrap_or_default();
    let pumps = if decided.pumps.len() == 1 { "1 pump".into() } else { format!("{} pumps", decided.pumps.len()) };
    println!("Done: {} ({pumps}).{links}{record}", act.verb());
    println!("{consequence}");
    Ok(())
}

fn show(client: &Client, access: &Access, name: &str) -> anyhow::Result<()> {
    let id = target::find(client, name)?;
    let answer = client.get(RouteId::ApiPump, &[&id.to_string()], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let pump: PumpDetail = typed(answer)?;
    let now = print::now();
    let row = &pump.row;
    println!("{}  {} {}  {}", row.asset_tag, row.model, row.serial, row.care_area);
    println!("{}", print::safe(&row.why));
    println!();
    let mut facts = vec![
        vec!["id".into(), row.id.to_string()],
        vec!["life".into(), row.lifecycle.to_string()],
        vec!["link".into(), format!("{}, heard {}", row.link, print::ago(row.last_seen, now))],
        vec!["therapy".into(), print::therapy(row.therapy).into()],
        vec!["owner".into(), row.owner.label().into()],
    ];
    if let Some(held) = &pump.held {
        let until = held.until.map(|until| format!(", until {}", print::moment(until))).unwrap_or_default();
        facts.push(vec![
            "held".into(),
            format!("{} since {}{until}, by {}", held.level, print::moment(held.since), held.by),
        ]);
    }
    if let Some(down) = &pump.down {
        facts.push(vec!["taken down".into(), format!("{} by {}: {}", print::moment(down.at), down.by, down.reason)]);
    }
    if let Some(certificate) = &pump.certificate {
        let until = print::moment(certificate.not_after);
        facts.push(vec!["certificate".into(), format!("{} until {until}", certificate.serial)]);
    }
    println!("{}", print::facts(facts));
    println!();
    let slots = pump.slots.iter().map(|slot| {
        vec![
            slot.kind.label().to_owned(),
            print::or_dash(slot.active),
            print::or_dash(slot.goal),
            format!("{}{}", print::phase(&slot.phase), print::age(slot.age_ms)),
            slot.why.clone(),
            slot.next.clone(),
        ]
    });
    println!("{}", print::table(&["slot", "active", "goal", "phase", "why", "next"], slots.collect()));
    Ok(())
}

fn watched(client: &Client, access: &Access, name: &str) -> anyhow::Result<()> {
    let id = target::find(client, name)?;
    let answer = client.get(RouteId::ApiPumpWatched, &[&id.to_string()], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let watched: WatchedEntries = typed(answer)?;
    if watched.total == 0 {
        println!("Nothing is recorded: `wardline quarantine {name} --level watch --reason …` begins it.");
        return Ok(());
    }
    let rows = watched.entries.iter().map(|entry| {
        let more = if entry.times > 1 { format!(" (and {} more)", entry.times - 1) } else { String::new() };
        vec![print::moment(entry.at), entry.what.clone(), format!("{}{more}", print::safe(&entry.detail))]
    });
    println!("{}", print::table(&["at", "what", "which"], rows.collect()));
    Ok(())
}

fn events(client: &Client, access: &Access, name: &str) -> anyhow::Result<()> {
    let id = target::find(client, name)?;
    let answer = client.get(RouteId::ApiPumpEvents, &[&id.to_string()], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let events: PumpEvents = typed(answer)?;
    let rows = events.events.iter().map(|event| {
        let late = event.received.since(event.at);
        let late = if late > Span::from_min(1) { format!("{late} later") } else { "at once".into() };
        vec![event.seq.to_string(), print::moment(event.at), late, event.what.clone(), event.text.clone()]
    });
    println!("{}", print::table(&["no", "at", "arrived", "what", "detail"], rows.collect()));
    Ok(())
}
