//! Every difference between a pump and the hub is found.

use std::collections::{BTreeMap, BTreeSet};

use wardline_agent::ledger::{Place, Written};
use wardline_model::{Serial, covers};

use super::{Books, Held};

const JOURNAL: u64 = 7;

/// A pump that kept the events 1 to 5, of which 1 to 3 were acknowledged, 4 is at the hub too, and 5 waits.
fn sound() -> (Held, Written, BTreeSet<Place>) {
    let kept: BTreeMap<Place, u64> = (1..=5).map(|number| ((JOURNAL, number), number * 11)).collect();
    let held = kept.iter().take(4).map(|(place, seen)| (*place, *seen)).collect();
    let acknowledged = BTreeMap::from([(JOURNAL, 3)]);
    (held, Written { kept, acknowledged, renumbered: Vec::new() }, BTreeSet::from([(JOURNAL, 5)]))
}

fn judge((held, written, waiting): &(Held, Written, BTreeSet<Place>)) -> String {
    let mut books = Books::default();
    books.add(&Serial::new("HX3-1").unwrap(), held, written, waiting);
    books.to_string()
}

#[test]
fn a_sound_pump_is_in_order() {
    assert!(
        judge(&sound()).contains("5 kept by pumps, 4 at the hub, each once and in order; 1 wait"),
        "{}",
        judge(&sound())
    );
    // An earlier run sent 1 and 2, of which nobody is left to tell.
    let mut older = sound();
    older.1.kept.remove(&(JOURNAL, 1));
    older.1.kept.remove(&(JOURNAL, 2));
    assert!(judge(&older).contains("each once and in order"), "{}", judge(&older));
}

#[test]
fn what_is_lost_doubled_or_made_up_is_found() {
    covers!("N11");
    let told = |spoil: fn(&mut (Held, Written, BTreeSet<Place>))| {
        let mut story = sound();
        spoil(&mut story);
        judge(&story)
    };
    let lost = told(|(held, ..)| held.retain(|(place, _)| place.1 != 2));
    assert!(lost.contains("event 2 was acknowledged and is not at the hub"), "{lost}");
    assert!(lost.contains("lacks the events 2 to 2"), "{lost}");
    let doubled = told(|(held, ..)| held.push(held[0]));
    assert!(doubled.contains("holds event 1 twice"), "{doubled}");
    let again = told(|(held, ..)| held.push(((JOURNAL, 5), 44)));
    assert!(again.contains("another event as event 5"), "{again}");
    let made_up = told(|(held, ..)| held.extend([((JOURNAL, 5), 55), ((JOURNAL, 6), 66)]));
    assert!(made_up.contains("event 6, which its pump never kept"), "{made_up}");
    let gone = told(|(.., waiting)| waiting.clear());
    assert!(gone.contains("event 5 is neither at the hub nor on the pump"), "{gone}");
    let renumbered = told(|(_, written, _)| written.renumbered.push((JOURNAL, 4)));
    assert!(renumbered.contains("used event 4 twice"), "{renumbered}");
    assert!(lost.contains("DIFFERENCES") && gone.contains("1 DIFFERENCES"));
}
