//! Records into the delivery stream: `PutRecordBatch` within its limits, and every record until it is taken.
//!
//! Lines are put together into records (by setting), records into requests. Of a request that was taken in part only
//! the failed records are sent again. What is refused as a whole for its content is halved until the record that is to
//! blame stands alone; that one goes to the quarantine with the reason. What no record can be blamed for (a stream that
//! is not there, a permission, credentials) holds everything and says so: nothing is dropped. After a time-out the write
//! may have happened: it is made again, since Firehose cannot be asked.
//!
//! How many requests are under way at once is found out: one more after each that went well, half as many after a
//! throttle.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_firehose::config::retry::RetryConfig;
use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record as Put;
use jiff::Timestamp;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, CloudError, Failure, Operation};
use crate::stream::live::{Live, Settled, Side};
use crate::stream::record::{Fields, Format};

/// Firehose takes no more records at once.
const MOST_RECORDS: usize = 500;
/// Firehose takes no longer record: 1,000 KiB.
const LONGEST_RECORD: usize = 1_024_000;
/// Firehose takes 4 MiB at once, and its own documents do not agree on whether encoded; a third of 3 MiB keeps the
/// memory of several requests under way small, and fills its quota all the same.
const MOST_BYTES: usize = 1 << 20;
/// Requests under way at once.
const MOST_AT_ONCE: usize = 8;
/// One request takes at most this long.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
/// The first and the longest pause before a record is sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The first and the longest pause while something holds everything.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// A record as it is sent: the lines in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Record {
    data: Vec<u8>,
    posts: u64,
}

/// Posts that are handed on together, as the records that are sent for them.
#[derive(Debug)]
pub struct Request {
    /// The number of the first post in it.
    pub first: u64,
    /// The number after the last.
    pub upto: u64,
    /// When the first post was received.
    pub received: Timestamp,
    packing: Option<Packing>,
    records: Vec<Record>,
    bytes: usize,
    /// What is settled without being sent.
    settled: Settled,
    /// Lines that no record can hold, and why.
    refused: Vec<(Vec<u8>, String)>,
}

/// How lines are put together.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Lines are joined into records up to this many bytes; 0 sends each alone.
    pub aggregate: usize,
    /// How they are written.
    pub format: Format,
}

impl Request {
    /// An empty one that begins with the post of this number. Without a packing its posts are for nobody but the files
    /// that have them: nothing will be sent.
    pub fn new(first: u64, packing: Option<Packing>) -> Self {
        Self {
            first,
            upto: first,
            received: Timestamp::now(),
            packing,
            records: Vec::new(),
            bytes: 0,
            settled: Settled::default(),
            refused: Vec::new(),
        }
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.records.len() >= MOST_RECORDS || self.bytes >= MOST_BYTES
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Passes over a post that its author took back.
    pub fn withdraw(&mut self) {
        self.settled.withdrawn += 1;
    }

    /// Adds a post's line.
    pub fn add(&mut self, line: &[u8]) {
        match self.packing {
            Some(Packing { aggregate, format: Format::Tsv }) => self.pack(line, aggregate),
            Some(Packing { aggregate, format: Format::Json }) => {
                let mut converted = Vec::new();
                // The spool holds nothing but what was written as a record.
                if let Ok(fields) = Fields::split(line) {
                    fields.write(Format::Json, &mut converted);
                }
                self.pack(&converted, aggregate);
            }
            None => self.bytes += line.len(),
        }
    }

    /// Puts a line, as it is sent, into a record.
    fn pack(&mut self, line: &[u8], aggregate: usize) {
        if line.len() > LONGEST_RECORD {
            self.settled.quarantined += 1;
            let why = format!("it is longer than {LONGEST_RECORD} bytes, Firehose's limit");
            self.refused.push((line.to_vec(), why));
            return;
        }
        let most = aggregate.min(LONGEST_RECORD);
        match self.records.last_mut() {
            Some(record) if record.data.len() + line.len() <= most => {
                record.data.extend_from_slice(line);
                record.posts += 1;
            }
            _ => self.records.push(Record { data: line.to_vec(), posts: 1 }),
        }
        self.bytes += line.len();
    }

    /// It goes up to this number; so many of its posts a damaged disk took.
    pub fn close(&mut self, upto: u64, lost: u64) {
        self.upto = upto;
        self.settled.quarantined += lost;
    }

    /// What becomes of it when nothing is sent: whatever is not settled already is with everybody who wanted it.
    pub fn unsent(self) -> Sent {
        let Self { first, upto, mut settled, refused, .. } = self;
        settled.delivered = upto - first - settled.quarantined - settled.withdrawn;
        Sent { first, upto, settled, refused }
    }
}

/// What became of a request.
#[derive(Debug)]
pub struct Sent {
    /// As the request had it.
    pub first: u64,
    /// As the request had it.
    pub upto: u64,
    /// What became of its posts.
    pub settled: Settled,
    /// Records that Firehose does not take, and why.
    pub refused: Vec<(Vec<u8>, String)>,
}

/// The delivery stream.
#[derive(Debug)]
pub struct Firehose {
    cloud: Cloud,
    stream: String,
    packing: Packing,
    at_once: AtomicUsize,
    /// Whether it ever took a record: until then, what it refuses is not the record's fault.
    took_some: AtomicBool,
}

/// What to do about records that were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Send them again.
    Again,
    /// Wait until somebody mends what is wrong.
    Hold,
    /// Find the record that is to blame.
    Blame,
}

impl Remedy {
    fn of(error: &CloudError) -> Self {
        match (error.failure(), error.code()) {
            (Failure::Throttled | Failure::TimedOut | Failure::Unreachable | Failure::Broken, _) => {
                Self::Again
            }
            (
                Failure::Refused,
                Some("InvalidArgumentException" | "ValidationException" | "SerializationException"),
            ) => Self::Blame,
            _ => Self::Hold,
        }
    }
}

impl Firehose {
    /// The delivery stream of this name, and how records are put together for it.
    pub fn new(cloud: Cloud, stream: String, packing: Packing) -> Self {
        Self { cloud, stream, packing, at_once: AtomicUsize::new(2), took_some: AtomicBool::new(false) }
    }

    /// How records are put together.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// How many requests may be under way now.
    pub fn at_once(&self) -> usize {
        self.at_once.load(Ordering::Relaxed)
    }

    /// Sends a request until all of its records are taken or refused; `None` when it was given up.
    pub async fn send(&self, request: Request, live: &Live, give_up: &CancellationToken) -> Option<Sent> {
        let Request { first, upto, records, mut settled, mut refused, .. } = request;
        let mut waiting = VecDeque::from([records]);
        let mut tries = 0;
        while let Some(records) = waiting.pop_front() {
            if records.is_empty() {
                continue;
            }
            let tried = tokio::select! {
                tried = self.put(&records) => tried,
                () = give_up.cancelled() => return None,
            };
            let (again, pause) = match tried {
                Ok(failed) => {
                    let all: u64 = records.iter().map(|record| record.posts).sum();
                    let again: Vec<Record> =
                        failed.into_iter().filter_map(|place| records.get(place).cloned()).collect();
                    settled.delivered += all - again.iter().map(|record| record.posts).sum::<u64>();
                    if again.len() < records.len() {
                        self.took_some.store(true, Ordering::Relaxed);
                        live.hold(Side::Firehose, None);
                    }
                    if again.is_empty() {
                        tries = 0;
                        self.go_faster();
                        continue;
                    }
                    tries = if again.len() < records.len() { 1 } else { tries + 1 };
                    self.go_slower();
                    (again, pause(tries, FIRST_PAUSE, LONGEST_PAUSE))
                }
                Err(error) => match Remedy::of(&error) {
                    Remedy::Blame if records.len() > 1 => {
                        let (one, other) = records.split_at(records.len() / 2);
                        waiting.push_front(other.to_vec());
                        waiting.push_front(one.to_vec());
                        continue;
                    }
                    Remedy::Blame if self.took_some.load(Ordering::Relaxed) => {
                        for record in records {
                            settled.quarantined += record.posts;
                            refused.push((record.data, error.to_string()));
                        }
                        continue;
                    }
                    Remedy::Again => {
                        tries += 1;
                        // This is how Firehose says that it is too much.
                        let is_too_much = error.code() == Some("ServiceUnavailableException");
                        if is_too_much || error.failure() == Failure::Throttled {
                            self.go_slower();
                        }
                        live.failed(&error);
                        (records, pause(tries, FIRST_PAUSE, LONGEST_PAUSE))
                    }
                    Remedy::Hold | Remedy::Blame => {
                        tries += 1;
                        live.hold(Side::Firehose, Some(format!("{error}; what was received waits")));
                        (records, pause(tries, FIRST_HOLD, LONGEST_HOLD))
                    }
                },
            };
            live.retried(again.len() as u64);
            waiting.push_front(again);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = give_up.cancelled() => return None,
            }
        }
        Some(Sent { first, upto, settled, refused })
    }

    /// Sends records once; the places of those that were not taken.
    async fn put(&self, records: &[Record]) -> Result<Vec<usize>, CloudError> {
        let put = |record: &Record| {
            Put::builder().data(Blob::new(record.data.as_slice())).build().expect("a record has its data")
        };
        // Here it is known what may be sent again, and how fast: the client must not try by itself.
        let config = aws_sdk_firehose::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(REQUEST_LIMIT).build());
        let request = self
            .cloud
            .firehose
            .put_record_batch()
            .delivery_stream_name(&self.stream)
            .set_records(Some(records.iter().map(put).collect()))
            .customize()
            .config_override(config)
            .send();
        let answer = self.cloud.call(Operation::PutRecordBatch, &self.stream, request).await?;
        if answer.failed_put_count() == 0 {
            return Ok(Vec::new());
        }
        let failed = answer.request_responses().iter().enumerate();
        Ok(failed.filter(|(_, response)| response.record_id().is_none()).map(|(place, _)| place).collect())
    }

    fn go_faster(&self) {
        let now = self.at_once();
        self.at_once.store((now + 1).min(MOST_AT_ONCE), Ordering::Relaxed);
    }

    fn go_slower(&self) {
        let now = self.at_once();
        self.at_once.store((now / 2).max(1), Ordering::Relaxed);
    }
}

/// Any time up to a bound that doubles with every try: so that those who failed together do not come again together.
fn pause(tries: u32, first: Duration, longest: Duration) -> Duration {
    let bound = first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1).min(16))).min(longest);
    bound.mul_f64(rand::rng().random_range(0.0..1.0)).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALONE: Packing = Packing { aggregate: 0, format: Format::Tsv };

    fn pack(lines: &[usize], packing: Packing) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut number = 0;
        while number < lines.len() {
            let mut request = Request::new(number as u64, Some(packing));
            while number < lines.len() && !request.is_full() {
                request.add(&vec![b'x'; lines[number]]);
                number += 1;
            }
            request.close(number as u64, 0);
            requests.push(request);
        }
        requests
    }

    #[test]
    fn a_line_that_no_record_can_hold_goes_to_the_quarantine_alone() {
        let requests = pack(&[10, LONGEST_RECORD + 1, LONGEST_RECORD, 10], ALONE);
        let records: usize = requests.iter().map(|request| request.records.len()).sum();
        let quarantined: u64 = requests.iter().map(|request| request.settled.quarantined).sum();
        assert_eq!((records, quarantined), (3, 1));
    }

    #[test]
    fn of_a_request_with_nothing_to_send_every_post_is_accounted_for() {
        let long = vec![b'x'; LONGEST_RECORD + 1];
        let unsent = |packing| {
            let mut request = Request::new(7, packing);
            request.add(&long);
            request.withdraw();
            // The third was damaged on disk.
            request.close(10, 1);
            assert!(request.is_empty());
            request.unsent()
        };
        let with = unsent(Some(ALONE));
        assert_eq!(with.settled, Settled { delivered: 0, quarantined: 2, withdrawn: 1 });
        assert!(
            matches!(with.refused.as_slice(), [(line, why)] if *line == long && why.contains("Firehose's limit"))
        );
        let without = unsent(None);
        assert_eq!(without.settled, Settled { delivered: 1, quarantined: 1, withdrawn: 1 });
        assert!(without.refused.is_empty(), "only Firehose has this limit");
    }

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        let second = Duration::from_secs(1);
        assert!((0..100).all(|_| pause(1, FIRST_PAUSE, second) <= FIRST_PAUSE));
        assert!((0..100).all(|tries| pause(tries, FIRST_PAUSE, second) <= second));
        let some: std::collections::HashSet<Duration> =
            (0..20).map(|_| pause(30, FIRST_PAUSE, second)).collect();
        assert!(some.len() > 10);
    }

    proptest! {
        #[test]
        fn no_request_passes_a_limit_and_no_post_is_left_out(lines in prop::collection::vec(1..20_000usize, 1..1500), aggregate in prop_oneof![Just(0usize), 1..1_024_000usize]) {
            let packing = Packing { aggregate, format: Format::Tsv };
            let requests = pack(&lines, packing);
            let mut next = 0;
            for request in requests {
                prop_assert_eq!(request.first, next);
                next = request.upto;
                prop_assert!(request.records.len() <= 500 && request.bytes <= 3 << 20);
                let posts: u64 = request.records.iter().map(|record| record.posts).sum();
                prop_assert_eq!(posts, request.upto - request.first);
                let most = aggregate.max(20_000);
                prop_assert!(request.records.iter().all(|record| record.data.len() <= most));
                prop_assert_eq!(request.records.iter().map(|record| record.data.len()).sum::<usize>(), request.bytes);
            }
            prop_assert_eq!(next, lines.len() as u64);
        }
    }
}
