//! Connects to a gate, retries calls, and reads the details of errors.

use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::{FieldViolation, StatusExt};

/// The code that build.rs generates from the contract.
#[allow(clippy::all)]
pub mod contract {
    tonic::include_proto!("headgate.v1");
}
use contract::track_service_client::TrackServiceClient;

pub type Gate = TrackServiceClient<InterceptedService<Channel, WithKey>>;

/// Returns a client for the gate at an address such as `http://127.0.0.1:8080`. One is enough for a
/// program: clones share its connection. The key may be empty if the gate requires none.
pub async fn connect(address: &str, key: &str) -> Result<Gate, Box<dyn std::error::Error>> {
    let channel = Endpoint::from_shared(address.to_owned())?.connect().await?;
    let key = if key.is_empty() {
        None
    } else {
        Some(format!("Bearer {key}").parse()?)
    };
    Ok(TrackServiceClient::with_interceptor(channel, WithKey(key)))
}

/// Adds the write key to each call.
#[derive(Clone)]
pub struct WithKey(Option<AsciiMetadataValue>);

impl Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", authorization.clone());
        }
        Ok(request)
    }
}

/// A request that has this long.
pub fn within<T>(timeout: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

const ATTEMPTS_MAX: u32 = 4;

/// Makes a call again if the gate is unavailable. The gRPC libraries of other languages do this by
/// service config; tonic leaves it to its callers. No event counts twice, because the same message
/// is sent again, with the same idempotency key.
pub async fn retried<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    let mut wait = Duration::from_millis(200);
    for _ in 1..ATTEMPTS_MAX {
        match call().await {
            Err(status) if status.code() == Code::Unavailable => tokio::time::sleep(wait).await,
            answer => return answer,
        }
        wait *= 2;
    }
    call().await
}

/// Why a call returned no verdicts, from the error details of the gate.
#[derive(Debug)]
pub struct Refusal {
    pub status: Code,
    pub message: String,
    /// One of docs/reference/errors.md; empty if the gate itself did not answer.
    pub code: String,
    /// The address of the code's explanation.
    pub help: String,
    /// The places in the event that break its contract.
    pub violations: Vec<FieldViolation>,
    /// The delay after which the same call, with the same keys, may succeed; `None` if a retry
    /// cannot help.
    pub retry_after: Option<Duration>,
}

impl From<&Status> for Refusal {
    /// Unpacks google.rpc.ErrorInfo, BadRequest, Help and RetryInfo.
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let link = details.help().and_then(|help| help.links.first());
        Refusal {
            status: status.code(),
            message: status.message().to_owned(),
            code: details
                .error_info()
                .map(|info| info.reason.clone())
                .unwrap_or_default(),
            help: link.map(|link| link.url.clone()).unwrap_or_default(),
            violations: details
                .bad_request()
                .map(|bad| bad.field_violations.clone())
                .unwrap_or_default(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }
    }
}
