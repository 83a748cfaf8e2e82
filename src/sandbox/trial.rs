//! A world to try things on in unit tests: calls without a wire, and a clock that is moved by hand.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::call::{Call, Place, Service};
use super::clock::Pace;
use super::iam;
use super::operation::Reply;
use super::refusal::Refusal;
use super::server;
use super::world::World;

/// A world of its own at AWS's own pace.
pub(crate) struct Trial {
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    /// Who calls: `operator` unless a test says otherwise.
    pub(crate) access_key: String,
    _folder: tempfile::TempDir,
}

impl Trial {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pace = Pace::new(1).expect("AWS's own pace");
        Self {
            world: World::empty(folder.path(), pace),
            now: "2026-11-20T14:03:01Z".parse().expect("a time"),
            access_key: "operator".to_owned(),
            _folder: folder,
        }
    }

    /// Makes a call in us-east-1, to its answer's document.
    pub(crate) fn ask(&mut self, service: &str, operation: &str, input: Value) -> Result<Value, Refusal> {
        match self.reply(service, operation, input)? {
            Reply::Document(document) => Ok(document),
            Reply::Frames(_) => panic!("{operation} answers by a stream"),
        }
    }

    /// Makes a call in us-east-1.
    pub(crate) fn reply(&mut self, service: &str, operation: &str, input: Value) -> Result<Reply, Refusal> {
        let service =
            Service::ALL.into_iter().find(|known| known.signing_name() == service).expect("a known service");
        let caller = iam::caller(&self.world, &self.access_key, self.now);
        let place = Place { account: caller.account().to_owned(), region: "us-east-1".to_owned() };
        let call = Call {
            service,
            operation: operation.to_owned(),
            place,
            caller,
            now: self.now,
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        };
        server::run(&mut self.world, &call, input)
    }

    /// The code that a call is refused with.
    pub(crate) fn refused(&mut self, service: &str, operation: &str, input: Value) -> String {
        match self.reply(service, operation, input) {
            Ok(reply) => panic!("{operation} is answered: {reply:?}"),
            Err(refusal) => refusal.code.into_owned(),
        }
    }

    /// Lets time go by.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now.checked_add(time).expect("a time of this age");
        self.world.tick(self.now);
    }
}
