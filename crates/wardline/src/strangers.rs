//! `wardline strangers`: who was refused at the door, and which keys seem to be in two hands.

use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{Reason, Strangers, Suspects};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::{print, target};

const EXAMPLES: &str = "\
Examples:
  wardline strangers                              the newest refusals, counted
  wardline strangers --search 10.7.4 --reason expired
  wardline strangers clones                       signs that a key is in two hands
  wardline strangers seen P-0007 --reason \"board swapped in the workshop, key revoked\"";

/// Refused peers, counted by what they claimed and where they came from; and signs of copied keys.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct StrangersArgs {
    #[command(subcommand)]
    command: Option<Sub>,
    /// Only with this in the claim or the place
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only refused for this reason, such as expired or replaced-certificate
    #[arg(long, value_name = "WORD")]
    reason: Option<String>,
    /// Which page, of 100 each
    #[arg(long, default_value_t = 1)]
    page: u32,
}

#[derive(Subcommand)]
enum Sub {
    /// Signs that a pump's key is in two hands or is misused, the open ones first
    Clones,
    /// You have seen to the signs about a pump; they open again when they are seen again
    Seen(Seen),
}

#[derive(Args)]
struct Seen {
    /// Asset tag, serial number or id
    pump: String,
    /// What it was: it is kept in the audit trail
    #[arg(long, short)]
    reason: String,
}

impl StrangersArgs {
    /// Shows, or closes.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        match &self.command {
            None => self.list(&client, access),
            Some(Sub::Clones) => clones(&client, access),
            Some(Sub::Seen(it)) => {
                let id = target::find(&client, &it.pump)?;
                let reason = Reason { reason: it.reason.clone() };
                client.send(RouteId::ApiSuspectsClose, &[&id.to_string()], &reason)?;
                println!("Seen to. They open again when they are seen again.");
                Ok(())
            }
        }
    }

    fn list(&self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let mut query = vec![("page", self.page.to_string())];
        query.extend(self.search.clone().map(|text| ("search", text)));
        query.extend(self.reason.clone().map(|word| ("reason", word)));
        let answer = client.get(RouteId::ApiStrangers, &[], &query)?;
        if access.json {
            return print::json(&answer);
        }
        let found: Strangers = typed(answer)?;
        let now = print::now();
        let rows = found
            .strangers
            .into_iter()
            .map(|row| vec![row.source, row.claim, row.why, row.times.to_string(), print::ago(Some(row.last), now)]);
        println!("{}", print::table(&["from", "claimed", "why refused", "times", "last"], rows.collect()));
        println!("{} kinds in all.", found.total);
        Ok(())
    }
}

fn clones(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiSuspects, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let found: Suspects = typed(answer)?;
    if found.suspects.is_empty() {
        println!("No key seems to be in two hands.");
        return Ok(());
    }
    let now = print::now();
    let rows = found.suspects.into_iter().map(|sign| {
        let held = sign.level.map_or_else(|| "-".into(), |level| level.to_string());
        let closed = sign.closed.map_or_else(|| "open".into(), |_| format!("seen to by {}", sign.closed_by));
        let (times, last) = (sign.times.to_string(), print::ago(Some(sign.last), now));
        vec![sign.asset_tag.to_string(), sign.kind, times, last, held, closed, sign.detail]
    });
    println!("{}", print::table(&["pump", "sign", "times", "last", "held at", "state", "what"], rows.collect()));
    Ok(())
}
