//! Generates Rust from the gate's contract. protox reads .proto files, so no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../../proto");
    let contract = protox::compile(["headgate/v1/track_service.proto"], ["../../../proto"])?;
    tonic_prost_build::configure()
        .build_client(false)
        .compile_fds(contract)?;
    Ok(())
}
