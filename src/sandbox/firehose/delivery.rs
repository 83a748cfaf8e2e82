//! Delivering: a buffer becomes an object, or a line in the error log and another try.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::buffer::{self, Buffer};
use super::{DELETING, Deleting, Status, Stream, time_pattern};
use crate::sandbox::fault::Kind;
use crate::sandbox::iam::{self, Assumer};
use crate::sandbox::s3::{self, Delivery};
use crate::sandbox::world::World;
use crate::sandbox::{ids, logs};

/// How long after a failure the next try is, by AWS's time, and for how long there are tries.
const PAUSE: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_hours(24);

/// Removes the files of buffers that no row names: what a crash left. To be called before anything is put.
pub(crate) fn sweep_leftovers(world: &World) {
    let buffers =
        world.firehose.streams.iter().flat_map(|(_, stream)| stream.waiting.iter().chain(&stream.open));
    buffer::sweep(&world.folder, &buffers.map(Buffer::file).collect());
}

/// Removes the files of buffers whose rows are gone, which is on disk.
pub(crate) fn remove_files(world: &mut World) {
    for buffer in std::mem::take(&mut world.firehose.emptied) {
        buffer.discard(&world.folder);
    }
}

/// Keeps the files of buffers whose rows did not go after all.
pub(crate) fn keep_files(world: &mut World) {
    world.firehose.emptied.clear();
}

/// Delivers what is due, and forgets streams that are gone.
pub(crate) fn tick(world: &mut World, now: Timestamp) {
    let_go(world, now);
    for key in due(world, now) {
        seal_if_old(world, &key, now);
        while let Some(buffer) = next_due(world, &key, now) {
            deliver_or_wait(world, &key, buffer, now);
        }
    }
    let gone: Vec<String> = world
        .firehose
        .streams
        .iter()
        .filter(|(_, stream)| stream.status(now) == Status::Gone)
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in gone {
        world.firehose.streams.remove(&key);
    }
}

/// Lets go of the deletions that were stuck, once the fault is taken away.
fn let_go(world: &mut World, now: Timestamp) {
    if !world.faults.is_on(Kind::StuckDelete, "firehose", "DeleteDeliveryStream") {
        let over = Deleting { until: Some(world.pace.after(now, DELETING)) };
        let is_stuck = |stream: &Stream| stream.deleting == Some(Deleting { until: None });
        world.firehose.streams.change_where(is_stuck, |stream| stream.deleting = Some(over));
    }
}

/// The keys of streams with something to do: only those rows are touched, and so written.
fn due(world: &World, now: Timestamp) -> Vec<String> {
    let is_due =
        |stream: &Stream| (!stream.waiting.is_empty() && can_try(stream, now)) || is_old(world, stream, now);
    world
        .firehose
        .streams
        .iter()
        .filter(|(_, stream)| is_due(stream))
        .map(|(key, _)| key.to_owned())
        .collect()
}

fn can_try(stream: &Stream, now: Timestamp) -> bool {
    stream.next_try.is_none_or(|next| next <= now)
}

fn is_old(world: &World, stream: &Stream, now: Timestamp) -> bool {
    let full_age = |buffer: &Buffer| world.pace.after(buffer.opened, stream.destination.interval());
    stream.open.as_ref().is_some_and(|buffer| full_age(buffer) <= now)
}

fn seal_if_old(world: &mut World, key: &str, now: Timestamp) {
    let old = world.firehose.streams.get(key).is_some_and(|stream| is_old(world, stream, now));
    if old && let Some(stream) = world.firehose.streams.get_mut(key) {
        stream.seal();
    }
}

/// Takes the first buffer of a row that may be tried.
fn next_due(world: &mut World, key: &str, now: Timestamp) -> Option<Buffer> {
    let stream = world.firehose.streams.get(key)?;
    if stream.waiting.is_empty() || !can_try(stream, now) {
        return None;
    }
    Some(world.firehose.streams.get_mut(key)?.waiting.remove(0))
}

/// Delivers a buffer. Where that fails, the others would most likely fail too: they all wait, and another is tried
/// first next time, should it be this one's own fault.
fn deliver_or_wait(world: &mut World, key: &str, buffer: Buffer, now: Timestamp) {
    let Some(stream) = world.firehose.streams.get(key) else { return };
    let delivered = Parcel::of(stream, &buffer).deliver(world, &buffer, now);
    let Err(failure) = delivered else {
        world.firehose.emptied.push(buffer);
        return;
    };
    log(world, key, &failure, now);
    if world.pace.after(buffer.opened, PATIENCE) <= now {
        tracing::warn!(stream = key, bytes = buffer.bytes, "dropped: it could not be delivered for a day");
        world.firehose.emptied.push(buffer);
        return;
    }
    let next_try = world.pace.after(now, PAUSE);
    if let Some(stream) = world.firehose.streams.get_mut(key) {
        stream.next_try = Some(next_try);
        stream.waiting.push(buffer);
    }
}

/// Why a delivery failed, in the words of the error log.
struct Failure {
    code: String,
    message: String,
}

/// Where a buffer is to be put, and how.
struct Parcel {
    account: String,
    role: String,
    bucket: String,
    key: String,
    gzip: bool,
}

impl Parcel {
    fn of(stream: &Stream, buffer: &Buffer) -> Self {
        let destination = &stream.destination;
        let moment = buffer.opened.to_zoned(destination.time_zone());
        let folder = time_pattern::folder(destination.prefix(), &moment, &random_string());
        Self {
            account: stream.place.account.clone(),
            role: destination.role_arn().to_owned(),
            bucket: destination.bucket().to_owned(),
            key: format!(
                "{folder}{}-{}-{}-{}{}",
                stream.name,
                buffer.version,
                moment.strftime("%Y-%m-%d-%H-%M-%S"),
                ids::uuid(),
                destination.extension()
            ),
            gzip: destination.gzip(),
        }
    }

    fn deliver(self, world: &mut World, buffer: &Buffer, now: Timestamp) -> Result<(), Failure> {
        let firehose = Assumer::Service { name: "firehose.amazonaws.com", account: self.account };
        let object = format!("arn:aws:s3:::{}/{}", self.bucket, self.key);
        let allowed = iam::may_assume(world, &self.role, &firehose, now).is_ok()
            && iam::role_allows(world, &self.role, "s3:PutObject", &object, now);
        if !allowed {
            return Err(Failure {
                code: "S3.AccessDenied".to_owned(),
                message: "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to \
                          assume the role, and the access policy allows access to the S3 bucket."
                    .to_owned(),
            });
        }
        let delivery = Delivery {
            bucket: &self.bucket,
            key: &self.key,
            content_type: "application/octet-stream",
            // Firehose says how the object is encoded, so that browsers and clients may open it.
            content_encoding: self.gzip.then_some("gzip"),
        };
        let body = |folder: &Path| {
            let plain = buffer.read(folder)?;
            if self.gzip { compress(&plain) } else { Ok(plain) }
        };
        s3::put(world, &delivery, body, now)
            .map_err(|refused| Failure { code: format!("S3.{}", refused.code), message: refused.message })
    }
}

fn compress(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

fn random_string() -> String {
    ids::uuid().chars().filter(char::is_ascii_alphanumeric).take(11).collect()
}

/// A line in the stream's error log, if it has one and its role may write there.
fn log(world: &mut World, key: &str, failure: &Failure, now: Timestamp) {
    let Some(stream) = world.firehose.streams.get(key) else { return };
    let Some((group, log_stream)) = stream.destination.error_log() else { return };
    let (group, log_stream, place) = (group.to_owned(), log_stream.to_owned(), stream.place.clone());
    let target = place.arn("logs", &format!("log-group:{group}:log-stream:{log_stream}"));
    if !iam::role_allows(world, stream.destination.role_arn(), "logs:PutLogEvents", &target, now) {
        return;
    }
    let line = json!({
        "deliveryStreamARN": stream.arn,
        "destination": stream.destination.bucket_arn(),
        "deliveryStreamVersionId": stream.version,
        "message": failure.message,
        "errorCode": failure.code,
    });
    logs::write(world, &place, &group, &log_stream, false, &[line.to_string()], now);
}
