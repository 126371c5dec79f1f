//! What a measurement prints: every server's figure, the middle of several rounds, and how it stands to ours.

use crate::machine::median;

/// One row of the table of bars: who, and what was seen in each round.
struct Line {
    who: &'static str,
    figures: Vec<f64>,
    note: String,
}

/// Which way a figure is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Good {
    High,
    Low,
}

/// The figures of several servers that did the same.
pub struct Table {
    title: String,
    good: Good,
    bar: Option<f64>,
    lines: Vec<Line>,
}

/// The name of ours in every table.
pub const OURS: &str = "wardline hub";

impl Table {
    pub fn new(title: impl Into<String>, good: Good, bar: Option<f64>) -> Self {
        Self { title: title.into(), good, bar, lines: Vec::new() }
    }

    /// Adds what one server did in one round.
    pub fn add(&mut self, who: &'static str, figure: f64, note: impl Into<String>) {
        match self.lines.iter_mut().find(|line| line.who == who) {
            Some(line) => {
                line.figures.push(figure);
                line.note = note.into();
            }
            None => self.lines.push(Line { who, figures: vec![figure], note: note.into() }),
        }
    }

    /// Says why a server has no figure.
    pub fn absent(&mut self, who: &'static str, why: impl Into<String>) {
        if !self.lines.iter().any(|line| line.who == who) {
            self.lines.push(Line { who, figures: Vec::new(), note: why.into() });
        }
    }

    /// Prints the middle of each, and ours divided by each (or the other way round where little is good).
    pub fn print(&self) {
        let rounds = self.lines.iter().map(|line| line.figures.len()).max().unwrap_or(0);
        println!("{}{}", self.title, if rounds > 1 { format!(" (middle of {rounds})") } else { String::new() });
        let ours = self.lines.iter().find(|line| line.who == OURS).map(|line| median(&line.figures));
        for line in &self.lines {
            if line.figures.is_empty() {
                println!("  {:<22} {:>11}  {}", line.who, "-", line.note);
                continue;
            }
            let middle = median(&line.figures);
            let ratio = ours.filter(|_| line.who != OURS).map(|ours| self.times(ours, middle));
            let ratio = ratio.map_or_else(String::new, |ratio| format!("ours is {ratio:.2} times as good; "));
            println!("  {:<22} {middle:>11.1}  {ratio}{}", line.who, line.note);
        }
        if let (Some(bar), Some(ours)) = (self.bar, ours) {
            println!("  {:<22} {bar:>11.1}  ours is {:.2} times as good", "bar", self.times(ours, bar));
        }
    }

    fn times(&self, ours: f64, other: f64) -> f64 {
        match self.good {
            Good::High => ours / other,
            Good::Low => other / ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Good, OURS, Table};

    #[test]
    fn little_is_good_where_it_says_so() {
        let mut table = Table::new("memory", Good::Low, Some(14.0));
        table.add(OURS, 10.0, "");
        table.add("other", 20.0, "");
        assert!((table.times(10.0, 20.0) - 2.0).abs() < 1e-9);
        table.print();
    }
}
