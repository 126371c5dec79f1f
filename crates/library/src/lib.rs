//! The drug library: parse, check a program, lint, diff, render.
