//! The gate's endpoints as a service in Rust: axum, tonic, jsonschema, async-nats.
//!
//!     peer <port> <URL of NATS> <file of contracts>

mod accept;
mod contract;
mod event;
mod grpc;
mod rest;
mod verdict;

mod proto {
    tonic::include_proto!("headgate.v1");
}

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tonic::service::Routes;

use accept::Acceptor;
use contract::Contracts;
use proto::track_service_server::TrackServiceServer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// As many events as the gate takes at a time.
const IN_FLIGHT_MAX: usize = 16_384;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [_, port, nats_url, contracts] = std::env::args()
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: peer <port> <URL of NATS> <file of contracts>")?;
    let contracts = Contracts::parse(&std::fs::read_to_string(contracts)?)?;
    let client = async_nats::connect(nats_url).await?;
    let jetstream = ContextBuilder::new()
        .timeout(ACK_TIMEOUT)
        .max_ack_inflight(IN_FLIGHT_MAX)
        .build(client);
    let acceptor = Arc::new(Acceptor {
        contracts,
        jetstream,
    });
    let rpcs = Routes::new(TrackServiceServer::new(grpc::TrackRpcs(acceptor.clone())));
    let app = rest::router(acceptor).merge(rpcs.into_axum_router());
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?))
        .await?
        .tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
    println!("ready");
    axum::serve(listener, app).await?;
    Ok(())
}
