//! Guests are counted by address and let go.

use std::sync::{Arc, Mutex};

use super::Guests;

#[test]
fn one_address_has_so_many_guests_and_an_ipv6_neighbourhood_is_one_address() {
    let guests = Arc::new(Guests { most: 2, by: Mutex::default() });
    let from = |place: &str| guests.admit(place.parse().expect("an address"));
    let first = (from("10.0.0.1:1000"), from("[::ffff:10.0.0.1]:1001"));
    assert!(first.0.is_some() && first.1.is_some());
    assert!(from("10.0.0.1:1002").is_none(), "the same address, also in its IPv6 spelling");
    assert!(from("10.0.0.2:1000").is_some(), "another one");
    let second = (from("[2001:db8::1]:1"), from("[2001:db8::2:0:0:1]:1"));
    assert!(second.0.is_some() && second.1.is_some());
    assert!(from("[2001:db8::3]:1").is_none(), "one machine owns the whole /64");
    assert!(from("[2001:db8:0:1::3]:1").is_some());
    drop(first);
    assert!(from("10.0.0.1:1003").is_some(), "who left makes room");
    drop(second);
    assert!(guests.by.lock().expect("not poisoned").is_empty(), "nothing is remembered of who left");
}
