//! Compiles the schema with `protox`, so that nobody needs `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let schema = protox::compile(["link.proto", "controller.proto"], ["proto"])?;
    prost_build::Config::new().include_file("schema.rs").compile_fds(schema)?;
    Ok(())
}
