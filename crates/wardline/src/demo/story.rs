//! What the demonstration's people do: import the list, sign and publish a library, roll it out, and once it is
//! everywhere, do the same with the next version.

use std::path::Path;
use std::time::{Duration, Instant};

use wardline_api::RouteId;
use wardline_api::types::{ManifestResult, NewRollout, PumpPage, Releases, Rollouts};
use wardline_fleet::manifest::Line;
use wardline_library::Library;
use wardline_model::{Kind, Version};

use super::people::People;
use super::status::Seen;
use crate::client::{Client, typed};
use crate::data::DataFolder;
use crate::release;

/// How long the first version is everywhere before the second is published, so that people see it settled.
const ADMIRE_FIRST: Duration = Duration::from_secs(15);
/// The same for every later one: a demonstration that runs for hours goes on switching.
const ADMIRE: Duration = Duration::from_secs(300);

/// The library that the demonstration starts with.
pub enum FirstLibrary {
    /// The invented one, which has successors.
    Demonstration,
    /// The hospital's own, which is rolled out once.
    Own(Box<Library>),
}

impl FirstLibrary {
    /// Reads the hospital's own, if one is named; every bad row is told.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Demonstration) };
        release::read_library(path).map(|library| Self::Own(Box::new(library)))
    }
}

/// The story so far.
pub struct Story<'a> {
    client: &'a Client,
    people: People,
    first: FirstLibrary,
    everywhere_since: Option<Instant>,
}

impl<'a> Story<'a> {
    /// Finds or invents the people; nothing has happened yet.
    pub fn begin(client: &'a Client, folder: &DataFolder, first: FirstLibrary) -> anyhow::Result<Self> {
        let people = People::open_or_make(&folder.people())?;
        Ok(Self { client, people, first, everywhere_since: None })
    }

    /// The root that pumps and their therapy controllers pin.
    pub fn first_root(&self) -> anyhow::Result<Vec<u8>> {
        self.people.first_root()
    }

    /// Puts the pumps on the hub's list, unless they are on it already.
    pub fn expect(&self, list: &[Line]) -> anyhow::Result<()> {
        let known: PumpPage = typed(self.client.get(RouteId::ApiPumps, &[], &[("size", "1".into())])?)?;
        if known.total > 0 {
            println!("The hub knows {} pumps already and goes on with them.", known.total);
            return Ok(());
        }
        let answer = self.client.upload(RouteId::ApiManifestImport, &[], csv(list)?)?;
        let result: ManifestResult = typed(answer)?;
        if let Some(error) = result.errors.first() {
            anyhow::bail!("the hub did not take line {} of the list: {} {}", error.line, error.column, error.expected);
        }
        println!("Biomed imported a list of {} pumps.", result.added);
        Ok(())
    }

    /// The library that pumps come with from biomed: the first one, before anything was rolled out.
    pub fn factory_library(&self) -> anyhow::Result<Library> {
        match &self.first {
            FirstLibrary::Demonstration => demonstration(1),
            FirstLibrary::Own(library) => Ok((**library).clone()),
        }
    }

    /// Publishes the first library, unless one is published. It comes before the pumps, which pin its root as they enrol.
    pub fn publish_first(&self) -> anyhow::Result<()> {
        if self.newest()?.is_some() {
            return Ok(());
        }
        let library = self.factory_library()?;
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
        if !seen.is_everywhere() || matches!(self.first, FirstLibrary::Own(_)) {
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
