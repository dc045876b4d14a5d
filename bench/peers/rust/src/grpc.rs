//! headgate.v1.TrackService over gRPC.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};
use tonic::{Code, Request as Call, Response, Status as RpcStatus};
use tonic_types::{ErrorDetails, StatusExt};

use crate::accept::Acceptor;
use crate::event::{Draft, Request};
use crate::proto::track_service_server::TrackService;
use crate::proto::{
    BatchTrackRequest, BatchTrackResponse, Event, EventError, EventResult, TrackRequest,
    TrackResponse, Violation as SentViolation, event_result,
};
use crate::verdict::{Fault, Status, Verdict};

const EVENTS_MAX: usize = 1_000;

pub struct TrackRpcs(pub Arc<Acceptor>);

#[tonic::async_trait]
impl TrackService for TrackRpcs {
    async fn track(&self, call: Call<TrackRequest>) -> Result<Response<TrackResponse>, RpcStatus> {
        let request = Request::received(correlation_id(&call), "grpc");
        let Some(event) = &call.get_ref().event else {
            return Err(rpc_status(&Fault::new(
                "malformed_request",
                "The request has no event.",
            )));
        };
        let verdict = self.0.accept(&request, draft(event)).await;
        if let Some(fault) = &verdict.fault {
            return Err(rpc_status(fault));
        }
        let result = Some(event_result(0, verdict, proto_time(request.received_at)));
        Ok(Response::new(TrackResponse { result }))
    }

    async fn batch_track(
        &self,
        call: Call<BatchTrackRequest>,
    ) -> Result<Response<BatchTrackResponse>, RpcStatus> {
        let mut request = Request::received(correlation_id(&call), "grpc");
        let batch = call.get_ref();
        if batch.events.is_empty() || batch.events.len() > EVENTS_MAX {
            let message = format!("A batch has 1 to {EVENTS_MAX} events.");
            return Err(rpc_status(&Fault::new("malformed_request", message)));
        }
        request.context = struct_text(batch.context.as_ref());
        request.sent_at = time_text(batch.sent_at.as_ref()).map_err(|fault| rpc_status(&fault))?;
        let events = batch.events.iter().map(draft).collect();
        let verdicts = self.0.accept_all(&request, events).await;
        let time = proto_time(request.received_at);
        let results = verdicts.into_iter().enumerate();
        Ok(Response::new(BatchTrackResponse {
            results: results
                .map(|(at, verdict)| event_result(at, verdict, time))
                .collect(),
        }))
    }
}

fn correlation_id<T>(call: &Call<T>) -> Option<&str> {
    call.metadata().get("x-correlation-id")?.to_str().ok()
}

fn draft(event: &Event) -> Result<Draft<'_>, Fault> {
    Ok(Draft {
        event_name: Cow::Borrowed(&event.event_name),
        user_id: Cow::Borrowed(&event.user_id),
        anonymous_id: Cow::Borrowed(&event.anonymous_id),
        idempotency_key: Cow::Borrowed(&event.idempotency_key),
        properties: if event.properties_json.is_empty() {
            struct_text(event.properties.as_ref())
        } else {
            Cow::Borrowed(&event.properties_json)
        },
        context: struct_text(event.context.as_ref()),
        occurred_at: time_text(event.occurred_at.as_ref())?,
        schema_version: event.schema_version,
    })
}

fn struct_text(value: Option<&prost_types::Struct>) -> Cow<'_, str> {
    match value {
        None => Cow::Borrowed(""),
        Some(value) => Cow::Owned(json_object(value).to_string()),
    }
}

fn json_object(value: &prost_types::Struct) -> Value {
    let members = value
        .fields
        .iter()
        .map(|(name, value)| (name.clone(), json_value(value)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn json_value(value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        // A whole number is written without a fraction, as ProtoJSON does.
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::from(*number as i64)
        }
        Some(Kind::NumberValue(number)) => Number::from_f64(*number).into(),
        Some(Kind::StringValue(text)) => Value::from(text.as_str()),
        Some(Kind::BoolValue(flag)) => Value::from(*flag),
        Some(Kind::StructValue(members)) => json_object(members),
        Some(Kind::ListValue(list)) => Value::Array(list.values.iter().map(json_value).collect()),
    }
}

fn time_text(time: Option<&prost_types::Timestamp>) -> Result<Cow<'_, str>, Fault> {
    match time {
        None => Ok(Cow::Borrowed("")),
        Some(time) => match Timestamp::new(time.seconds, time.nanos) {
            Ok(timestamp) => Ok(Cow::Owned(timestamp.to_string())),
            Err(error) => Err(Fault::new("invalid_field", error.to_string())),
        },
    }
}

fn proto_time(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

fn event_result(index: usize, verdict: Verdict, time: prost_types::Timestamp) -> EventResult {
    let status = match verdict.status {
        Status::Accepted => event_result::Status::Accepted,
        Status::Duplicate => event_result::Status::Duplicate,
        Status::Rejected => event_result::Status::Rejected,
        Status::Retry => event_result::Status::Retry,
    };
    EventResult {
        index: index as u32,
        idempotency_key: verdict.idempotency_key,
        event_id: verdict.event_id,
        status: status.into(),
        timestamp: Some(time),
        schema_version: verdict.schema_version,
        sequence: verdict.sequence,
        error: verdict.fault.map(event_error),
        warnings: Vec::new(),
    }
}

fn event_error(fault: Fault) -> EventError {
    let violations = fault.violations.into_iter().map(|violation| SentViolation {
        path: violation.path,
        code: violation.code,
        message: violation.message,
        ..SentViolation::default()
    });
    EventError {
        code: fault.code.into(),
        message: fault.message,
        violations: violations.collect(),
        help: String::new(),
    }
}

/// With the details of AIP-193, as the gate sends them.
fn rpc_status(fault: &Fault) -> RpcStatus {
    let mut details = ErrorDetails::with_error_info(fault.code, "headgate", []);
    for violation in &fault.violations {
        details.add_bad_request_violation(&violation.path, &violation.message);
    }
    let code = if fault.is_retryable() {
        Code::Unavailable
    } else {
        Code::InvalidArgument
    };
    RpcStatus::with_error_details(code, &fault.message, details)
}
