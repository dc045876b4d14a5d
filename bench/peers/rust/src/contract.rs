//! What the events must look like: their names and JSON Schemas, read once at the start.

use std::collections::HashMap;
use std::error::Error;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde::Deserialize;
use serde_json::Value;

use crate::verdict::{Fault, Violation};

const VIOLATIONS_MAX: usize = 20;

#[derive(Deserialize)]
struct Entry {
    active: u32,
    versions: HashMap<u32, Value>,
}

struct Contract {
    active: u32,
    validators: HashMap<u32, Validator>,
}

pub struct Contracts(HashMap<String, Contract>);

impl Contracts {
    /// Reads `{"<event>": {"active": 2, "versions": {"1": <schema>, "2": <schema>}}}`.
    pub fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let entries: HashMap<String, Entry> = serde_json::from_str(text)?;
        let mut contracts = HashMap::with_capacity(entries.len());
        for (name, Entry { active, versions }) in entries {
            let mut validators = HashMap::with_capacity(versions.len());
            for (version, schema) in versions {
                let validator = jsonschema::validator_for(&schema).map_err(|e| e.to_string())?;
                validators.insert(version, validator);
            }
            contracts.insert(name, Contract { active, validators });
        }
        Ok(Self(contracts))
    }

    /// Returns the version of the schema that the properties follow. Version 0 asks for the active one.
    pub fn validate(&self, name: &str, version: u32, properties: &Value) -> Result<u32, Fault> {
        let Some(contract) = self.0.get(name) else {
            let message = "No contract has this name.";
            return Err(Fault::at("unplanned_event", message, "/event_name"));
        };
        let version = if version == 0 {
            contract.active
        } else {
            version
        };
        let Some(validator) = contract.validators.get(&version) else {
            let message = "The event has no such version.";
            return Err(Fault::at(
                "unknown_schema_version",
                message,
                "/schema_version",
            ));
        };
        if validator.is_valid(properties) {
            return Ok(version);
        }
        let violations = validator
            .iter_errors(properties)
            .flat_map(|error| violations_of(&error));
        Err(Fault {
            code: "schema_violation",
            message: "The properties break the schema of the event.".into(),
            violations: violations.take(VIOLATIONS_MAX).collect(),
        })
    }
}

/// Names each member that is missing, or that should not be there.
fn violations_of(error: &ValidationError) -> Vec<Violation> {
    let path = format!("/properties{}", error.instance_path());
    let paths = match error.kind() {
        ValidationErrorKind::Required { property } => match property.as_str() {
            Some(member) => vec![format!("{path}/{}", escaped(member))],
            None => vec![path],
        },
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|member| format!("{path}/{}", escaped(member)))
            .collect(),
        _ => vec![path],
    };
    let code = error.kind().keyword();
    let violation = |path| Violation {
        path,
        code: code.into(),
        message: error.to_string(),
    };
    paths.into_iter().map(violation).collect()
}

/// RFC 6901.
fn escaped(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}
