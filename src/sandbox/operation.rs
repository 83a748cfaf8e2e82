//! The table of a service: what it can do, and the function behind each name.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::refusal::Refusal;
use super::wire::Protocol;
use super::world::World;

/// What a call is answered with.
pub(crate) type Answer = Result<Reply, Refusal>;

/// The good answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A document, empty where the operation answers nothing.
    Document(Value),
    /// Frames of an event stream, until the sender is dropped.
    Frames(tokio::sync::mpsc::Receiver<bytes::Bytes>),
}

impl Reply {
    /// The answer of operations that only succeed.
    pub(crate) fn empty() -> Self {
        Self::Document(Value::Object(serde_json::Map::new()))
    }
}

impl From<Value> for Reply {
    fn from(document: Value) -> Self {
        Self::Document(document)
    }
}

/// A line of a service's table.
pub(crate) struct Operation {
    /// As the API names it.
    pub(crate) name: &'static str,
    /// Reads the parameters and does it.
    pub(crate) run: fn(&mut World, &Call, Value) -> Answer,
    /// The ARN of what the call is about, as policies see it.
    pub(crate) resource: fn(&Call, &Value) -> String,
}

/// Makes a service's table: `operations! { GetParameter => get_parameter; }`. The function takes the world, the call
/// and its parameters as a type that says which there are; a parameter that the type does not know is refused.
/// `PutRecord => put_record, on delivery_stream;` names the function that gives the ARN for the policies of roles;
/// without it, a call is about `*`.
macro_rules! operations {
    (@resource) => { |_, _| "*".to_owned() };
    (@resource $resource:path) => { $resource };
    ($( $name:ident => $run:path $( , on $resource:path )? );* $(;)?) => {
        /// What this service can do.
        pub(crate) const OPERATIONS: &[$crate::sandbox::operation::Operation] = &[ $(
            $crate::sandbox::operation::Operation {
                name: stringify!($name),
                run: |world, call, input| $run(world, call, $crate::sandbox::operation::read(call, input)?),
                resource: $crate::sandbox::operation::operations!(@resource $( $resource )?),
            },
        )* ];
    };
}
pub(crate) use operations;

/// Reads a call's parameters into the type that the operation takes.
pub(crate) fn read<T: DeserializeOwned>(call: &Call, input: Value) -> Result<T, Refusal> {
    serde_json::from_value(input).map_err(|error| unreadable(call, &error.to_string()))
}

/// Words serde's complaint as the service would. AWS ignores what it does not know in most services; here it is
/// refused, because a parameter that is silently dropped is a difference that nobody sees.
fn unreadable(call: &Call, complaint: &str) -> Refusal {
    let quoted = complaint.split('`').nth(1).unwrap_or_default();
    if complaint.starts_with("unknown field") {
        tracing::warn!(
            service = call.service.signing_name(),
            operation = call.operation,
            parameter = quoted,
            "unknown to the sandbox"
        );
        return match call.service.protocol() {
            Protocol::Ec2 { .. } => {
                Refusal::new("UnknownParameter", format!("The parameter {quoted} is not recognized"))
            }
            Protocol::Query { .. } => Refusal::new(
                "ValidationError",
                format!("the sandbox does not know the parameter {quoted} of {}", call.operation),
            ),
            Protocol::Json { .. } => Refusal::new(
                "ValidationException",
                format!("the sandbox does not know the parameter {quoted} of {}", call.operation),
            ),
        };
    }
    if complaint.starts_with("missing field") {
        let mut initial = quoted.chars();
        let member: String =
            initial.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(initial).collect();
        let message = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        return match call.service.protocol() {
            Protocol::Ec2 { .. } => {
                Refusal::new("MissingParameter", format!("The request must contain the parameter {quoted}"))
            }
            Protocol::Query { .. } => Refusal::new("ValidationError", message),
            Protocol::Json { .. } => Refusal::new(call.service.code_of_invalid(), message),
        };
    }
    match call.service.protocol() {
        Protocol::Ec2 { .. } => Refusal::new("InvalidParameterValue", complaint.to_owned()),
        Protocol::Query { .. } => Refusal::new("MalformedInput", complaint.to_owned()),
        Protocol::Json { .. } => Refusal::new("SerializationException", complaint.to_owned()),
    }
}
