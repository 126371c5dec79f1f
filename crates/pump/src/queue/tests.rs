use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;
use wardline_model::covers;

use super::*;

fn body(n: u64) -> EventBody {
    EventBody::Alarm { channel: 1, alarm: String::from("occlusion"), began: n.is_multiple_of(2) }
}

#[test]
fn a_full_queue_counts_what_it_drops_and_leaves_no_gap() {
    covers!("N11");
    let mut queue = Queue::new(QueueLimits { events: 3 });
    for n in 0..5 {
        let _ = queue.record(body(n), Time::default()).count();
    }
    assert_eq!((queue.len(), queue.uncounted(), queue.next()), (3, 2, Sequence(4)));
    queue.acknowledge(Sequence(2)).unwrap();
    let new: Vec<_> = queue.record(body(9), Time::default()).map(|event| (event.seq.0, event.body.clone())).collect();
    assert_eq!(new, [(4, EventBody::Dropped { count: 2 }), (5, body(9))]);
    assert_eq!(queue.uncounted(), 0);
}

#[test]
fn a_hub_that_acknowledges_what_never_was_is_refused() {
    let mut queue = Queue::new(QueueLimits::default());
    let _ = queue.record(body(0), Time::default()).count();
    assert_eq!(queue.acknowledge(Sequence(2)), Err(QueueError::AckAhead { acked: Sequence(2), newest: Sequence(1) }));
    let stored = [Event { seq: Sequence(3), at: Time::default(), body: body(0) }];
    assert_eq!(Queue::recover(QueueLimits::default(), Sequence(1), stored, 0), Err(QueueError::Gap(Sequence(2))));
}

#[derive(Clone, Debug)]
enum Step {
    Record,
    Send(usize),
    /// The hub commits what reached it and its acknowledgement arrives, or is lost.
    Commit {
        arrives: u8,
    },
    /// Power loss: only what was stored comes back, with an acknowledgement that may be older than the hub's.
    Power,
    Relink,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        3 => Just(Step::Record),
        3 => (0usize..5).prop_map(Step::Send),
        2 => (0u8..2).prop_map(|arrives| Step::Commit { arrives }),
        1 => Just(Step::Power),
        1 => Just(Step::Relink),
    ];
    proptest::collection::vec(one, 0..80)
}

proptest! {
    /// Whatever is lost on the way, the hub ends up with every stored event exactly once and in order.
    #[test]
    fn the_hub_has_every_event_once_in_order(steps in steps()) {
        covers!("N11");
        let limits = QueueLimits { events: 8 };
        let mut queue = Queue::new(limits);
        let mut disk: Vec<Event> = Vec::new();
        let mut disk_acked = Sequence(0);
        let mut hub: Vec<Event> = Vec::new();
        let mut wire: Vec<Event> = Vec::new();
        let mut recorded = 0u64;
        let deliver = |hub: &mut Vec<Event>, wire: &mut Vec<Event>| {
            for event in wire.drain(..) {
                if event.seq.0 == hub.len() as u64 + 1 {
                    hub.push(event);
                }
            }
        };
        for step in steps {
            match step {
                Step::Record => {
                    disk.extend(queue.record(body(recorded), Time::default()).cloned());
                    recorded += 1;
                }
                Step::Send(most) => wire.extend(queue.send(most).cloned()),
                Step::Commit { arrives } => {
                    deliver(&mut hub, &mut wire);
                    if arrives == 1 {
                        queue.acknowledge(Sequence(hub.len() as u64)).unwrap();
                        disk_acked = queue.acked();
                    }
                }
                Step::Power => {
                    wire.clear();
                    let uncounted = queue.uncounted();
                    queue = Queue::recover(limits, disk_acked, disk.iter().cloned(), uncounted).unwrap();
                }
                Step::Relink => {
                    wire.clear();
                    queue.linked(Sequence(hub.len() as u64)).unwrap();
                }
            }
        }
        queue.linked(Sequence(hub.len() as u64)).unwrap();
        wire.clear();
        wire.extend(queue.send(usize::MAX).cloned());
        deliver(&mut hub, &mut wire);
        prop_assert_eq!(&hub, &disk);
        let dropped: u64 = hub.iter().map(|event| match event.body { EventBody::Dropped { count } => count, _ => 0 }).sum();
        let counts = hub.iter().filter(|event| matches!(event.body, EventBody::Dropped { .. })).count() as u64;
        prop_assert_eq!(hub.len() as u64 - counts + dropped + queue.uncounted(), recorded);
    }
}
