//! Compiles `proto/` with protox, a compiler in Rust, so that a bare Rust toolchain is enough.

use std::{env, error::Error, fs, path::PathBuf, process::Command};

use protox::prost::Message;

/// The compiler's version, for `rmdd_build_info`.
fn rustc_version() -> String {
    let told = env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("--version").output().ok());
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    told.split_whitespace().nth(1).unwrap_or("unknown").to_owned()
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-env=BUILT_WITH_RUSTC={}", rustc_version());
    println!("cargo::rerun-if-changed=proto");
    let files = ["common", "acceptance", "listing", "records", "standing", "admin", "alerts"]
        .map(|name| format!("rmdd/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    // Kept whole for server reflection.
    let path = PathBuf::from(env::var("OUT_DIR")?).join("rmdd_descriptor.bin");
    fs::write(path, descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".rmdd.v1.SnapshotRef")
        .bytes(".rmdd.v1.ExportListingResponse")
        .bytes(".rmdd.v1.BackupResponse")
        .codec_path("crate::api::grpc::codec::Codec")
        .compile_fds(descriptors)?;
    // What sites of a fleet say to one another: messages alone, which no client is told of.
    let fleet = protox::compile(["rmdd/fleet/v1/fleet.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(fleet)?;
    // etcd's own, trimmed to what a fleet asks of it.
    println!("cargo::rerun-if-changed=src/fleet/engine/etcd.proto");
    let engine = protox::compile(["etcd.proto"], ["src/fleet/engine"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(engine)?;
    Ok(())
}
