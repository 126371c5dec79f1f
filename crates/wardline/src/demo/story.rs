//! What the demonstration's people do: import the list, sign and publish a library, roll it out, and once it is
//! everywhere, do the same with the next version.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wardline_api::RouteId;
use wardline_api::types::{ManifestResult, NewRollout, Releases, Rollouts};
use wardline_fleet::manifest::Line;
use wardline_library::Library;
use wardline_model::{Kind, Version};

use super::fleet;
use super::people::People;
use super::status::Seen;
use crate::client::{Client, typed};
use crate::data::DataFolder;
use crate::fault::{Exit, Fault};

/// How long the first version is everywhere before the second is published, so that people see it settled.
const ADMIRE_FIRST: Duration = Duration::from_secs(15);
/// The same for every later one: a demonstration that runs for hours goes on switching.
const ADMIRE: Duration = Duration::from_secs(300);

/// Whether the library has successors.
enum Successors {
    /// The invented one has.
    Invented,
    /// The hospital's own is rolled out as it is.
    None,
}

/// The story so far.
pub struct Story<'a> {
    client: &'a Client,
    people: People,
    /// What is to be published before anything else.
    coming: Option<Box<Library>>,
    successors: Successors,
    everywhere_since: Option<Instant>,
}

impl<'a> Story<'a> {
    /// Finds or invents the people, and looks where an earlier run has left the libraries. The hospital's own library must
    /// be new, or the one that is published already.
    pub fn begin(client: &'a Client, folder: &DataFolder, own: Option<Library>) -> anyhow::Result<Self> {
        let people = People::open_or_make(&folder.people())?;
        let (coming, successors) = match (people.newest()?, own) {
            (None, None) => (Some(demonstration(1)?), Successors::Invented),
            (None, Some(own)) => (Some(own), Successors::None),
            (Some(newest), None) => {
                let is_invented = demonstration(newest.version().0)? == newest;
                (None, if is_invented { Successors::Invented } else { Successors::None })
            }
            (Some(newest), Some(own)) if own == newest => (None, Successors::None),
            (Some(newest), Some(own)) if own.version() > newest.version() => (Some(own), Successors::None),
            (Some(newest), Some(own)) => {
                let message = format!(
                    "the drug library on the command line has version {}, and another one with version {newest} is published \
                     in this data folder: give yours a version above {newest}, or use another folder with --data",
                    own.version(),
                    newest = newest.version()
                );
                return Err(Fault::ends(Exit::NotInOrder, message));
            }
        };
        Ok(Self { client, people, coming: coming.map(Box::new), successors, everywhere_since: None })
    }

    /// The root that pumps and their therapy controllers pin.
    pub fn first_root(&self) -> anyhow::Result<Vec<u8>> {
        self.people.first_root()
    }

    /// Puts pumps on the hub's list that it does not know yet, and gives every pump that is simulated: those that the hub
    /// knows from an earlier run, and those that are new.
    pub fn expect(&self, known: Vec<Line>, asked: Option<Vec<Line>>) -> anyhow::Result<Vec<Line>> {
        let asked = match asked {
            Some(asked) => asked,
            None if known.is_empty() => fleet::invented(fleet::USUAL)?,
            None => Vec::new(),
        };
        let serials: BTreeSet<_> = known.iter().map(|line| (line.model.clone(), line.serial.clone())).collect();
        let is_new = |line: &Line| !serials.contains(&(line.model.clone(), line.serial.clone()));
        let new: Vec<Line> = asked.into_iter().filter(is_new).collect();
        fleet::check_count(known.len() + new.len())?;
        if !known.is_empty() {
            println!("The hub knows {} pumps already and goes on with them.", known.len());
        }
        if !new.is_empty() {
            let answer = self.client.upload(RouteId::ApiManifestImport, &[], csv(&new)?)?;
            let result: ManifestResult = typed(answer)?;
            if let Some(error) = result.errors.first() {
                let (line, column, expected) = (error.line, &error.column, &error.expected);
                anyhow::bail!("the hub did not take line {line} of the list: {column} {expected}");
            }
            println!("Biomed imported a list of {} pumps.", result.added);
        }
        Ok(known.into_iter().chain(new).collect())
    }

    /// The library that pumps come with from biomed: the first one that was ever published here.
    pub fn factory_library(&self) -> anyhow::Result<Library> {
        match (self.people.oldest()?, &self.coming) {
            (Some(oldest), _) => Ok(oldest),
            (None, Some(coming)) => Ok((**coming).clone()),
            (None, None) => demonstration(1),
        }
    }

    /// Publishes what is to be published first. It comes before the pumps, which pin its root as they enrol.
    pub fn publish_first(&mut self) -> anyhow::Result<()> {
        let Some(library) = self.coming.take() else {
            // What an earlier run signed and could not send any more.
            return self.people.send(self.client);
        };
        self.people.publish(self.client, &library)?;
        println!(
            "{} signed drug library {}; the hub verified and published it.",
            self.people.names(),
            library.version()
        );
        Ok(())
    }

    /// Starts the rollout of the newest release, unless it has one: to be called when pumps are there.
    pub fn roll_out(&self) -> anyhow::Result<Option<String>> {
        let Some(version) = self.newest()? else { return Ok(None) };
        let rollouts: Rollouts = typed(self.client.get(RouteId::ApiRollouts, &[], &[])?)?;
        if rollouts.rollouts.iter().any(|row| row.kind == Kind::DrugLibrary && row.version == version) {
            return Ok(None);
        }
        let new = NewRollout {
            kind: Kind::DrugLibrary,
            version,
            care_areas: Vec::new(),
            trial_cap: None,
            reason: format!("demonstration: library {version}, approved by two pharmacists"),
        };
        self.client.send(RouteId::ApiRolloutCreate, &[], &new)?;
        Ok(Some(format!("The rollout of drug library {version} has begun; each pump takes it between two infusions.")))
    }

    /// Goes on when a version is everywhere: the next one is signed, published and rolled out.
    pub fn go_on(&mut self, seen: &Seen) -> anyhow::Result<Option<String>> {
        if !seen.is_everywhere() || matches!(self.successors, Successors::None) {
            self.everywhere_since = None;
            return Ok(None);
        }
        let since = *self.everywhere_since.get_or_insert_with(Instant::now);
        let newest = self.newest()?.unwrap_or(Version(0));
        let admire = if newest == Version(1) { ADMIRE_FIRST } else { ADMIRE };
        if since.elapsed() < admire {
            return Ok(None);
        }
        self.everywhere_since = None;
        let next = newest.0 + 1;
        self.people.publish(self.client, &demonstration(next)?)?;
        let begun = self.roll_out()?.unwrap_or_default();
        Ok(Some(format!("Library {newest} is on every pump. {} signed library {next}. {begun}", self.people.names())))
    }

    fn newest(&self) -> anyhow::Result<Option<Version>> {
        let releases: Releases = typed(self.client.get(RouteId::ApiReleases, &[], &[])?)?;
        Ok(releases.releases.iter().filter(|row| row.kind == Kind::DrugLibrary).map(|row| row.version).max())
    }
}

fn demonstration(version: u64) -> anyhow::Result<Library> {
    wardline_library::demonstration(version)
        .map_err(|errors| anyhow::anyhow!("the demonstration library cannot be read: {errors:?}"))
}

/// The list as the CSV file that a hospital would have.
fn csv(list: &[Line]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["asset_tag", "model", "serial", "care_area", "mac", "note"])?;
    for line in list {
        writer.write_record([
            line.asset_tag.as_str(),
            line.model.as_str(),
            line.serial.as_str(),
            line.care_area.as_str(),
            line.mac.as_deref().unwrap_or_default(),
            line.note.as_deref().unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))
}
