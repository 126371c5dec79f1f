//! Tests of `adoption`.
