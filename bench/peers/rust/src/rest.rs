//! POST /v1/track and /v1/batch.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::accept::Acceptor;
use crate::event::{Draft, Request};
use crate::verdict::{Fault, Status, Verdict, Violation};

const BODY_BYTES_MAX: usize = 4 << 20;
const EVENTS_MAX: usize = 1_000;

/// `null` is the same as leaving a field out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentEvent<'a> {
    #[serde(borrow, default)]
    event_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    anonymous_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    idempotency_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    #[serde(default)]
    properties_json: Option<String>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    occurred_at: Option<Cow<'a, str>>,
    #[serde(default)]
    schema_version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentBatch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sent_at: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct ResultBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    idempotency_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_id: &'a str,
    status: Status,
    timestamp: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    schema_version: u32,
    #[serde(skip_serializing_if = "is_unknown")]
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Fault>,
}

#[derive(Serialize)]
struct BatchBody<'a> {
    results: Vec<ResultBody<'a>>,
    accepted: usize,
    duplicates: usize,
    rejected: usize,
    retry: usize,
}

/// RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: String,
    status: u16,
    detail: &'a str,
    code: &'a str,
    violations: &'a [Violation],
    retryable: bool,
    correlation_id: &'a str,
}

pub fn router(acceptor: Arc<Acceptor>) -> Router {
    Router::new()
        .route("/v1/track", post(track))
        .route("/v1/batch", post(batch))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(acceptor)
}

async fn track(State(acceptor): State<Arc<Acceptor>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = Request::received(correlation_id(&headers), "rest");
    let draft = match parse_event(&body) {
        Ok(draft) => draft,
        Err(fault) => return problem(&request, &fault),
    };
    let verdict = acceptor.accept(&request, Ok(draft)).await;
    if let Some(fault) = &verdict.fault {
        return problem(&request, fault);
    }
    let timestamp = format!("{:.3}", request.received_at);
    json(
        202,
        "application/json",
        &result_body(None, &verdict, &timestamp),
    )
}

async fn batch(State(acceptor): State<Arc<Acceptor>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut request = Request::received(correlation_id(&headers), "rest");
    let sent: SentBatch = match serde_json::from_slice(&body) {
        Ok(sent) => sent,
        Err(error) => {
            return problem(
                &request,
                &Fault::new("malformed_request", error.to_string()),
            );
        }
    };
    if sent.events.is_empty() || sent.events.len() > EVENTS_MAX {
        let message = format!("A batch has 1 to {EVENTS_MAX} events.");
        return problem(&request, &Fault::new("malformed_request", message));
    }
    request.context = raw_text(sent.context);
    request.sent_at = sent.sent_at.unwrap_or_default();
    let events = sent
        .events
        .iter()
        .map(|event| parse_event(event.get().as_bytes()))
        .collect();
    let verdicts = acceptor.accept_all(&request, events).await;
    let timestamp = format!("{:.3}", request.received_at);
    let count = |status| {
        verdicts
            .iter()
            .filter(|verdict| verdict.status == status)
            .count()
    };
    let results = verdicts.iter().enumerate();
    let body = BatchBody {
        results: results
            .map(|(at, verdict)| result_body(Some(at), verdict, &timestamp))
            .collect(),
        accepted: count(Status::Accepted),
        duplicates: count(Status::Duplicate),
        rejected: count(Status::Rejected),
        retry: count(Status::Retry),
    };
    let status = match body {
        BatchBody {
            rejected: 0,
            retry: 0,
            ..
        } => 202,
        BatchBody {
            accepted: 0,
            duplicates: 0,
            retry: 0,
            ..
        } => 422,
        BatchBody {
            accepted: 0,
            duplicates: 0,
            rejected: 0,
            ..
        } => 503,
        _ => 207,
    };
    json(status, "application/json", &body)
}

fn parse_event(text: &[u8]) -> Result<Draft<'_>, Fault> {
    let sent: SentEvent = serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        let is_unknown = message.starts_with("unknown field");
        Fault::new(
            if is_unknown {
                "unknown_field"
            } else {
                "malformed_request"
            },
            message,
        )
    })?;
    Ok(Draft {
        event_name: sent.event_name.unwrap_or_default(),
        user_id: sent.user_id.unwrap_or_default(),
        anonymous_id: sent.anonymous_id.unwrap_or_default(),
        idempotency_key: sent.idempotency_key.unwrap_or_default(),
        properties: match sent.properties_json {
            Some(text) => Cow::Owned(text),
            None => raw_text(sent.properties),
        },
        context: raw_text(sent.context),
        occurred_at: sent.occurred_at.unwrap_or_default(),
        schema_version: sent.schema_version.unwrap_or_default(),
    })
}

fn raw_text(raw: Option<&RawValue>) -> Cow<'_, str> {
    Cow::Borrowed(raw.map_or("", RawValue::get))
}

fn correlation_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-correlation-id")?.to_str().ok()
}

fn result_body<'a>(
    index: Option<usize>,
    verdict: &'a Verdict,
    timestamp: &'a str,
) -> ResultBody<'a> {
    ResultBody {
        index,
        idempotency_key: &verdict.idempotency_key,
        event_id: &verdict.event_id,
        status: verdict.status,
        timestamp,
        schema_version: verdict.schema_version,
        sequence: verdict.sequence,
        error: verdict.fault.as_ref(),
    }
}

fn is_zero(version: &u32) -> bool {
    *version == 0
}

fn is_unknown(sequence: &u64) -> bool {
    *sequence == 0
}

fn problem(request: &Request, fault: &Fault) -> Response {
    let body = Problem {
        r#type: format!("urn:headgate:error:{}", fault.code),
        title: fault.code.replace('_', " "),
        status: fault.http_status(),
        detail: &fault.message,
        code: fault.code,
        violations: &fault.violations,
        retryable: fault.is_retryable(),
        correlation_id: &request.correlation_id,
    };
    json(body.status, "application/problem+json", &body)
}

fn json(status: u16, content_type: &'static str, body: &impl Serialize) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, content_type)], bytes).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
