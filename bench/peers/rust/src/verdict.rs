//! What came of one event.

use serde::Serialize;

#[derive(Clone, Serialize)]
pub struct Violation {
    /// A JSON pointer into the event.
    pub path: String,
    pub code: String,
    pub message: String,
}

/// Why an event is not stored.
#[derive(Serialize)]
pub struct Fault {
    pub code: &'static str,
    pub message: String,
    pub violations: Vec<Violation>,
}

impl Fault {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let violations = Vec::new();
        Self {
            code,
            message: message.into(),
            violations,
        }
    }

    pub fn at(code: &'static str, message: &str, path: &str) -> Self {
        let violation = Violation {
            path: path.into(),
            code: code.into(),
            message: message.into(),
        };
        Self {
            violations: vec![violation],
            ..Self::new(code, message)
        }
    }

    /// The HTTP status of a request with this event alone.
    pub fn http_status(&self) -> u16 {
        match self.code {
            "not_stored" => 503,
            "unknown_field" | "malformed_request" => 400,
            _ => 422,
        }
    }

    pub fn is_retryable(&self) -> bool {
        self.code == "not_stored"
    }
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Accepted,
    Duplicate,
    Rejected,
    Retry,
}

pub struct Verdict {
    pub idempotency_key: String,
    /// Empty if the key is no UUID.
    pub event_id: String,
    pub status: Status,
    pub schema_version: u32,
    pub sequence: u64,
    pub fault: Option<Fault>,
}
