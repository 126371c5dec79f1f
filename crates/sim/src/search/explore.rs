//! The search itself: breadth first over fingerprints, the shortest story to a broken invariant, and the way home.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use super::fingerprint::Fingerprint;
use super::never::{Never, Tested};

/// A world that can be searched.
pub trait World: Clone {
    /// A move, printed as one line of a story.
    type Move: Copy + Debug + Display;

    /// What this world is told apart by.
    fn fingerprint(&self) -> Fingerprint;
    /// Every move that can be made now.
    fn moves(&self) -> Vec<Self::Move>;
    /// The world after this move.
    fn after(&self, mv: Self::Move) -> Self;
    /// The never events that the last move put to the test.
    fn tested(&self) -> &[Never];
    /// What is wrong here, if anything.
    fn broken(&self) -> Option<String>;
    /// Whether everything has come to rest and was reported.
    fn at_rest(&self) -> bool;
    /// Whether this move needs no bad luck and no favour: a fair world makes it sooner or later.
    fn is_fair(mv: Self::Move) -> bool;
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many different worlds were visited.
    pub states: usize,
    /// How many moves were made between them.
    pub moves: usize,
    /// How many moves the farthest world is away from the first.
    pub depth: usize,
    /// How often each never event was put to the test.
    pub tested: Tested,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every world that can be reached is in order, and from each a fair way leads to rest.
    Holds,
    /// One is not.
    Broken {
        /// What is broken there.
        what: String,
        /// A shortest way to it, one line for each move.
        story: Vec<String>,
    },
    /// There are more than [`STATES_MOST`] worlds: nothing is proven, and the scene needs narrower bounds.
    TooLarge,
}

/// The most worlds that one search may visit. A search that needs more is a search that nobody waits for.
pub const STATES_MOST: usize = 2_000_000;

/// What is said of a world from which there is no way home. It breaks N12: only a person's hand, or luck, could help.
const NO_WAY_HOME: &str = "N12: no fair way from here to rest";

struct Tree<W: World> {
    seen: BTreeMap<Fingerprint, u32>,
    came_by: Vec<Option<(u32, W::Move)>>,
    fair: Vec<(u32, u32)>,
    rest: Vec<u32>,
    moves: usize,
    depth: usize,
    tested: Tested,
}

/// Visits everything that can be reached from `start`.
pub fn explore<W: World>(start: W) -> Found {
    let mut tree: Tree<W> = Tree::rooted(start.fingerprint());
    let mut frontier = vec![(start, 0)];
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (world, index) in frontier {
            if let Some(what) = world.broken() {
                let story = tree.story(index);
                return tree.found(Verdict::Broken { what, story });
            }
            if world.at_rest() {
                tree.rest.push(index);
            }
            for mv in world.moves() {
                tree.visit(&world, index, mv, &mut next);
            }
        }
        if tree.came_by.len() > STATES_MOST {
            return tree.found(Verdict::TooLarge);
        }
        tree.depth += usize::from(!next.is_empty());
        frontier = next;
    }
    let verdict = match tree.lost() {
        None => Verdict::Holds,
        Some(index) => Verdict::Broken { what: NO_WAY_HOME.into(), story: tree.story(index) },
    };
    tree.tested.add(Never::N12, tree.came_by.len());
    tree.found(verdict)
}

impl<W: World> Tree<W> {
    fn rooted(start: Fingerprint) -> Self {
        Self {
            seen: BTreeMap::from([(start, 0)]),
            came_by: vec![None],
            fair: vec![],
            rest: vec![],
            moves: 0,
            depth: 0,
            tested: Tested::default(),
        }
    }

    fn visit(&mut self, world: &W, index: u32, mv: W::Move, next: &mut Vec<(W, u32)>) {
        let after = world.after(mv);
        self.moves += 1;
        after.tested().iter().for_each(|never| self.tested.add(*never, 1));
        let new = self.came_by.len() as u32;
        let to = *self.seen.entry(after.fingerprint()).or_insert(new);
        if to == new {
            self.came_by.push(Some((index, mv)));
            next.push((after, new));
        }
        if W::is_fair(mv) {
            self.fair.push((to, index));
        }
    }

    /// The nearest world from which no fair moves lead to rest.
    fn lost(&mut self) -> Option<u32> {
        self.fair.sort_unstable();
        let mut home = vec![false; self.came_by.len()];
        let mut walk = std::mem::take(&mut self.rest);
        while let Some(index) = walk.pop() {
            if std::mem::replace(&mut home[index as usize], true) {
                continue;
            }
            let from = self.fair.partition_point(|(to, _)| *to < index);
            walk.extend(self.fair[from..].iter().take_while(|(to, _)| *to == index).map(|(_, from)| *from));
        }
        home.iter().position(|home| !home).map(|index| index as u32)
    }

    fn story(&self, mut index: u32) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some((from, mv)) = self.came_by[index as usize] {
            lines.push(mv.to_string());
            index = from;
        }
        lines.reverse();
        lines
    }

    fn found(self, verdict: Verdict) -> Found {
        let Self { came_by, moves, depth, tested, .. } = self;
        Found { states: came_by.len(), moves, depth, tested, verdict }
    }
}
