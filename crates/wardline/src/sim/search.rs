//! `wardline sim search`: the exhaustive search of one pump, and what it proves.
//!
//! It searches the very machines that this program runs, with all their rules: the tests that take a rule away are in
//! none of our programs. It claims a never event only for scenes that put it to the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use wardline_sim::search::{Found, Keeps, Never, STATES_MOST, Scene, Verdict, run, scenes};

use crate::fault::{Exit, Fault};
use crate::print;

/// Searches one pump exhaustively. From the first moment of each scene every order of what may happen is tried: nurses,
/// alarms, power lost before and after every write, a network that goes, bad releases, a stolen hub or agent. Prints how
/// many states were visited and which never events (docs/safety.md) were put to the test and hold; or the shortest story
/// of one that is broken, with exit code 6.
///
/// Example:
///   wardline sim search --scene library
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Search {
    /// Only this scene
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    scene: Option<String>,
    /// Name the scenes, and search none
    #[arg(long)]
    list: bool,
    /// Print JSON for scripts
    #[arg(long)]
    json: bool,
}

/// The most scenes that are searched at once: each may need some 100 MB.
const THREADS_MOST: usize = 8;

/// A scene, what was found in it, and how long that took.
#[derive(Clone)]
struct Searched {
    scene: Scene,
    found: Found,
    took: Duration,
}

impl Search {
    /// Searches, prints, and fails when something is broken.
    pub fn run(self) -> anyhow::Result<()> {
        let scenes = self.chosen()?;
        if self.list {
            return self.name(&scenes);
        }
        let began = Instant::now();
        let searched = self.search(&scenes)?;
        if self.json {
            print::json(&searched.iter().map(Searched::to_json).collect())?;
        } else {
            println!("{}", table(&searched));
            println!("{}", total(&searched, began.elapsed()));
        }
        in_order(&searched)
    }

    /// Searches the scenes, several at once: each is one thread's work for seconds, and shares nothing with the others.
    fn search(&self, scenes: &[Scene]) -> anyhow::Result<Vec<Searched>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MOST);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(scene) = scenes.get(at) else { return done };
                if !self.json {
                    eprintln!("searching {} ({}) …", scene.name, scene.about);
                }
                let began = Instant::now();
                let found = run(scene, Keeps::all());
                done.push((at, Searched { scene: scene.clone(), found, took: began.elapsed() }));
            }
        };
        let mut searched = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join = |worker: ScopedJoinHandle<'_, Vec<_>>| worker.join().map_err(|_| anyhow!("a search panicked"));
            workers.into_iter().map(join).collect::<anyhow::Result<Vec<_>>>()
        })?
        .concat();
        searched.sort_by_key(|(at, _)| *at);
        Ok(searched.into_iter().map(|(_, one)| one).collect())
    }

    fn chosen(&self) -> anyhow::Result<Vec<Scene>> {
        let Some(name) = &self.scene else { return Ok(scenes()) };
        let found: Vec<Scene> = scenes().into_iter().filter(|scene| scene.name == name).collect();
        if found.is_empty() {
            let message = format!("there is no scene {name:?}; `wardline sim search --list` names them");
            return Err(Fault::ends(Exit::NotFound, message));
        }
        Ok(found)
    }

    fn name(&self, scenes: &[Scene]) -> anyhow::Result<()> {
        if self.json {
            return print::json(
                &scenes.iter().map(|scene| json!({"name": scene.name, "about": scene.about})).collect(),
            );
        }
        let rows = scenes.iter().map(|scene| vec![scene.name.into(), scene.about.into()]).collect();
        println!("{}", print::table(&["scene", "what it is about"], rows));
        Ok(())
    }
}

impl Searched {
    fn to_json(&self) -> Value {
        let Found { states, moves, depth, tested, verdict } = &self.found;
        let (word, what, story) = match verdict {
            Verdict::Holds => ("holds", Value::Null, Value::Null),
            Verdict::Broken { what, story } => ("broken", json!(what), json!(story)),
            Verdict::TooLarge => ("too-large", Value::Null, Value::Null),
        };
        let tested: serde_json::Map<String, Value> =
            tested.iter().map(|(never, times)| (never.to_string(), json!(times))).collect();
        json!({
            "scene": self.scene.name, "about": self.scene.about, "verdict": word, "states": states,
            "transitions": moves, "depth": depth, "tested": tested, "broken": what, "story": story,
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn proves(&self) -> String {
        match &self.found.verdict {
            Verdict::Holds => self.found.tested.iter().map(|(never, _)| never.as_str()).collect::<Vec<_>>().join(" "),
            Verdict::Broken { what, .. } => format!("BROKEN: {what}"),
            Verdict::TooLarge => "nothing: too large".into(),
        }
    }
}

fn table(searched: &[Searched]) -> comfy_table::Table {
    let row = |one: &Searched| {
        let Found { states, moves, depth, .. } = &one.found;
        let took = format!("{:.1} s", one.took.as_secs_f32());
        vec![one.scene.name.into(), states.to_string(), moves.to_string(), depth.to_string(), one.proves(), took]
    };
    let header = ["scene", "states", "transitions", "depth", "proved", "time"];
    print::table(&header, searched.iter().map(row).collect())
}

/// One line for all: sums, and what holds wherever it was put to the test.
fn total(searched: &[Searched], took: Duration) -> String {
    let states: usize = searched.iter().map(|one| one.found.states).sum();
    let moves: usize = searched.iter().map(|one| one.found.moves).sum();
    let times = |never: Never| searched.iter().map(|one| one.found.tested.times(never)).sum::<usize>();
    let tested: Vec<String> = Never::ALL
        .into_iter()
        .filter(|never| times(*never) > 0)
        .map(|never| format!("{never} {} times", times(never)))
        .collect();
    format!(
        "{states} states and {moves} transitions in {:.1} s. Put to the test: {}.",
        took.as_secs_f32(),
        tested.join(", ")
    )
}

fn in_order(searched: &[Searched]) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for Searched { scene, found, .. } in searched {
        match &found.verdict {
            Verdict::Holds => {}
            Verdict::Broken { what, story } => {
                wrong.push(format!("{}: {what}\n  {}", scene.name, story.join("\n  ")));
            }
            Verdict::TooLarge => {
                wrong.push(format!("{}: more than {STATES_MOST} states; nothing is proven", scene.name))
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Fault::ends(Exit::NotInOrder, wrong.join("\n"))) }
}
