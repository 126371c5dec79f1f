//! Reading the registry: one pump, a page of a long list, all of them, and how many of what.
//!
//! A page is found in the slim table of pumps first; only its rows fetch report, goal and certificate. Whatever an index
//! serves is sorted by that index, and a test reads the engines' own plans. When a pump was last heard of changes with
//! every heartbeat, so no index keeps it: such a list sorts what the filters leave.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::any::AnyRow;
use sqlx::query::Query;
use wardline_model::{
    AssetTag, CareArea, Generation, HoldSupport, Lifecycle, Model, PumpId, Report, Serial, Time, Wait,
};

use super::Quarantine;
use crate::certificates::{CertificateRow, CertificateState};
use crate::row::{from_word, maybe_moment, maybe_parse, moment, number, parse, query, text, word};
use crate::store::Trouble;
use crate::{Page, PageRequest, Store, StoreError};

/// The most words of a search.
const MOST_WORDS: usize = 8;

/// Where a pump is in its life, since when, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub lifecycle: Lifecycle,
    /// Who put it there, as [`crate::Actor`] prints.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Time,
}

/// Everything that the hub knows of one pump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PumpRow {
    /// Who it is.
    pub id: PumpId,
    /// The maker's model.
    pub model: Model,
    /// The maker's serial number.
    pub serial: Serial,
    /// The hospital's inventory number.
    pub asset_tag: AssetTag,
    /// Where it belongs.
    pub care_area: CareArea,
    /// Where it is in its life.
    pub standing: Standing,
    /// When anything was last heard of it.
    pub last_seen: Option<Time>,
    /// From which network address.
    pub last_place: Option<String>,
    /// Since when it has held a live link; `None` without one.
    pub linked_since: Option<Time>,
    /// Which hub process holds the link.
    pub link_node: Option<String>,
    /// Its clock minus the hub's, in milliseconds, when last compared.
    pub clock_offset_ms: Option<i64>,
    /// Whether its controller can grant a hold, as it last said.
    pub hold: HoldSupport,
    /// Its newest report.
    pub report: Option<Report>,
    /// When the hub received that report.
    pub report_received: Option<Time>,
    /// The newest goal's generation; zero when it has none.
    pub goal_generation: Generation,
    /// The newest goal, signed, as it is sent.
    pub goal: Option<Vec<u8>>,
    /// The certificate in use.
    pub certificate: Option<CertificateRow>,
    /// At which level it is held, why and until when, if it is.
    pub quarantine: Option<Quarantine>,
}

/// Whether a pump holds a live link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFilter {
    /// It does.
    Linked,
    /// It does not.
    Apart,
}

/// By what a list of pumps is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PumpSort {
    /// By inventory number.
    #[default]
    AssetTag,
    /// By care area, then inventory number.
    CareArea,
    /// By model, then serial.
    Model,
    /// By state.
    Lifecycle,
    /// By when last heard of.
    LastSeen,
    /// By since when something has been waiting.
    WaitingSince,
}

/// Which end first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest or oldest first.
    #[default]
    Ascending,
    /// Largest or newest first.
    Descending,
}

/// Which pumps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PumpQuery {
    /// Every word must occur in asset tag, serial, model, care area, place or id.
    pub search: Option<String>,
    /// Only in this state.
    pub lifecycle: Option<Lifecycle>,
    /// Only of this care area.
    pub care_area: Option<CareArea>,
    /// Only of this model.
    pub model: Option<Model>,
    /// Only with this reason to wait in some slot.
    pub wait: Option<Wait>,
    /// Only with or without a live link.
    pub link: Option<LinkFilter>,
    /// Sorted by.
    pub sort: PumpSort,
    /// Which end first.
    pub order: SortOrder,
    /// Which page.
    pub page: PageRequest,
}

/// How many pumps there are of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// All of them.
    pub total: u64,
    /// With a live link.
    pub linked: u64,
    /// Per state; every state is there.
    pub by_lifecycle: BTreeMap<Lifecycle, u64>,
    /// Per care area.
    pub by_care_area: BTreeMap<CareArea, u64>,
    /// Per model.
    pub by_model: BTreeMap<Model, u64>,
    /// Per reason to wait.
    pub by_wait: BTreeMap<Wait, u64>,
}

/// Every column of a [`PumpRow`], from the tables that hold them.
const SELECT: &str = "SELECT p.id, p.model, p.serial, p.asset_tag, p.care_area, p.lifecycle, p.lifecycle_by, \
    p.lifecycle_reason, p.lifecycle_since, p.last_seen, p.last_place, p.linked_since, p.link_node, p.clock_offset_ms, \
    p.hold, r.report, r.received, g.generation, g.signed, c.serial AS c_serial, c.fingerprint, c.not_before, c.not_after, \
    c.issued, p.quarantine_level, p.quarantine_former, p.quarantine_before, p.quarantine_cause, p.quarantine_by, \
    p.quarantine_reason, p.quarantine_since, p.quarantine_until FROM pumps p LEFT JOIN reports r ON r.pump = p.id LEFT JOIN goals g ON g.pump = p.id \
    LEFT JOIN certificates c ON c.pump = p.id AND c.state = 'current'";

impl PumpRow {
    fn read(row: &AnyRow) -> Result<Self, Trouble> {
        let id = parse(row, "id")?;
        let report: Option<String> = row.try_get("report")?;
        let report = report.map(|json| serde_json::from_str(&json)).transpose();
        let certificate = match row.try_get::<Option<String>, _>("c_serial")? {
            None => None,
            Some(serial) => Some(CertificateRow {
                serial,
                fingerprint: parse(row, "fingerprint")?,
                pump: id,
                not_before: moment(row, "not_before")?,
                not_after: moment(row, "not_after")?,
                issued: moment(row, "issued")?,
                state: CertificateState::Current,
                revocation: None,
            }),
        };
        let generation: Option<i64> = row.try_get("generation")?;
        Ok(Self {
            id,
            model: parse(row, "model")?,
            serial: parse(row, "serial")?,
            asset_tag: parse(row, "asset_tag")?,
            care_area: parse(row, "care_area")?,
            standing: Standing {
                lifecycle: parse(row, "lifecycle")?,
                by: text(row, "lifecycle_by")?,
                reason: text(row, "lifecycle_reason")?,
                since: moment(row, "lifecycle_since")?,
            },
            last_seen: maybe_moment(row, "last_seen")?,
            last_place: maybe_parse(row, "last_place")?,
            linked_since: maybe_moment(row, "linked_since")?,
            link_node: maybe_parse(row, "link_node")?,
            clock_offset_ms: row.try_get("clock_offset_ms")?,
            hold: from_word(&text(row, "hold")?, "pumps.hold")?,
            report: report.map_err(|_| StoreError::value(format!("reports.report of pump {id}")))?,
            report_received: maybe_moment(row, "received")?,
            goal_generation: Generation(generation.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)),
            goal: row.try_get("signed")?,
            certificate,
            quarantine: Quarantine::read(row)?,
        })
    }
}

/// A text for `LIKE`, in which only our own percent signs match anything.
fn like(word: &str) -> String {
    let escaped = word.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// Conditions with their values.
#[derive(Default)]
pub(crate) struct Conditions {
    texts: Vec<String>,
    values: Vec<String>,
}

impl Conditions {
    pub(crate) fn of(q: &PumpQuery) -> Self {
        let mut all = Self::default();
        for word in q.search.as_deref().unwrap_or("").split_whitespace().take(MOST_WORDS) {
            all.add("(p.search LIKE ? ESCAPE '\\' OR p.last_place LIKE ? ESCAPE '\\')", like(word));
        }
        if let Some(lifecycle) = q.lifecycle {
            all.add("p.lifecycle = ?", lifecycle.as_str().to_owned());
        }
        if let Some(care_area) = &q.care_area {
            all.add("p.care_area = ?", care_area.as_str().to_owned());
        }
        if let Some(model) = &q.model {
            all.add("p.model = ?", model.as_str().to_owned());
        }
        if let Some(wait) = q.wait {
            all.add("p.waits LIKE ?", format!("% {} %", word(&wait)));
        }
        match q.link {
            Some(LinkFilter::Linked) => all.texts.push("p.linked_since IS NOT NULL".to_owned()),
            Some(LinkFilter::Apart) => all.texts.push("p.linked_since IS NULL".to_owned()),
            None => {}
        }
        all
    }

    fn add(&mut self, text: &str, value: String) {
        self.values.push(value);
        self.texts.push(text.replace('?', &format!("${}", self.values.len())));
    }

    fn text(&self) -> String {
        if self.texts.is_empty() { String::new() } else { format!(" WHERE {}", self.texts.join(" AND ")) }
    }

    pub(crate) fn bind(
        &self,
        mut query: Query<'static, sqlx::Any, sqlx::any::AnyArguments>,
    ) -> Query<'static, sqlx::Any, sqlx::any::AnyArguments> {
        for value in &self.values {
            query = query.bind(value.clone());
        }
        query
    }
}

/// The sorting clause. Every column is ours; ties go by id, so that pages never overlap.
fn order(sort: PumpSort, order: SortOrder) -> String {
    let columns: &[&str] = match sort {
        PumpSort::AssetTag => &["p.asset_tag"],
        PumpSort::CareArea => &["p.care_area", "p.asset_tag"],
        PumpSort::Model => &["p.model", "p.serial"],
        PumpSort::Lifecycle => &["p.lifecycle", "p.asset_tag"],
        PumpSort::LastSeen => &["p.last_seen", "p.id"],
        PumpSort::WaitingSince => &["p.waiting_since", "p.id"],
    };
    let way = match order {
        SortOrder::Ascending => "ASC",
        SortOrder::Descending => "DESC",
    };
    // What is not known stands at the end, whichever way. The plain columns are never unknown, and an index serves them.
    let unknown = match sort {
        PumpSort::LastSeen | PumpSort::WaitingSince => " NULLS LAST",
        PumpSort::AssetTag | PumpSort::CareArea | PumpSort::Model | PumpSort::Lifecycle => "",
    };
    let columns: Vec<String> = columns.iter().map(|column| format!("{column} {way}{unknown}")).collect();
    columns.join(", ")
}

/// The statement that finds the ids of a page.
pub(crate) fn page_of_ids(q: &PumpQuery, conditions: &Conditions) -> String {
    let (condition, order, next) = (conditions.text(), order(q.sort, q.order), conditions.values.len() + 1);
    format!("SELECT p.id FROM pumps p{condition} ORDER BY {order} LIMIT ${next} OFFSET ${}", next + 1)
}

impl Store {
    /// The pump with this id.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pump(&self, id: PumpId) -> Result<Option<PumpRow>, StoreError> {
        self.one_pump("p.id = $1", vec![id.to_string()]).await
    }

    /// The pump of this model with this serial number.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pump_by_serial(&self, model: &Model, serial: &Serial) -> Result<Option<PumpRow>, StoreError> {
        self.one_pump("p.model = $1 AND p.serial = $2", vec![model.to_string(), serial.to_string()]).await
    }

    /// Pumps of any model with this serial number: a birth certificate does not always name its model.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pumps_with_serial(&self, serial: &Serial) -> Result<Vec<PumpRow>, StoreError> {
        self.step("reading pumps by serial number", async {
            let rows = query(format!("{SELECT} WHERE p.serial = $1 ORDER BY p.id")).bind(serial.to_string());
            rows.fetch_all(&self.core.read).await?.iter().map(PumpRow::read).collect()
        })
        .await
    }

    /// The pump with this asset tag.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pump_by_asset_tag(&self, tag: &AssetTag) -> Result<Option<PumpRow>, StoreError> {
        self.one_pump("p.asset_tag = $1", vec![tag.to_string()]).await
    }

    async fn one_pump(&self, condition: &str, values: Vec<String>) -> Result<Option<PumpRow>, StoreError> {
        self.step("reading a pump", async {
            let mut statement = query(format!("{SELECT} WHERE {condition}"));
            for value in values {
                statement = statement.bind(value);
            }
            statement.fetch_optional(&self.core.read).await?.as_ref().map(PumpRow::read).transpose()
        })
        .await
    }

    /// Pumps of a condition with one value, by id, at most so many.
    pub(crate) async fn pumps_where(
        &self,
        condition: &str,
        value: String,
        most: u32,
    ) -> Result<Vec<PumpRow>, StoreError> {
        self.step("reading pumps", async {
            let rows = query(format!("{SELECT} WHERE {condition} ORDER BY p.id LIMIT $2"));
            let rows = rows.bind(value).bind(i64::from(most)).fetch_all(&self.core.read).await?;
            rows.iter().map(PumpRow::read).collect()
        })
        .await
    }

    /// A page of pumps.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn pumps(&self, q: &PumpQuery) -> Result<Page<PumpRow>, StoreError> {
        let conditions = Conditions::of(q);
        self.step("reading a page of pumps", async {
            let count = query(format!("SELECT COUNT(*) AS total FROM pumps p{}", conditions.text()));
            let total = number(&conditions.bind(count).fetch_one(&self.core.read).await?, "total")?;
            let order = order(q.sort, q.order);
            let rows = query(format!("{SELECT} WHERE p.id IN ({}) ORDER BY {order}", page_of_ids(q, &conditions)));
            let rows = conditions.bind(rows).bind(q.page.limit()).bind(q.page.offset());
            let rows = rows.fetch_all(&self.core.read).await?;
            let rows = rows.iter().map(PumpRow::read).collect::<Result<_, _>>()?;
            Ok(Page { rows, total, request: q.page })
        })
        .await
    }

    /// Every pump, by id: for the planner and for exports.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn all_pumps(&self) -> Result<Vec<PumpRow>, StoreError> {
        self.step("reading the fleet", async {
            let rows = query(format!("{SELECT} ORDER BY p.id")).fetch_all(&self.core.read).await?;
            rows.iter().map(PumpRow::read).collect()
        })
        .await
    }

    /// How many pumps there are of what.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn fleet_counts(&self) -> Result<FleetCounts, StoreError> {
        self.step("counting the fleet", async {
            let sql = "SELECT lifecycle, care_area, model, waits, COUNT(*) AS pumps, COUNT(linked_since) AS linked \
                       FROM pumps GROUP BY lifecycle, care_area, model, waits";
            let rows = sqlx::query(sql).fetch_all(&self.core.read).await?;
            let mut counts = FleetCounts::default();
            counts.by_lifecycle.extend(Lifecycle::ALL.map(|lifecycle| (lifecycle, 0)));
            for row in &rows {
                let pumps = number(row, "pumps")?;
                counts.total += pumps;
                counts.linked += number(row, "linked")?;
                *counts.by_lifecycle.entry(parse(row, "lifecycle")?).or_default() += pumps;
                *counts.by_care_area.entry(parse(row, "care_area")?).or_default() += pumps;
                *counts.by_model.entry(parse(row, "model")?).or_default() += pumps;
                for wait in text(row, "waits")?.split_whitespace() {
                    *counts.by_wait.entry(from_word(wait, "pumps.waits")?).or_default() += pumps;
                }
            }
            Ok(counts)
        })
        .await
    }
}
