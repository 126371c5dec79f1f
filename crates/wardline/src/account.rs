//! `wardline account` and `wardline token`: people, and programs that act for them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{AccountChange, AccountRow, Accounts, MadeToken, NewAccount, NewToken, SignInLink, Tokens};
use wardline_model::{Role, Span};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::init::{at_the_command_line, open_store, read_config};
use crate::print;

/// People who may sign in. There is no default account and no password is ever set for somebody else: each person gets a
/// link that works once.
#[derive(Args)]
pub struct Account {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Subcommand)]
enum AccountCommand {
    /// All accounts
    List,
    /// Make an account and its one-time sign-in link
    Create(NamedRole),
    /// Give a person another role
    Role(NamedRole),
    /// Refuse sign-in and end every session
    Disable(Named),
    /// Allow sign-in again
    Enable(Named),
    /// Make a one-time sign-in link
    Link(Named),
}

#[derive(Args)]
struct NamedRole {
    /// The name to sign in with
    name: String,
    /// viewer, pharmacist, biomed, security or administrator
    #[arg(long)]
    role: Role,
}

#[derive(Args)]
struct Named {
    /// The name to sign in with
    name: String,
}

impl Account {
    /// Lists or changes.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        match self.command {
            AccountCommand::List => list(&client, access),
            AccountCommand::Create(it) => {
                let answer =
                    client.send(RouteId::ApiAccountCreate, &[], &NewAccount { name: it.name, role: it.role })?;
                link(answer, access)
            }
            AccountCommand::Link(it) => link(client.act(RouteId::ApiAccountLink, &[&it.name])?, access),
            AccountCommand::Role(it) => {
                let change = AccountChange { role: Some(it.role), disabled: None };
                changed(client.send(RouteId::ApiAccountChange, &[&it.name], &change)?, access)
            }
            AccountCommand::Disable(it) => {
                let change = AccountChange { role: None, disabled: Some(true) };
                changed(client.send(RouteId::ApiAccountChange, &[&it.name], &change)?, access)
            }
            AccountCommand::Enable(it) => {
                let change = AccountChange { role: None, disabled: Some(false) };
                changed(client.send(RouteId::ApiAccountChange, &[&it.name], &change)?, access)
            }
        }
    }
}

fn list(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiAccounts, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let accounts: Accounts = typed(answer)?;
    let now = print::now();
    let rows = accounts.accounts.iter().map(|account| {
        let state = if account.disabled { "disabled" } else { "active" };
        vec![account.name.clone(), account.role.to_string(), state.into(), print::ago(account.last_sign_in, now)]
    });
    println!("{}", print::table(&["name", "role", "state", "last sign-in"], rows.collect()));
    Ok(())
}

fn link(answer: serde_json::Value, access: &Access) -> anyhow::Result<()> {
    if access.json {
        return print::json(&answer);
    }
    let link: SignInLink = typed(answer)?;
    println!(
        "For {}, once, until {}: put this behind the console's address:",
        link.account,
        print::moment(link.expires)
    );
    println!("{}", print::safe(&link.path));
    Ok(())
}

fn changed(answer: serde_json::Value, access: &Access) -> anyhow::Result<()> {
    if access.json {
        return print::json(&answer);
    }
    let row: AccountRow = typed(answer)?;
    let state = if row.disabled { "disabled" } else { "active" };
    println!("{} is {} and {state}.", print::safe(&row.name), row.role);
    Ok(())
}

/// Tokens for this command line and for other programs. A token has one role and an end; it is shown once.
#[derive(Args)]
pub struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// All tokens
    List,
    /// Make one
    Create(CreateToken),
    /// Revoke one at once
    Revoke(Named),
}

#[derive(Args)]
struct CreateToken {
    /// What people call it
    name: String,
    /// viewer, pharmacist, biomed, security or administrator
    #[arg(long)]
    role: Role,
    /// How many days it lives, 1 to 365
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// Make it in the data folder of a hub that is not running, instead of asking a running one
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Token {
    /// Lists, makes or revokes.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        if let TokenCommand::Create(CreateToken { name, role, days, data: Some(data) }) = &self.command {
            return create_in_folder(data, name, *role, *days);
        }
        let client = Client::open(access)?;
        match self.command {
            TokenCommand::List => {
                let answer = client.get(RouteId::ApiTokens, &[], &[])?;
                if access.json {
                    return print::json(&answer);
                }
                let tokens: Tokens = typed(answer)?;
                let now = print::now();
                let rows = tokens.tokens.iter().map(|token| {
                    let used = print::ago(token.last_used, now);
                    vec![
                        token.name.clone(),
                        token.role.to_string(),
                        print::moment(token.expires),
                        used,
                        token.by.clone(),
                    ]
                });
                println!("{}", print::table(&["name", "role", "until", "last used", "made by"], rows.collect()));
                Ok(())
            }
            TokenCommand::Create(it) => {
                let new = NewToken { name: it.name, role: it.role, days: Some(it.days) };
                let answer = client.send(RouteId::ApiTokenCreate, &[], &new)?;
                if access.json {
                    return print::json(&answer);
                }
                let made: MadeToken = typed(answer)?;
                println!("{}", made.token);
                eprintln!("Shown once; it ends {}. Keep it with `wardline login`.", print::moment(made.expires));
                Ok(())
            }
            TokenCommand::Revoke(it) => {
                client.act(RouteId::ApiTokenRevoke, &[&it.name])?;
                println!("The token {} is revoked.", print::safe(&it.name));
                Ok(())
            }
        }
    }
}

/// Makes a token where no hub runs: whoever may read the hub's keys may do so, and the audit says it.
fn create_in_folder(data: &Path, name: &str, role: Role, days: u32) -> anyhow::Result<()> {
    let (folder, config) = read_config(data)?;
    let _lock = if config.database.is_none() { Some(folder.lock()?) } else { None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made = runtime.block_on(async {
        let (_, store) = open_store(&config, print::now()).await?;
        let by = at_the_command_line("made at the command line");
        let made = store.create_token(name, role, Span::from_days(u64::from(days)), &by).await;
        store.close().await;
        anyhow::Ok(made?)
    })?;
    println!("{}", made.secret);
    eprintln!("Shown once; it ends {}. Keep it with `wardline login`.", print::moment(made.row.expires));
    Ok(())
}
