//! `wardline quarantine`: one pump or a chosen set, at a level, with an end, a preview, and the way back.
//!
//! All names are looked up before anything is done, and a set that must be looked at first is shown first.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use wardline_api::RouteId;
use wardline_api::types::{ChosenPumps, Decided, HeldPumps, Preview, PreviewOf, Reason, TakeDownRule, TakeDownRules};
use wardline_fleet::lifecycle::Act;
use wardline_fleet::takedown;
use wardline_model::{PumpId, QuarantineLevel};

use crate::cli::Access;
use crate::client::{Client, typed};
use crate::fault::{Exit, Fault};
use crate::{print, pump, target};

/// The largest list of pumps that is read from a file: 500 asset tags have 20 KiB.
const LARGEST_LIST: u64 = 1 << 20;

const LEVELS: &str = "\
Levels, none of which touches therapy:
  watch        it works on as before, and everything that it does with the hub is recorded
  remediate    its link lives for goals, releases and posture, and for nothing else
  cut          no link, no handshake, its certificate on hold, no Wi-Fi (the default)

A quarantine with an end (--for) ends only for a pump that has proven its posture by then; the others stay and wait for a
person. Large sets, and those that would leave a care area with less than half of its pumps, are shown first; the command
then prints what to add.

Examples:
  wardline quarantine P-0007 --reason \"scans the network\"
  wardline quarantine P-0007 --level remediate --for 2h --reason \"old firmware, to be mended\"
  wardline quarantine --file stolen.csv --preview
  wardline quarantine undo P-0007 --reason \"it was our own scanner\"
  wardline quarantine list
  wardline quarantine rules clone --level cut --most-pumps 3";

/// Takes pumps down at once, at a level, and gives them back. Other pumps notice nothing.
#[derive(Args)]
#[command(after_help = LEVELS, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Quarantine {
    #[command(subcommand)]
    command: Option<Sub>,
    /// Asset tags, serial numbers or ids
    #[arg(required_unless_present = "file")]
    pumps: Vec<String>,
    /// A list of pumps: one to a line, or a CSV whose first column names them
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Why: it is kept in the audit trail, told to the pump, and shown to the next shift
    #[arg(long, short, required_unless_present = "preview")]
    reason: Option<String>,
    /// How hard: watch, remediate or cut
    #[arg(long, value_name = "LEVEL", default_value_t = QuarantineLevel::Cut)]
    level: QuarantineLevel,
    /// When it ends, if the pump has proven its posture by then: 30m, 2h, 3d
    #[arg(long = "for", value_name = "TIME", value_parser = minutes)]
    minutes: Option<u32>,
    /// Show what it would do, and do nothing
    #[arg(long)]
    preview: bool,
    /// The word that the preview of this set printed
    #[arg(long, value_name = "WORD")]
    seen: Option<String>,
    /// Give them back instead
    #[arg(long)]
    undo: bool,
}

#[derive(Subcommand)]
enum Sub {
    /// Take the newest decision about each pump back: the level before it, or no quarantine
    Undo(Undo),
    /// Every pump that is held at some level, with why, by whom and until when
    List,
    /// Show the rules by which the hub takes pumps down by itself, or set them
    Rules(RulesArgs),
}

/// Shows the rules, or sets what is named and leaves the rest.
#[derive(Args)]
struct RulesArgs {
    /// Which rule: clone (a copied key) or misuse (a certificate that names another pump)
    #[arg(value_parser = ["clone", "misuse"])]
    rule: Option<String>,
    /// Whether it acts by itself; people are told either way
    #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"], requires = "rule")]
    acts: Option<String>,
    /// At which level it holds a pump
    #[arg(long, value_name = "LEVEL", requires = "rule")]
    level: Option<QuarantineLevel>,
    /// The most pumps that it may hold at one time without a person
    #[arg(long, value_name = "1-100", requires = "rule")]
    most_pumps: Option<u32>,
    /// And at most this share of the fleet
    #[arg(long, value_name = "1-20", requires = "rule")]
    most_percent: Option<u32>,
    /// Whether a pump that a person holds at remediate is given back when it has proven its posture
    #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
    give_back: Option<String>,
}

#[derive(Args)]
struct Undo {
    /// Asset tags, serial numbers or ids
    #[arg(required = true)]
    pumps: Vec<String>,
    /// Why: it is kept in the audit trail and shown to the next shift
    #[arg(long, short)]
    reason: String,
}

/// `30m`, `2h`, `3d` as minutes.
fn minutes(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is not a length of time: expected a number with m, h or d, such as 2h");
    let units = [('m', 1), ('h', 60), ('d', 60 * 24)];
    let found = units.into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (number, factor) = found.ok_or_else(wrong)?;
    number.parse::<u32>().ok().and_then(|number| number.checked_mul(factor)).filter(|n| *n > 0).ok_or_else(wrong)
}

impl Quarantine {
    /// Takes down, shows, or gives back.
    pub fn run(self, access: &Access) -> anyhow::Result<()> {
        let client = Client::open(access)?;
        match &self.command {
            Some(Sub::Undo(it)) => return back(&client, access, RouteId::ApiPumpUndo, &it.pumps, &it.reason),
            Some(Sub::List) => return list(&client, access),
            Some(Sub::Rules(it)) => return it.run(&client, access),
            None => {}
        }
        let reason = self.reason.clone().unwrap_or_default();
        let mut names = self.pumps.clone();
        if let Some(file) = &self.file {
            names.extend(read_list(file)?);
        }
        if self.undo {
            return back(&client, access, RouteId::ApiPumpRelease, &names, &reason);
        }
        let pumps = target::find_all(&client, &names)?;
        let preview = self.look(&client, &pumps)?;
        if self.preview {
            return show(access, &preview);
        }
        if let Some(why) = preview.demanded.as_ref().filter(|_| self.seen.as_ref() != Some(&preview.seen)) {
            show(&Access { json: false, ..access.clone() }, &preview)?;
            let next = format!("{why}. If that is what you want, say it again with --seen {}", preview.seen);
            return Err(Fault::ends(Exit::NotInOrder, next));
        }
        let chosen =
            ChosenPumps { pumps, reason, level: Some(self.level), minutes: self.minutes, seen: Some(preview.seen) };
        let answer = client.send(RouteId::ApiPumpsQuarantine, &[], &chosen)?;
        if access.json {
            return print::json(&answer);
        }
        pump::decided_as(&typed(answer)?, Act::Quarantine, takedown::consequence(self.level))
    }

    fn look(&self, client: &Client, pumps: &[PumpId]) -> anyhow::Result<Preview> {
        let of = PreviewOf { pumps: pumps.to_vec(), level: Some(self.level) };
        typed(client.send(RouteId::ApiPumpsPreview, &[], &of)?)
    }
}

/// Says what a decision would do.
fn show(access: &Access, preview: &Preview) -> anyhow::Result<()> {
    if access.json {
        return print::json(&serde_json::to_value(preview)?);
    }
    println!("{} pumps at the level {}: {}", preview.pumps, preview.level, takedown::consequence(preview.level));
    println!(
        "{} hold a link; {} have a program now, and of {} nobody knows. Therapy is not touched.",
        preview.linked, preview.infusing, preview.unknown
    );
    println!();
    let rows = preview.areas.iter().map(|area| {
        let left = format!("{} of {}", area.left, area.in_service);
        vec![area.care_area.to_string(), area.chosen.to_string(), area.infusing.to_string(), left]
    });
    println!("{}", print::table(&["care area", "chosen", "with a program", "left in service"], rows.collect()));
    for refused in &preview.refused {
        println!("left alone: {} ({})", refused.pump, print::safe(&refused.why));
    }
    Ok(())
}

fn back(client: &Client, access: &Access, route: RouteId, names: &[String], reason: &str) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    for id in target::find_all(client, names)? {
        let reason = Reason { reason: reason.to_owned() };
        answers.push(client.send(route, &[&id.to_string()], &reason)?);
    }
    if access.json {
        return print::json(&answers.into());
    }
    for answer in answers {
        pump::decided(&typed::<Decided>(answer)?, Act::Release)?;
    }
    Ok(())
}

fn list(client: &Client, access: &Access) -> anyhow::Result<()> {
    let answer = client.get(RouteId::ApiHeldPumps, &[], &[])?;
    if access.json {
        return print::json(&answer);
    }
    let held: HeldPumps = typed(answer)?;
    if held.pumps.is_empty() {
        println!("No pump is held.");
        return Ok(());
    }
    let rows = held.pumps.into_iter().map(|row| {
        let until = row.held.until.map_or_else(|| "-".into(), print::moment);
        let (level, since) = (row.held.level.to_string(), print::moment(row.held.since));
        vec![row.asset_tag.to_string(), level, since, until, row.held.by, row.held.reason]
    });
    println!("{}", print::table(&["pump", "level", "since", "until", "by", "why"], rows.collect()));
    Ok(())
}

impl RulesArgs {
    fn run(&self, client: &Client, access: &Access) -> anyhow::Result<()> {
        let mut answer = client.get(RouteId::ApiTakeDownRules, &[], &[])?;
        let mut rules: TakeDownRules = typed(answer.clone())?;
        if let Some(name) = &self.rule {
            let rule = if name == "clone" { &mut rules.clone } else { &mut rules.misuse };
            rule.on = self.acts.as_ref().map_or(rule.on, |word| word == "yes");
            rule.level = self.level.unwrap_or(rule.level);
            rule.most_pumps = self.most_pumps.unwrap_or(rule.most_pumps);
            rule.most_percent = self.most_percent.unwrap_or(rule.most_percent);
        }
        if let Some(word) = &self.give_back {
            rules.give_back = word == "yes";
        }
        if self.rule.is_some() || self.give_back.is_some() {
            answer = client.send(RouteId::ApiTakeDownRulesSet, &[], &rules)?;
        }
        if access.json {
            return print::json(&answer);
        }
        let row = |name: &str, rule: &TakeDownRule| {
            let acts = if rule.on { "by itself" } else { "tells people" };
            let most = format!("{} pumps, {} %", rule.most_pumps, rule.most_percent);
            vec![name.to_owned(), acts.to_owned(), rule.level.to_string(), most]
        };
        let rows = vec![row("clone", &rules.clone), row("misuse", &rules.misuse)];
        println!("{}", print::table(&["rule", "acts", "level", "at most at one time"], rows));
        let given = if rules.give_back { "are given back" } else { "wait for a person" };
        println!("Pumps that a person holds at remediate {given} when they have proven their posture.");
        Ok(())
    }
}

fn read_list(file: &std::path::Path) -> anyhow::Result<Vec<String>> {
    let place = file.display();
    if std::fs::metadata(file).with_context(|| format!("{place} cannot be read"))?.len() > LARGEST_LIST {
        bail!("{place} is larger than 1 MiB: a list of pumps is one asset tag to a line");
    }
    let names = names(&std::fs::read_to_string(file).with_context(|| format!("{place} cannot be read as text"))?);
    if names.is_empty() {
        bail!("{place} names no pump: expected one asset tag, serial number or id to a line");
    }
    Ok(names)
}

/// The first column of each line, without a header and comments.
fn names(text: &str) -> Vec<String> {
    let is_header = |name: &str| {
        matches!(
            name.to_ascii_lowercase().as_str(),
            "asset_tag" | "asset tag" | "serial" | "serial_number" | "id" | "pump"
        )
    };
    text.trim_start_matches('\u{feff}')
        .lines()
        .filter_map(|line| line.split([',', ';', '\t']).next())
        .map(|name| name.trim().trim_matches('"').trim())
        .filter(|name| !name.is_empty() && !name.starts_with('#') && !is_header(name))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{minutes, names};

    #[test]
    fn a_list_is_one_name_to_a_line_or_the_first_column_of_a_spreadsheet() {
        let list = "\u{feff}asset_tag,care_area\r\nP-0007,ICU\r\n\"P-0008\";Oncology\n# stolen\n\n P-0009 \n";
        assert_eq!(names(list), ["P-0007", "P-0008", "P-0009"]);
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!((minutes("30m"), minutes("2h"), minutes("3d")), (Ok(30), Ok(120), Ok(4_320)));
        for wrong in ["", "h", "2", "0h", "-1h", "2w", "99999999d", "2ü"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }
}
