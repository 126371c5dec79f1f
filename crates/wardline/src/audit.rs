//! `wardline audit`: who decided what, and whether anybody has touched the record since.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{AuditCheckpoint, AuditPage, AuditVerified};

use wardline_hub::config::Config;
use wardline_store::{AuditFault, AuditVerdict};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::init::{open_store, read_config};
use crate::{print, target};

/// Reads and verifies the audit trail: every decision and every refusal, chained by hashes and pinned by signatures.
///
/// Examples:
///   wardline audit list --pump P-0007
///   wardline audit verify
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Audit {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Records, newest first
    List(List),
    /// Verify the whole chain, at the hub or in a stopped hub's data folder; exit code 6 names the first bad record
    Verify(Verify),
    /// Sign a checkpoint of the chain, to be kept elsewhere
    Checkpoint,
}

#[derive(Args)]
struct Verify {
    /// The data folder of a hub that is not running, instead of asking a running one
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

#[derive(Args)]
struct List {
    /// Only this pump: asset tag, serial number or id
    #[arg(long)]
    pump: Option<String>,
    /// Only this person, token or rule
    #[arg(long)]
    actor: Option<String>,
    /// Only this kind of decision, such as pump.quarantine
    #[arg(long)]
    action: Option<String>,
    /// Which page, from 1
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// How many on a page, at most 500
    #[arg(long, default_value_t = 50)]
    size: u32,
}

impl Audit {
    /// Lists or verifies.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        match self.command {
            AuditCommand::List(list) => list.run(&Client::open(access)?, access),
            AuditCommand::Verify(Verify { data: Some(data) }) => verify_folder(&data),
            AuditCommand::Verify(Verify { data: None }) => verify(&Client::open(access)?, access),
            AuditCommand::Checkpoint => checkpoint(&Client::open(access)?, access),
        }
    }
}

impl List {
    fn run(self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let mut query = vec![("page", self.page.to_string()), ("size", self.size.to_string())];
        if let Some(pump) = &self.pump {
            query.push(("pump", target::find(client, pump)?.to_string()));
        }
        query.extend(self.actor.map(|actor| ("actor", actor)));
        query.extend(self.action.map(|action| ("action", action)));
        let answer = client.get(RouteId::ApiAudit, &[], &query)?;
        if access.json {
            return print::json(&answer);
        }
        let page: AuditPage = typed(answer)?;
        let rows = page.records.iter().map(|record| {
            vec![
                record.seq.to_string(),
                print::moment(record.at),
                record.actor.clone(),
                record.action.clone(),
                record.subject.clone(),
                record.outcome.clone(),
                record.reason.clone(),
            ]
        });
        println!("{}", print::table(&["no", "at", "who", "what", "on", "outcome", "why"], rows.collect()));
        println!("{} of {} records.", page.records.len(), page.total);
        Ok(())
    }
}

/// Verifies the chain in the database itself: no hub is believed, only the hub's audit key.
fn verify_folder(data: &Path) -> anyhow::Result<()> {
    let (folder, config) = read_config(data)?;
    let _lock = if config.database.is_none() { Some(folder.lock()?) } else { None };
    verify_database(&tokio::runtime::Builder::new_current_thread().enable_all().build()?, &config)
}

/// The same for whoever holds the folder's lock.
pub fn verify_database(runtime: &tokio::runtime::Runtime, config: &Config) -> anyhow::Result<()> {
    let verdict = runtime.block_on(async {
        let (keys, store) = open_store(config, print::now()).await?;
        let verdict = store.verify_audit(&keys.ed25519("audit")?.verifying_key(), None).await;
        store.close().await;
        anyhow::Ok(verdict?)
    })?;
    match verdict {
        AuditVerdict::Whole { records, pinned } => {
            println!("The audit trail is intact: {records} records, pinned by a signature up to record {pinned}.");
            Ok(())
        }
        AuditVerdict::Broken { number, fault } => {
            let why = match fault {
                AuditFault::Changed => "it is not what it was when it was written",
                AuditFault::Missing => "it is missing",
                AuditFault::Signature => "its checkpoint is not signed by this hub",
                AuditFault::Rewritten => "it is not the one that a checkpoint pinned",
            };
            Err(Fault::ends(
                Exit::NotInOrder,
                format!(
                    "the audit trail is not intact: record {number}: {why}. Keep the database as it is and call IT security."
                ),
            ))
        }
    }
}

fn verify(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.act(RouteId::ApiAuditVerify, &[])?;
    let verified: AuditVerified = typed(answer.clone())?;
    if access.json {
        print::json(&answer)?;
    }
    if !verified.intact {
        let record = verified.first_bad.map(|number| format!("record {number}")).unwrap_or_else(|| "the chain".into());
        let why = verified.why.unwrap_or_else(|| "it does not fit".into());
        return Err(Fault::ends(
            Exit::NotInOrder,
            format!("the audit trail is not intact: {record}: {why}. Keep the database as it is and call IT security."),
        ));
    }
    if !access.json {
        let pinned = verified.pinned.map(|number| format!(", pinned by a signature up to record {number}"));
        let records = verified.records.map(|count| format!("{count} records")).unwrap_or_else(|| "every record".into());
        println!("The audit trail is intact: {records}{}.", pinned.unwrap_or_default());
    }
    Ok(())
}

fn checkpoint(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.act(RouteId::ApiAuditCheckpoint, &[])?;
    if access.json {
        return print::json(&answer);
    }
    let checkpoint: AuditCheckpoint = typed(answer)?;
    println!("record     {}", checkpoint.seq);
    println!("hash       {}", checkpoint.hash);
    println!("signed at  {}", print::moment(checkpoint.at));
    println!("signature  {}", checkpoint.signature);
    println!("Keep these lines away from the hub: nobody can rewrite what lies before them unseen.");
    Ok(())
}
