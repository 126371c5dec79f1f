//! `wardline profile`: what a new pump starts with, and which care area gets which.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{AssignProfile, NewProfiles, Profiles};
use wardline_fleet::profile::{Book, Profile as Wishes, ProfileName, Wanted};
use wardline_model::{CareArea, Kind, PerKind, Version};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::{print, target};

/// Says what a new pump starts with.
///
/// A profile is a named set of first goals, one for each kind of release: `settled` (what at least half of the fleet
/// runs), `newest` (the newest published), a version's number, or `nothing`. A care area has a profile, and a pump may
/// have one of its own. A pump gets its first goal once, when it has linked for the first time; it keeps the goals that it
/// has, and no rollout is overtaken: a pump that was here before a release waits for its ring.
///
/// Examples:
///   wardline profile set "General ward" --drug-library settled --wireless-profile settled
///   wardline profile area "Intensive care" "ICU"
///   wardline profile otherwise "General ward"
///   wardline profile assign P-0007 P-0008 --profile Loaners
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Profile {
    #[command(subcommand)]
    command: ProfileCommand,
}

#[derive(Subcommand)]
enum ProfileCommand {
    /// Every profile, and who gets which
    List,
    /// Make or change a profile; a kind that is not named gets nothing
    Set(Set),
    /// Take a profile away
    Delete {
        /// Its name
        name: ProfileName,
    },
    /// Say which profile a care area's new pumps get
    Area {
        /// The care area
        care_area: CareArea,
        /// The profile; left out, that of every other care area
        profile: Option<ProfileName>,
    },
    /// Say which profile every other care area's new pumps get
    Otherwise {
        /// The profile; left out, none: only rollouts reach them
        profile: Option<ProfileName>,
    },
    /// Give pumps a profile of their own
    Assign {
        /// Asset tags, serial numbers or ids
        #[arg(required = true)]
        pumps: Vec<String>,
        /// The profile; left out, that of their care area counts again
        #[arg(long)]
        profile: Option<ProfileName>,
    },
}

#[derive(Args)]
struct Set {
    /// Its name
    name: ProfileName,
    /// What a new pump's drug library starts with: settled, newest, a version, or nothing
    #[arg(long, value_parser = wanted, default_value = "nothing")]
    drug_library: Wanted,
    /// The same for its wireless profile
    #[arg(long, value_parser = wanted, default_value = "nothing")]
    wireless_profile: Wanted,
    /// The same for its firewall policy
    #[arg(long, value_parser = wanted, default_value = "nothing")]
    firewall_policy: Wanted,
    /// The same for its trust anchors
    #[arg(long, value_parser = wanted, default_value = "nothing")]
    trust_anchors: Wanted,
    /// The same for its firmware
    #[arg(long, value_parser = wanted, default_value = "nothing")]
    firmware: Wanted,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    match text {
        "nothing" => Ok(Wanted::Nothing),
        "settled" => Ok(Wanted::Settled),
        "newest" => Ok(Wanted::Newest),
        number => {
            let version = number.parse().map(|number| Wanted::Version(Version(number)));
            version.map_err(|_| "expected settled, newest, nothing, or a version's number".to_owned())
        }
    }
}

fn wish(wanted: Wanted) -> String {
    match wanted {
        Wanted::Nothing => "-".into(),
        Wanted::Settled => "settled".into(),
        Wanted::Newest => "newest".into(),
        Wanted::Version(version) => version.to_string(),
    }
}

impl Profile {
    /// Shows or changes.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        match self.command {
            ProfileCommand::List => list(&client, access),
            ProfileCommand::Assign { pumps, profile } => {
                let pumps = target::find_all(&client, &pumps)?;
                let order = AssignProfile { pumps, profile: profile.map(|name| name.to_string()) };
                client.send(RouteId::ApiProfileAssign, &[], &order)?;
                println!("Done. Pumps that have a goal keep it.");
                Ok(())
            }
            ProfileCommand::Set(set) => {
                let wants = PerKind::from_fn(|kind| match kind {
                    Kind::DrugLibrary => set.drug_library,
                    Kind::WirelessProfile => set.wireless_profile,
                    Kind::FirewallPolicy => set.firewall_policy,
                    Kind::TrustAnchors => set.trust_anchors,
                    Kind::Firmware => set.firmware,
                });
                let why = format!("profile {} set", set.name);
                change(&client, access, &why, |book| {
                    book.profiles.insert(set.name, Wishes(wants));
                })
            }
            ProfileCommand::Delete { name } => {
                let (book, _) = load(&client)?;
                if !book.profiles.contains_key(&name) {
                    return Err(Fault::ends(Exit::NotFound, format!("there is no profile {name}")));
                }
                change(&client, access, &format!("profile {name} taken away"), |book| {
                    book.profiles.remove(&name);
                })
            }
            ProfileCommand::Area { care_area, profile } => {
                change(&client, access, &format!("profile of {care_area} set"), |book| match profile {
                    Some(name) => drop(book.care_areas.insert(care_area, name)),
                    None => drop(book.care_areas.remove(&care_area)),
                })
            }
            ProfileCommand::Otherwise { profile } => {
                change(&client, access, "profile of every other care area set", |book| book.otherwise = profile)
            }
        }
    }
}

fn load(client: &Client) -> anyhow::Result<(Book, u64)> {
    let profiles: Profiles = typed(client.get(RouteId::ApiProfiles, &[], &[])?)?;
    let book = serde_json::from_value(profiles.book).context("the hub's profiles cannot be read by this version")?;
    Ok((book, profiles.revision))
}

fn change(client: &Client, access: &Access, why: &str, change: impl FnOnce(&mut Book)) -> anyhow::Result<()> {
    let (mut book, revision) = load(client)?;
    change(&mut book);
    book.check().map_err(|why| Fault::ends(Exit::NotInOrder, why.to_string()))?;
    let new = NewProfiles { revision, book: serde_json::to_value(&book)?, reason: why.to_owned() };
    client.send(RouteId::ApiProfilesSet, &[], &new)?;
    list(client, access)
}

fn list(client: &Client, access: &Access) -> anyhow::Result<()> {
    if access.json {
        return print::json(&client.get(RouteId::ApiProfiles, &[], &[])?);
    }
    let (book, _) = load(client)?;
    let kinds = [Kind::DrugLibrary, Kind::WirelessProfile, Kind::FirewallPolicy, Kind::TrustAnchors, Kind::Firmware];
    let rows = book.profiles.iter().map(|(name, profile)| {
        let mut row = vec![name.to_string()];
        row.extend(kinds.iter().map(|kind| wish(*profile.0.get(*kind))));
        row
    });
    let header = ["profile", "drug library", "wireless", "firewall", "trust", "firmware"];
    println!("{}", print::table(&header, rows.collect()));
    let mut areas: Vec<Vec<String>> =
        book.care_areas.iter().map(|(area, name)| vec![area.to_string(), name.to_string()]).collect();
    areas.push(vec!["(every other)".into(), print::or_dash(book.otherwise.as_ref())]);
    println!("\n{}", print::table(&["care area", "profile"], areas));
    Ok(())
}
