//! The wire protocols: each turns a request into an operation's name and a document, and an answer or a refusal into
//! bytes.
//!
//! Documents are JSON values whatever the protocol, so that a service is written once. In the query protocols every
//! leaf arrives as text: [`Number`] and [`Flag`] read both.

mod query;
pub(crate) mod xml;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A JSON document; the operation's name in `x-amz-target`, after the target and a dot.
    Json { target: &'static str },
    /// A form; answers in XML.
    Query { version: &'static str, namespace: &'static str },
    /// A form with lists of its own kind; answers in XML of another shape.
    Ec2 { version: &'static str, namespace: &'static str },
}

pub(crate) use query::{Form, read_form};

/// An answer's bytes and what they are.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Protocol {
    /// A good answer as bytes.
    pub(crate) fn answer(self, operation: &str, document: &Value, request_id: &str) -> Encoded {
        match self {
            // An operation that answers nothing answers nothing, not `{}`.
            Self::Json { .. } if document.as_object().is_some_and(serde_json::Map::is_empty) => {
                json_bytes(Bytes::new())
            }
            Self::Json { .. } => json_bytes(document.to_string().into()),
            Self::Query { namespace, .. } => xml_bytes(format!(
                "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{}</{operation}Result>\
                 <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>",
                xml::children(document, "member")
            )),
            Self::Ec2 { namespace, .. } => xml_bytes(format!(
                "<{operation}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>{}</{operation}Response>",
                xml::children(document, "item")
            )),
        }
    }

    /// A refusal as bytes.
    pub(crate) fn refuse(self, refusal: &Refusal, request_id: &str) -> Encoded {
        let (code, message) = (&refusal.code, &refusal.message);
        match self {
            Self::Json { .. } => json_bytes(json!({ "__type": code, "message": message }).to_string().into()),
            Self::Query { namespace, .. } => {
                let fault = if refusal.status < 500 { "Sender" } else { "Receiver" };
                xml_bytes(format!(
                    "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message>\
                     </Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                    xml::text(code),
                    xml::text(message)
                ))
            }
            Self::Ec2 { .. } => xml_bytes(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message>\
                 </Error></Errors><RequestID>{request_id}</RequestID></Response>",
                xml::text(code),
                xml::text(message)
            )),
        }
    }
}

fn json_bytes(body: Bytes) -> Encoded {
    Encoded { content_type: "application/x-amz-json-1.1", body }
}

fn xml_bytes(body: String) -> Encoded {
    Encoded { content_type: "text/xml;charset=UTF-8", body: body.into() }
}

/// A number, written as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number<T>(pub(crate) T);

impl<'de, T: std::str::FromStr> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text,
            other => return Err(D::Error::custom(format!("{other} is not a number"))),
        };
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("{text} is not a number that fits here")))
    }
}

/// Yes or no, written as a boolean or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(flag) => Ok(Self(flag)),
            Value::String(text) if text == "true" || text == "false" => Ok(Self(text == "true")),
            other => Err(D::Error::custom(format!("{other} is not true or false"))),
        }
    }
}
