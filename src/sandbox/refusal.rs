//! What the sandbox answers when it will not do what it was asked: a code and a sentence, as AWS words them.

use std::borrow::Cow;

/// An error answer. The service's protocol decides how it looks on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code that clients branch on: `ResourceNotFoundException`.
    pub(crate) code: Cow<'static, str>,
    /// The sentence that people read.
    pub(crate) message: String,
    /// The status of the HTTP answer.
    pub(crate) status: u16,
}

impl Refusal {
    /// A refusal with the status that most have, 400.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400 }
    }

    /// The same with another status.
    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}
