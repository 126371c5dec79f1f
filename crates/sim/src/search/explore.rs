//! The search itself: breadth first over ordered states, the shortest story to a broken invariant, and the way home.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

/// A world that can be searched.
pub trait World: Clone + Ord {
    /// A move, printed as one line of a story.
    type Move: Copy + Debug + Display;

    /// Every move that can be made now.
    fn moves(&self) -> Vec<Self::Move>;
    /// The world after this move.
    fn after(&self, mv: Self::Move) -> Self;
    /// What is wrong here, if anything.
    fn broken(&self) -> Option<String>;
    /// Whether everything has come to rest and was reported.
    fn at_rest(&self) -> bool;
    /// Whether this move needs no bad luck and no favour: a fair world makes it sooner or later.
    fn is_fair(mv: Self::Move) -> bool;
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// How many different worlds were visited.
    pub states: usize,
    /// How many moves were made between them.
    pub moves: usize,
    /// The shortest story of a broken invariant.
    pub story: Option<String>,
}

/// The most worlds that one search may visit. A search that needs more is a search that nobody waits for.
const STATES_MOST: usize = 2_000_000;

struct Tree<W: World> {
    seen: BTreeMap<W, u32>,
    came_by: Vec<Option<(u32, W::Move)>>,
    fair: Vec<(u32, u32)>,
    rest: Vec<u32>,
    moves: usize,
}

/// Visits everything that can be reached from `start`.
pub fn explore<W: World>(start: W) -> Found {
    let mut tree = Tree { seen: BTreeMap::new(), came_by: vec![None], fair: vec![], rest: vec![], moves: 0 };
    tree.seen.insert(start.clone(), 0);
    let mut frontier = vec![(start, 0)];
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (world, index) in frontier {
            if let Some(what) = world.broken() {
                return tree.found(Some(format!("{}\nbroken: {what}", tree.story(index))));
            }
            if world.at_rest() {
                tree.rest.push(index);
            }
            for mv in world.moves() {
                tree.visit(&world, index, mv, &mut next);
            }
        }
        assert!(tree.came_by.len() <= STATES_MOST, "more than {STATES_MOST} states: bound the scene");
        frontier = next;
    }
    let lost = tree.lost();
    let story = lost.map(|index| format!("{}\nbroken: no fair way from here to rest", tree.story(index)));
    tree.found(story)
}

impl<W: World> Tree<W> {
    fn visit(&mut self, world: &W, index: u32, mv: W::Move, next: &mut Vec<(W, u32)>) {
        let after = world.after(mv);
        self.moves += 1;
        let new = self.came_by.len() as u32;
        let to = *self.seen.entry(after.clone()).or_insert(new);
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

    fn story(&self, mut index: u32) -> String {
        let mut lines = Vec::new();
        while let Some((from, mv)) = self.came_by[index as usize] {
            lines.push(format!("  {mv}"));
            index = from;
        }
        lines.reverse();
        lines.join("\n")
    }

    fn found(&self, story: Option<String>) -> Found {
        Found { states: self.came_by.len(), moves: self.moves, story }
    }
}
