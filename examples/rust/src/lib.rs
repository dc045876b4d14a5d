//! Connects to a gate, tries again where that may help, and reads refusals.

use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::{FieldViolation, StatusExt};

/// What build.rs makes of the contract.
#[allow(clippy::all)]
pub mod contract {
    tonic::include_proto!("headgate.v1");
}
use contract::track_service_client::TrackServiceClient;

pub type Gate = TrackServiceClient<InterceptedService<Channel, WithKey>>;

/// A client for the gate at an address such as `http://127.0.0.1:8080`; one is enough for a program,
/// and a clone of it shares its connection. The key may be empty where the gate asks for none.
pub async fn connect(address: &str, key: &str) -> Result<Gate, Box<dyn std::error::Error>> {
    let channel = Endpoint::from_shared(address.to_owned())?.connect().await?;
    let key = if key.is_empty() {
        None
    } else {
        Some(format!("Bearer {key}").parse()?)
    };
    Ok(TrackServiceClient::with_interceptor(channel, WithKey(key)))
}

/// Puts the write key on each call.
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

/// Makes a call again where the gate could not take it just now: other languages' gRPC does this by
/// its service config, tonic leaves it to its callers. Nothing is counted twice: the same message
/// goes out again, and with it the same idempotency key.
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

/// Why a call got no verdicts, as the error details of the gate tell it.
#[derive(Debug)]
pub struct Refusal {
    pub status: Code,
    pub message: String,
    /// A word of docs/reference/errors.md; empty where the gate itself did not answer.
    pub code: String,
    /// Where the code is explained.
    pub help: String,
    /// The places of the event that break its contract.
    pub violations: Vec<FieldViolation>,
    /// How long to wait before the same call, with the same keys, may succeed; none where trying
    /// again cannot help.
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
