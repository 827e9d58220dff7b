//! Compiles `proto/` with protox, a compiler in Rust, so that a bare Rust toolchain is enough.

use std::{env, error::Error, fs, path::PathBuf};

use protox::prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = ["common", "acceptance", "listing", "records", "admin"].map(|name| format!("rmdd/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    // Kept whole for server reflection.
    let path = PathBuf::from(env::var("OUT_DIR")?).join("rmdd_descriptor.bin");
    fs::write(path, descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".rmdd.v1.SnapshotRef")
        .bytes(".rmdd.v1.ExportListingResponse")
        .bytes(".rmdd.v1.BackupResponse")
        .compile_fds(descriptors)?;
    Ok(())
}
