//! Reads calls from standard input, sends them, and writes the answers, one JSON object per
//! line. `npm run test:clients` uses it to test every language with the same cases.

use std::time::Duration;

use prost_types::{ListValue, Struct, Timestamp, Value as ProtoValue, value::Kind};
use serde_json::{Value, json};
use shop::contract::{BatchTrackRequest, Event, EventResult, TrackRequest};
use shop::{Refusal, connect, retried, within};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

#[tokio::main]
async fn main() {
    for line in std::io::stdin().lines() {
        let call: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        println!("{}", run(&call).await);
    }
}

async fn run(call: &Value) -> Value {
    let cancel_after = call["cancelAfterMs"].as_u64().unwrap_or(0);
    let answer = if cancel_after == 0 {
        send(call).await
    } else {
        // Dropping a call cancels it.
        let cancelled = Status::new(Code::Cancelled, "");
        tokio::time::timeout(Duration::from_millis(cancel_after), send(call))
            .await
            .unwrap_or(Err(cancelled))
    };
    match answer {
        Ok(results) => json!({
            "status": "OK", "results": results.iter().map(verdict).collect::<Vec<_>>(),
            "code": "", "help": "", "violations": [], "retryAfterMs": 0,
        }),
        Err(status) => refused(&Refusal::from(&status)),
    }
}

async fn send(call: &Value) -> Result<Vec<EventResult>, Status> {
    let address = format!("http://{}", text(&call["address"]));
    let mut gate = connect(&address, &text(&call["key"]))
        .await
        .expect("a connection");
    if call["gzip"] == true {
        gate = gate.send_compressed(CompressionEncoding::Gzip);
    }
    let deadline = Duration::from_millis(call["deadlineMs"].as_u64().expect("a deadline"));
    let request = &call["request"];
    if call["rpc"] == "Track" {
        let single = TrackRequest {
            event: request.get("event").map(event),
        };
        let answer = retried(async || gate.track(within(deadline, single.clone())).await).await?;
        return Ok(answer.into_inner().result.into_iter().collect());
    }
    let batch = BatchTrackRequest {
        events: request["events"]
            .as_array()
            .map_or(vec![], |events| events.iter().map(event).collect()),
        context: request.get("context").map(fields),
        sent_at: request.get("sentAt").map(time),
        validate_only: request["validateOnly"] == true,
        historical: request["historical"] == true,
    };
    let answer = retried(async || gate.batch_track(within(deadline, batch.clone())).await).await?;
    Ok(answer.into_inner().results)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn time(value: &Value) -> Timestamp {
    text(value).parse().expect("a time")
}

fn event(json: &Value) -> Event {
    Event {
        event_name: text(&json["eventName"]),
        user_id: text(&json["userId"]),
        anonymous_id: text(&json["anonymousId"]),
        idempotency_key: text(&json["idempotencyKey"]),
        properties: json.get("properties").map(fields),
        properties_json: text(&json["propertiesJson"]),
        context: json.get("context").map(fields),
        occurred_at: json.get("occurredAt").map(time),
        schema_version: json["schemaVersion"].as_u64().unwrap_or(0) as u32,
    }
}

fn fields(json: &Value) -> Struct {
    let members = json.as_object().expect("an object").iter();
    Struct {
        fields: members
            .map(|(name, each)| (name.clone(), proto(each)))
            .collect(),
    }
}

fn proto(json: &Value) -> ProtoValue {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().expect("a number")),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(proto).collect(),
        }),
        Value::Object(_) => Kind::StructValue(fields(json)),
    };
    ProtoValue { kind: Some(kind) }
}

fn verdict(result: &EventResult) -> Value {
    let error = result.error.clone().unwrap_or_default();
    let timestamp = result.timestamp.unwrap_or_default();
    json!({
        "index": result.index,
        "idempotencyKey": result.idempotency_key,
        "eventId": result.event_id,
        "status": result.status().as_str_name(),
        "sequence": result.sequence,
        "schemaVersion": result.schema_version,
        "timestampMs": timestamp.seconds * 1000 + i64::from(timestamp.nanos) / 1_000_000,
        "code": error.code,
        "violations": error.violations.iter().map(|each| json!({"path": each.path, "code": each.code})).collect::<Vec<_>>(),
        "warnings": result.warnings.len(),
    })
}

fn refused(refusal: &Refusal) -> Value {
    json!({
        "status": format!("{:?}", refusal.status),
        "results": [],
        "code": refusal.code,
        "help": refusal.help,
        // tonic-types reads the field and description of a violation, but not its reason.
        "violations": refusal.violations.iter().map(|each| json!({"path": each.field, "code": null})).collect::<Vec<_>>(),
        "retryAfterMs": refusal.retry_after.map_or(0, |delay| delay.as_millis() as u64),
    })
}
