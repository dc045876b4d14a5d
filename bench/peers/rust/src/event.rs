//! From an event as it was sent to the message that the stream holds.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::contract::Contracts;
use crate::verdict::Fault;

/// All events come from the source of a gate that asks for no write key.
pub const SOURCE: &str = "default";

const NAMESPACE: Uuid = Uuid::from_u128(0x9d1c0c5e_3b5d_4f7a_b1e2_8c6f4a7d2e90);
const ID_CHARACTERS_MAX: usize = 256;
const PLACEHOLDERS: [&str; 4] = ["null", "undefined", "none", "nil"];

/// An event as it was sent, of any protocol. A field that was left out is empty.
#[derive(Default)]
pub struct Draft<'a> {
    pub event_name: Cow<'a, str>,
    pub user_id: Cow<'a, str>,
    pub anonymous_id: Cow<'a, str>,
    pub idempotency_key: Cow<'a, str>,
    /// The text of a JSON object.
    pub properties: Cow<'a, str>,
    /// The text of a JSON object.
    pub context: Cow<'a, str>,
    /// RFC 3339.
    pub occurred_at: Cow<'a, str>,
    pub schema_version: u32,
}

/// What the events of one request share.
pub struct Request<'a> {
    pub received_at: Timestamp,
    pub correlation_id: String,
    /// The text of a JSON object; empty if it was not sent.
    pub context: Cow<'a, str>,
    /// RFC 3339; empty if it was not sent.
    pub sent_at: Cow<'a, str>,
    pub protocol: &'static str,
}

impl Request<'_> {
    pub fn received(correlation_id: Option<&str>, protocol: &'static str) -> Self {
        Self {
            received_at: Timestamp::now(),
            correlation_id: match correlation_id {
                Some(id) => id.into(),
                None => Uuid::new_v4().to_string(),
            },
            context: Cow::Borrowed(""),
            sent_at: Cow::Borrowed(""),
            protocol,
        }
    }
}

/// An event that may be stored.
pub struct ValidEvent {
    pub subject: String,
    pub message_id: String,
    pub payload: String,
    pub schema_version: u32,
}

/// The id is the same for every retry of an event: UUIDv5 (RFC 9562) of source and key.
pub fn event_id(key: &str) -> String {
    match Uuid::try_parse(key) {
        Ok(_) => {
            let name = format!("{SOURCE}:{}", key.to_ascii_lowercase());
            Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
        }
        Err(_) => String::new(),
    }
}

pub fn validate(
    contracts: &Contracts,
    request: &Request,
    draft: &Draft,
    event_id: &str,
) -> Result<ValidEvent, Fault> {
    validate_identity(draft)?;
    if event_id.is_empty() {
        return Err(if draft.idempotency_key.is_empty() {
            let message = "The event has no idempotency_key.";
            Fault::at("missing_idempotency_key", message, "/idempotency_key")
        } else {
            let message = "The idempotency_key is no UUID.";
            Fault::at("invalid_idempotency_key", message, "/idempotency_key")
        });
    }
    let properties = parse_object(&draft.properties, "/properties")?;
    let schema_version =
        contracts.validate(&draft.event_name, draft.schema_version, &properties)?;
    if !draft.occurred_at.is_empty() && draft.occurred_at.parse::<Timestamp>().is_err() {
        return Err(Fault::at(
            "invalid_field",
            "Not a time of RFC 3339.",
            "/occurred_at",
        ));
    }
    let context = merge(&request.context, &draft.context)?;
    Ok(ValidEvent {
        subject: format!("headgate.events.0.{SOURCE}.{}", draft.event_name),
        message_id: format!("{SOURCE}:{}", draft.idempotency_key.to_ascii_lowercase()),
        payload: stored_event(request, draft, event_id, schema_version, &context),
        schema_version,
    })
}

fn validate_identity(draft: &Draft) -> Result<(), Fault> {
    if draft.user_id.is_empty() && draft.anonymous_id.is_empty() {
        let message = "The event has neither user_id nor anonymous_id.";
        return Err(Fault::at("missing_identity", message, "/user_id"));
    }
    for (path, id) in [
        ("/user_id", &draft.user_id),
        ("/anonymous_id", &draft.anonymous_id),
    ] {
        let is_long = id.len() > ID_CHARACTERS_MAX && id.chars().count() > ID_CHARACTERS_MAX;
        if is_long {
            return Err(Fault::at("invalid_field", "At most 256 characters.", path));
        }
        let is_blank = !id.is_empty() && id.trim().is_empty();
        if is_blank
            || PLACEHOLDERS
                .iter()
                .any(|word| id.eq_ignore_ascii_case(word))
        {
            return Err(Fault::at(
                "missing_identity",
                "A placeholder is no identity.",
                path,
            ));
        }
    }
    Ok(())
}

fn parse_object(text: &str, path: &str) -> Result<Value, Fault> {
    if text.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Fault::at("invalid_field", "Not a JSON object.", path)),
    }
}

/// Where both have a member, that of the event counts.
fn merge<'a>(shared: &'a str, own: &'a str) -> Result<Cow<'a, str>, Fault> {
    if shared.is_empty() || own.is_empty() {
        return Ok(Cow::Borrowed(if own.is_empty() { shared } else { own }));
    }
    let mut merged = parse_object(shared, "/context")?;
    if let (Value::Object(into), Value::Object(from)) =
        (&mut merged, parse_object(own, "/context")?)
    {
        into.extend(from);
    }
    Ok(Cow::Owned(merged.to_string()))
}

/// The ProtoJSON of headgate.v1.StoredEvent. The properties stand in it as they were sent.
fn stored_event(
    request: &Request,
    draft: &Draft,
    event_id: &str,
    schema_version: u32,
    context: &str,
) -> String {
    let mut text = String::with_capacity(512 + draft.properties.len() + context.len());
    let received_at = format!("{:.3}", request.received_at);
    let event_time = if draft.occurred_at.is_empty() {
        &received_at
    } else {
        &*draft.occurred_at
    };
    text.push_str("{\"eventId\":");
    push_quoted(&mut text, event_id);
    let mut push = |name: &str, value: &str| {
        if value.is_empty() {
            return;
        }
        let _ = write!(text, ",\"{name}\":");
        push_quoted(&mut text, value);
    };
    push("eventName", &draft.event_name);
    push("source", SOURCE);
    push("timestamp", &received_at);
    push("eventTime", event_time);
    push("userId", &draft.user_id);
    push("anonymousId", &draft.anonymous_id);
    push("idempotencyKey", &draft.idempotency_key);
    push("occurredAt", &draft.occurred_at);
    push("sentAt", &request.sent_at);
    push("correlationId", &request.correlation_id);
    let properties = if draft.properties.is_empty() {
        "{}"
    } else {
        &*draft.properties
    };
    let _ = write!(
        text,
        ",\"schemaVersion\":{schema_version},\"properties\":{properties}"
    );
    if !context.is_empty() {
        let _ = write!(text, ",\"context\":{context}");
    }
    text.push('}');
    text
}

fn push_quoted(text: &mut String, value: &str) {
    if value
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
    {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&Value::from(value).to_string());
    }
}
