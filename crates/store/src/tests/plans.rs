//! A page of a large fleet comes from indexes: read from the engines' own plans, with 20,000 pumps.

use sqlx::Row as _;
use wardline_model::{Lifecycle, Model};

use super::{World, on_both_engines};
use crate::pumps::{Conditions, page_of_ids};
use crate::{Engine, LinkFilter, PageRequest, PumpQuery, PumpSort, SortOrder};

/// The plan of the statement that finds a page's ids, as one text.
async fn plan(world: &World, q: &PumpQuery) -> String {
    let conditions = Conditions::of(q);
    let (explain, column) = match world.store.engine() {
        Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Engine::Postgres => ("EXPLAIN", 0),
    };
    let statement = crate::row::query(format!("{explain} {}", page_of_ids(q, &conditions)));
    let rows = conditions.bind(statement).bind(q.page.limit()).bind(q.page.offset());
    let rows = rows.fetch_all(&world.store.core.read).await.expect("a plan");
    rows.iter().map(|row| row.get::<String, _>(column)).collect::<Vec<_>>().join("\n")
}

fn sorts(plan: &str) -> bool {
    plan.contains("TEMP B-TREE") || plan.contains("Sort")
}

on_both_engines! {
    async fn a_page_of_twenty_thousand_pumps_is_read_from_an_index_and_not_sorted(world) {
        world.pumps(20_000).await;
        sqlx::query("ANALYZE").execute(&world.store.core.write).await.expect("statistics");
        let area = crate::tests::expected(0).care_area;
        let all = PumpQuery::default();
        let lifecycle = Some(Lifecycle::Expected);
        let served = [
            all.clone(),
            PumpQuery { sort: PumpSort::CareArea, ..all.clone() },
            PumpQuery { sort: PumpSort::Model, ..all.clone() },
            PumpQuery { sort: PumpSort::Lifecycle, ..all.clone() },
            PumpQuery { lifecycle, ..all.clone() },
            PumpQuery { care_area: Some(area.clone()), sort: PumpSort::CareArea, ..all.clone() },
            PumpQuery { model: Some(Model::new("Halcyon 3").expect("a model")), sort: PumpSort::Model, ..all.clone() },
            PumpQuery { link: Some(LinkFilter::Apart), ..all.clone() },
            PumpQuery { search: Some("p-1999".into()), ..all.clone() },
        ];
        for q in served {
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                let q = PumpQuery { order, ..q.clone() };
                let plan = plan(&world, &q).await;
                // A search that few rows fit may be cheaper to sort afterwards; SQLite does not count, PostgreSQL does.
                let may_sort = q.search.is_some() && world.store.engine() == Engine::Postgres;
                assert!(may_sort || !sorts(&plan), "{q:?}\n{plan}");
            }
        }
        // When something was last heard changes with every heartbeat, so no index keeps it (see `pumps::read`).
        let by_age = PumpQuery { sort: PumpSort::LastSeen, ..all.clone() };
        assert!(sorts(&plan(&world, &by_age).await), "an index on it would be written with every heartbeat");
        // The last page is as right as the first one.
        let page = PageRequest { page: 399, page_size: 50 };
        let last = world.store.pumps(&PumpQuery { page, ..all }).await.expect("a page");
        assert_eq!((last.rows.len(), last.total), (50, 20_000));
        assert_eq!(last.rows[49].asset_tag, crate::tests::expected(19_999).asset_tag);
    }
}
