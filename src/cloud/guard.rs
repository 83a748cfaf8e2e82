//! Looks at every request before it leaves, in the client itself, so that no caller can forget to.
//!
//! It refuses: an operation that was not announced through [`Cloud::call`](super::Cloud::call) under its own name
//! (so the table of operations is complete by construction); any change in read-only mode; and, with a custom
//! endpoint, any host but the endpoint's own. It counts what it lets through, and tells whoever wants to know when AWS
//! asks to slow down or does not answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::{SignedDuration, Timestamp};

use super::{ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, Operation, Place};
use crate::progress::{Phase, Progress};
use crate::text::counted;

tokio::task_local! {
    /// The operation that the present call announced.
    pub(super) static CALL: Operation;
}

/// Why a request was not let out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this run is read-only")]
    Readonly,
    #[error("{service} {operation} is not the operation that was announced: a fault in hydrant")]
    Unannounced { service: String, operation: String },
    #[error("the request would go to {host}, which is not the endpoint that was given")]
    Elsewhere { host: String },
}

#[derive(Debug, Clone)]
pub(super) struct Guard {
    readonly: bool,
    only_authority: Option<String>,
    calls: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    ahead: Arc<Mutex<Option<SignedDuration>>>,
    slowed: Arc<Mutex<Option<Progress>>>,
}

impl Guard {
    pub(super) fn new(readonly: bool, place: &Place) -> Self {
        let only_authority = match place {
            Place::Aws => None,
            Place::Endpoint(url) => Some(url.authority()),
        };
        Self {
            readonly,
            only_authority,
            calls: Arc::default(),
            ahead: Arc::default(),
            slowed: Arc::default(),
        }
    }

    pub(super) fn is_readonly(&self) -> bool {
        self.readonly
    }

    pub(super) fn tell_when_slowed(&self, progress: Progress) {
        *self.slowed.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    pub(super) fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far this machine's clock was ahead of the clock of the last answer.
    pub(super) fn clock_ahead(&self) -> Option<SignedDuration> {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(&self, service: &str, name: &str) -> Result<Operation, Refusal> {
        let announced = CALL.try_with(|operation| *operation).ok().filter(|operation| {
            let spec = operation.spec();
            spec.service == service && spec.name == name
        });
        let operation = announced.ok_or_else(|| Refusal::Unannounced {
            service: service.to_owned(),
            operation: name.to_owned(),
        })?;
        if self.readonly && operation.changes() { Err(Refusal::Readonly) } else { Ok(operation) }
    }
}

/// How AWS's services say, in an error's code, that they are asked too often.
const TOO_OFTEN: [&str; 6] = [
    "SlowDown",
    "Throttl",
    "RequestLimitExceeded",
    "TooManyRequests",
    "RequestThrottled",
    "PriorRequestNotComplete",
];

/// Whether an answer says that too much was asked. The code stands in a header or at the beginning of the body,
/// depending on the protocol.
fn asks_to_slow_down(response: &HttpResponse) -> bool {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return false;
    }
    let code = response.headers().get("x-amzn-errortype").unwrap_or_default();
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body.get(..body.len().min(1024)).unwrap_or_default());
    // Some services, Firehose among them, say it by 503 and a name of its own.
    matches!(response.status().as_u16(), 429 | 503)
        || TOO_OFTEN.iter().any(|name| code.contains(name) || body.contains(name))
}

/// Whether a try got no answer for as long as it was given.
fn is_silence<E>(error: &OrchestratorError<E>) -> bool {
    error.is_timeout_error() || error.as_connector_error().is_some_and(ConnectorError::is_timeout)
}

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "hydrant's guard"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, name) = cfg.load::<Metadata>().map_or(("", ""), |call| (call.service(), call.name()));
        let operation = self.permit(service, name)?;
        *self
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(operation.permission())
            .or_default() += 1;
        tracing::debug!(operation = operation.permission(), "call");
        if self.only_authority.is_some() {
            // Some operations have a host of their own in front of the service's (`stream-` for live tails). A custom
            // endpoint is one host, and the prefixed one is none, or somebody else's.
            cfg.interceptor_state().unset::<EndpointPrefix>();
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(there) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) {
            let ahead = Timestamp::now().duration_since(there.timestamp());
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let tries = cfg.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        let throttled = context.response().is_some_and(asks_to_slow_down);
        let silent = context.output_or_error().and_then(Result::err).is_some_and(is_silence);
        let slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = slowed.as_ref()
            && tries < ATTEMPTS
            && (throttled || silent)
            && let Ok(spec) = CALL.try_with(|operation| operation.spec())
        {
            // The SDK doubles the pause with every try and waits for a random part of it.
            let pause = FIRST_PAUSE.saturating_mul(1 << (tries.clamp(1, 16) - 1)).min(LONGEST_PAUSE);
            let text = if throttled {
                let pause = pause.as_secs_f64().ceil();
                format!("AWS asks to slow down ({}); trying again within {pause} s", spec.name)
            } else {
                // Whether there is time for another try, only the SDK knows.
                format!("AWS does not answer ({}), tried {}", spec.name, counted(tries, "time", "times"))
            };
            progress.tell("aws", spec.service, Phase::Waiting, text);
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(only) = &self.only_authority else { return Ok(()) };
        let target = reqwest::Url::parse(context.request().uri());
        match target.as_ref().map(reqwest::Url::authority) {
            Ok(authority) if authority == only => Ok(()),
            elsewhere => {
                Err(Refusal::Elsewhere { host: elsewhere.unwrap_or("an address that is none").to_owned() }
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_from_a_refusal() {
        type Error = OrchestratorError<std::io::Error>;
        let late = || BoxError::from("nothing within 30 s");
        assert!(is_silence(&Error::timeout(late())));
        assert!(is_silence(&Error::connector(ConnectorError::timeout(late()))));
        assert!(!is_silence(&Error::connector(ConnectorError::io("refused".into()))));
        assert!(!is_silence(&Error::other("no credentials")));
    }
}
