//! The body of a request on its way in. What its reader leaves of it is read away before the answer goes out, so that
//! the connection can be used again; where that cannot be, the answer says that the connection ends. Without either,
//! a client sends its next request into a connection that is being closed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use hyper::{Request, Response};

/// More than this is not read away: ending the connection costs less.
const LARGEST_REST: usize = 1 << 20;
const REST_LIMIT: Duration = Duration::from_secs(10);

/// A body whose unread rest goes back to where it came from.
#[derive(Debug)]
pub(crate) struct Inflow {
    /// Until it is dropped.
    body: Option<Incoming>,
    was_read: bool,
    rest: Arc<Mutex<Rest>>,
}

/// What is left of a body once its reader has let go of it.
#[derive(Debug)]
pub(crate) struct Left {
    rest: Arc<Mutex<Rest>>,
    /// The client sends its body only when it is told to go on.
    is_announced: bool,
}

#[derive(Debug, Default)]
struct Rest {
    was_read: bool,
    body: Option<Incoming>,
}

/// Splits a request into what its reader gets and what is left afterwards.
pub(crate) fn split(request: Request<Incoming>) -> (Request<Inflow>, Left) {
    let rest = Arc::<Mutex<Rest>>::default();
    let is_announced = request.headers().contains_key(EXPECT);
    let left = Left { rest: Arc::clone(&rest), is_announced };
    (request.map(|body| Inflow { body: Some(body), was_read: false, rest }), left)
}

impl Left {
    /// Sees to it that `response` can be followed by another request, or says in it that none can.
    pub(crate) async fn settle<B>(self, response: &mut Response<B>) {
        let rest = std::mem::take(&mut *self.rest.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(body) = rest.body else { return };
        // Reading would ask for what nobody needs any more.
        let waits_to_send = self.is_announced && !rest.was_read;
        let is_read = !waits_to_send
            && tokio::time::timeout(REST_LIMIT, read_away(Limited::new(body, LARGEST_REST))).await
                == Ok(true);
        if !is_read {
            let closes = hyper::header::HeaderValue::from_static("close");
            response.headers_mut().insert(hyper::header::CONNECTION, closes);
        }
    }
}

/// Whether all of it could be read.
async fn read_away(mut body: Limited<Incoming>) -> bool {
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

impl Body for Inflow {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.was_read = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Inflow {
    fn drop(&mut self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.was_read = self.was_read;
        rest.body = self.body.take().filter(|body| !body.is_end_stream());
    }
}
