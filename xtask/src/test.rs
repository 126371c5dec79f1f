//! Every test there is.

use anyhow::Result;

use crate::run::{cargo, must};
use crate::tools::{self, Install};

/// Prepares the machine, builds the programs that the end-to-end tests start, and runs every test.
pub fn run(install: Install, only: Option<&str>) -> Result<()> {
    tools::prepare(install)?;
    must(&mut cargo(&["build", "--package", "wardline", "--package", "wardline-agent"]))?;
    let mut tests = match only {
        Some(name) => {
            let package =
                if name == "wardline" || name == "xtask" { name.to_owned() } else { format!("wardline-{name}") };
            cargo(&["test", "--no-fail-fast", "--package", &package])
        }
        None => cargo(&["test", "--no-fail-fast", "--workspace"]),
    };
    must(tests.env("WARDLINE_PY", tools::python_env().join("bin/python")))?;
    if only.is_none() {
        crate::fuzz::run(None, 0)?;
    }
    Ok(())
}
