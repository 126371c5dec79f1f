//! The reader refuses what two readers could read differently; the writer has one form.

use super::{JsonError, Value};
use alloc::string::String;
use proptest::prelude::*;

#[test]
fn what_readers_disagree_about_is_refused() {
    for (text, why) in [
        (r#"{"a":1,"a":2}"#, JsonError::DuplicateKey(7)),
        ("1.5", JsonError::NotWhole(0)),
        ("1e3", JsonError::NotWhole(0)),
        ("99999999999999999999", JsonError::NotWhole(0)),
        ("01", JsonError::Syntax(0)),
        ("{} x", JsonError::Trailing(3)),
        (r#"{"a""#, JsonError::Truncated),
        (r#""\ud800""#, JsonError::Truncated),
        ("nul", JsonError::Truncated),
    ] {
        match (Value::parse(text.as_bytes()), why) {
            (Err(JsonError::Syntax(_) | JsonError::NotUnicode(_)), JsonError::Truncated) => {}
            (got, why) => assert_eq!(got, Err(why), "{text}"),
        }
    }
    let deep: String = core::iter::repeat_n('[', 40).collect();
    assert_eq!(Value::parse(deep.as_bytes()), Err(JsonError::TooDeep));
}

#[test]
fn the_canonical_form_is_the_olpc_one() {
    let value = Value::parse(br#" { "b" : [ 1 , true , null ] , "a" : "q\"\\\n" } "#).unwrap();
    assert_eq!(value.to_canonical(), b"{\"a\":\"q\\\"\\\\\n\",\"b\":[1,true,null]}");
    assert_eq!(Value::parse(&value.to_json()), Ok(value));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(value) = Value::parse(&bytes) {
            prop_assert_eq!(Value::parse(&value.to_json()), Ok(value));
        }
    }

    #[test]
    fn almost_json_never_panics(text in r#"[\[\]{}",:0-9a\\u.e\- ]{0,60}"#) {
        let _ = Value::parse(text.as_bytes());
    }
}
