//! What goes wrong on X's side on purpose, and is switched on and off while the server runs.

use std::fmt;
use std::str::FromStr;

/// A fault of X's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XFault {
    /// `x-stall`: the stream falls silent, keep-alives and all, and stays open.
    Stall,
    /// `x-disconnect` or `x-disconnect:SlowReader`: after its first post, a stream ends with this message.
    Disconnect(String),
    /// `x-cut`: after some posts, a stream breaks off in the middle of a line.
    Cut,
    /// `x-garbage`: between posts there are lines that no reader can use.
    Garbage,
    /// `x-repeat`: posts come twice, and some out of order.
    Repeat,
    /// `x-split`: lines come in pieces, cut at odd places.
    Split,
    /// `x-credits`: 402, the account's credits are used up.
    Credits,
    /// `x-auth`: 401, whatever the token.
    Auth,
    /// `x-cap`: 403, the account's own spending limit is reached.
    Cap,
    /// `x-unavailable`: 503, with a page instead of a document.
    Unavailable,
}

const USUAL_DISCONNECT: &str = "OperationalDisconnect";

impl XFault {
    /// Every fault, as it is written.
    pub(crate) const NAMES: [&'static str; 10] = [
        "x-stall",
        "x-disconnect",
        "x-cut",
        "x-garbage",
        "x-repeat",
        "x-split",
        "x-credits",
        "x-auth",
        "x-cap",
        "x-unavailable",
    ];

    /// Whether it refuses calls, rather than disturbing a stream.
    pub(super) const fn refuses(&self) -> bool {
        matches!(self, Self::Credits | Self::Auth | Self::Cap | Self::Unavailable)
    }
}

impl FromStr for XFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, kind) = text.split_once(':').map_or((text, None), |(name, kind)| (name, Some(kind)));
        let fault = match name {
            "x-disconnect" => {
                let kind = kind.unwrap_or(USUAL_DISCONNECT);
                let is_a_name = !kind.is_empty() && kind.bytes().all(|letter| letter.is_ascii_alphanumeric());
                return is_a_name.then(|| Self::Disconnect(kind.to_owned())).ok_or_else(|| {
                    format!("{kind} is no disconnect_type: it is one word, as SlowReader is")
                });
            }
            "x-stall" => Self::Stall,
            "x-cut" => Self::Cut,
            "x-garbage" => Self::Garbage,
            "x-repeat" => Self::Repeat,
            "x-split" => Self::Split,
            "x-credits" => Self::Credits,
            "x-auth" => Self::Auth,
            "x-cap" => Self::Cap,
            "x-unavailable" => Self::Unavailable,
            _ => return Err(format!("{name} is no fault of X's side: there are {}", Self::NAMES.join(", "))),
        };
        match kind {
            None => Ok(fault),
            Some(kind) => Err(format!("{name} has no kinds, so {kind} means nothing")),
        }
    }
}

impl fmt::Display for XFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall => "x-stall",
            Self::Disconnect(kind) if kind == USUAL_DISCONNECT => "x-disconnect",
            Self::Disconnect(kind) => return write!(f, "x-disconnect:{kind}"),
            Self::Cut => "x-cut",
            Self::Garbage => "x-garbage",
            Self::Repeat => "x-repeat",
            Self::Split => "x-split",
            Self::Credits => "x-credits",
            Self::Auth => "x-auth",
            Self::Cap => "x-cap",
            Self::Unavailable => "x-unavailable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_they_are_read() {
        for text in XFault::NAMES.into_iter().chain(["x-disconnect:SlowReader"]) {
            assert_eq!(text.parse::<XFault>().expect("a fault").to_string(), text);
        }
        for text in ["stall", "x-flood", "x-stall:now", "x-disconnect:", "x-disconnect:two words"] {
            assert!(text.parse::<XFault>().is_err(), "{text}");
        }
    }
}
