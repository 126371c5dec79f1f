//! Who knocks at this pump: scans, floods, and those who come too often.
//!
//! | found | when |
//! |---|---|
//! | fast scan | one source, 10 ports within 10 s |
//! | slow scan | one source, 20 ports within a day |
//! | scan from many places | 6 sources with at most 3 ports each, 12 ports together, within 10 min |
//! | flood | 200 dropped packets in a second, three seconds in a row |
//! | brute force | one source, 3 packets beyond a limit within 5 min |
//!
//! Packets to everybody count for nothing. At most 256 sources are remembered; who was quiet longest is forgotten first,
//! so a flood of invented sources costs memory and time of one size only.

use core::net::IpAddr;
use std::collections::BTreeMap;

use wardline_model::{Span, Time};

use super::finding::Class;
use super::seen::Dropped;

/// Sources that are remembered.
const MOST_SOURCES: usize = 256;
/// Ports that are remembered of a source.
const MOST_PORTS: usize = 32;
/// A fast scan: nmap's slowest "polite" timing still tries ten ports in four seconds.
const FAST: (usize, Span) = (10, Span::from_s(10));
/// A slow scan: nmap's "paranoid" timing tries a port in five minutes, 288 in a day.
const SLOW: (usize, Span) = (20, Span::from_h(24));
/// A scan from many places.
const SPREAD_WITHIN: Span = Span::from_min(10);
const SPREAD_SOURCES: usize = 6;
const SPREAD_PORTS_EACH: usize = 3;
const SPREAD_PORTS: usize = 12;
/// A flood: a pump on a quiet network drops some packets in a minute.
const FLOOD_PER_S: u64 = 200;
const FLOOD_SECONDS: u32 = 3;
/// Beyond its limit this often.
const TOO_OFTEN: (usize, Span) = (3, Span::from_min(5));

#[derive(Debug)]
struct Source {
    last: Time,
    ports: Vec<(u16, Time)>,
    too_often: Vec<Time>,
}

/// The memory of who knocked.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: BTreeMap<IpAddr, Source>,
    /// Noted packets since the last count, by source: who makes a flood.
    noted: BTreeMap<IpAddr, u64>,
    seconds_of_flood: u32,
}

/// What a machine found: the class, who, and the evidence.
pub(super) type Found = (Class, Option<IpAddr>, String);

impl Sources {
    pub(super) fn packet(&mut self, from: IpAddr, port: Option<u16>, why: Dropped, now: Time) -> Vec<Found> {
        *self.noted.entry(from).or_default() += 1;
        self.make_room(from);
        let source = self.known.entry(from).or_insert(Source { last: now, ports: Vec::new(), too_often: Vec::new() });
        source.last = now;
        let mut found = Vec::new();
        match (why, port) {
            (Dropped::TooOften, _) => {
                source.too_often.retain(|at| now.since(*at) <= TOO_OFTEN.1);
                source.too_often.push(now);
                if source.too_often.len() >= TOO_OFTEN.0 {
                    let times = source.too_often.len();
                    source.too_often.clear();
                    found.push((Class::BruteForce, Some(from), format!("{times} times beyond its limit in 5 minutes")));
                }
            }
            (Dropped::NotNamed, Some(port)) => {
                if source.touch(port, now) {
                    found.extend(source.scan(from, now));
                    found.extend(self.spread(now));
                }
            }
            (Dropped::NotNamed, None) => {}
        }
        found
    }

    /// Once a second.
    pub(super) fn count(&mut self, dropped: u64) -> Option<Found> {
        let noted = core::mem::take(&mut self.noted);
        if dropped < FLOOD_PER_S {
            self.seconds_of_flood = 0;
            return None;
        }
        self.seconds_of_flood += 1;
        if self.seconds_of_flood < FLOOD_SECONDS {
            return None;
        }
        self.seconds_of_flood = 0;
        // Only a source that sends nearly all of it is named: to block one of many invented ones would help nobody.
        let all: u64 = noted.values().sum();
        let most = noted.into_iter().max_by_key(|(_, times)| *times);
        let one = most.filter(|(_, times)| times * 5 >= all * 4).map(|(source, _)| source);
        Some((Class::Flood, one, format!("{dropped} packets dropped in a second, for {FLOOD_SECONDS} seconds")))
    }

    /// How many sources are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.known.len().max(self.noted.len())
    }

    fn make_room(&mut self, for_whom: IpAddr) {
        if self.known.len() >= MOST_SOURCES && !self.known.contains_key(&for_whom) {
            let quietest = self.known.iter().min_by_key(|(_, source)| source.last).map(|(address, _)| *address);
            if let Some(quietest) = quietest {
                self.known.remove(&quietest);
            }
        }
        if self.noted.len() > MOST_SOURCES {
            self.noted.clear();
        }
    }

    fn spread(&mut self, now: Time) -> Option<Found> {
        let recent = |at: &Time| now.since(*at) <= SPREAD_WITHIN;
        let few = |source: &&mut Source| {
            let touched = source.ports.iter().filter(|(_, at)| recent(at)).count();
            touched > 0 && touched <= SPREAD_PORTS_EACH
        };
        let mut quiet: Vec<&mut Source> = self.known.values_mut().filter(few).collect();
        let mut ports: Vec<u16> =
            quiet.iter().flat_map(|s| s.ports.iter().filter(|(_, at)| recent(at)).map(|(port, _)| *port)).collect();
        ports.sort_unstable();
        ports.dedup();
        if quiet.len() < SPREAD_SOURCES || ports.len() < SPREAD_PORTS {
            return None;
        }
        for source in &mut quiet {
            source.ports.clear();
        }
        let evidence = format!("{} ports by {} sources within 10 minutes", ports.len(), quiet.len());
        Some((Class::SpreadScan, None, evidence))
    }
}

impl Source {
    /// Notes a port; whether it is a new one.
    fn touch(&mut self, port: u16, now: Time) -> bool {
        if let Some((_, at)) = self.ports.iter_mut().find(|(known, _)| *known == port) {
            *at = now;
            return false;
        }
        if self.ports.len() >= MOST_PORTS {
            let oldest = self.ports.iter().enumerate().min_by_key(|(_, (_, at))| *at).map(|(index, _)| index);
            if let Some(oldest) = oldest {
                self.ports.swap_remove(oldest);
            }
        }
        self.ports.push((port, now));
        true
    }

    fn scan(&mut self, from: IpAddr, now: Time) -> Option<Found> {
        for (class, (least, within), words) in [(Class::FastScan, FAST, "10 seconds"), (Class::SlowScan, SLOW, "a day")]
        {
            let tried = self.ports.iter().filter(|(_, at)| now.since(*at) <= within).count();
            if tried >= least {
                let some: Vec<String> = self.ports.iter().take(5).map(|(port, _)| port.to_string()).collect();
                self.ports.clear();
                return Some((class, Some(from), format!("{tried} ports within {words}, such as {}", some.join(", "))));
            }
        }
        None
    }
}
