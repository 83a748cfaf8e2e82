//! Taking records: one, or a batch.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::buffer::Buffer;
use super::{Status, Stream, breaks_constraint, find, find_mut, invalid, not_found};
use crate::sandbox::call::Call;
use crate::sandbox::fault::Kind;
use crate::sandbox::ids;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::world::World;

/// Firehose's limits: a record's bytes, a batch's records, a batch's bytes.
const LARGEST_RECORD: usize = 1_024_000;
const MOST_RECORDS: usize = 500;
const LARGEST_BATCH: usize = 4 << 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Record {
    /// Base64.
    data: String,
}

impl Record {
    fn bytes(&self, member: &str) -> Result<Vec<u8>, Refusal> {
        let bytes = BASE64_STANDARD
            .decode(&self.data)
            .map_err(|_| Refusal::new("SerializationException", "a record's data is not base64"))?;
        if bytes.len() > LARGEST_RECORD {
            let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", bytes.len());
            let constraint = format!("have length less than or equal to {LARGEST_RECORD}");
            return Err(breaks_constraint(&shown, member, &constraint));
        }
        Ok(bytes)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRecord {
    delivery_stream_name: String,
    record: Record,
}

pub(super) fn one(world: &mut World, call: &Call, input: PutRecord) -> Answer {
    let bytes = input.record.bytes("record.data")?;
    active(world, call, &input.delivery_stream_name)?;
    if world.faults.strikes(Kind::Partial, "firehose", "PutRecord") {
        return Err(Refusal::new("ServiceUnavailableException", "Slow down.").status(503));
    }
    take(world, call, &input.delivery_stream_name, &[bytes])?;
    Ok(json!({ "RecordId": record_id(), "Encrypted": false }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRecordBatch {
    delivery_stream_name: String,
    records: Vec<Record>,
}

pub(super) fn batch(world: &mut World, call: &Call, input: PutRecordBatch) -> Answer {
    if input.records.is_empty() {
        return Err(breaks_constraint("[]", "records", "have length greater than or equal to 1"));
    }
    if input.records.len() > MOST_RECORDS {
        let shown = format!("[{} records]", input.records.len());
        let constraint = format!("have length less than or equal to {MOST_RECORDS}");
        return Err(breaks_constraint(&shown, "records", &constraint));
    }
    let records: Vec<Vec<u8>> = input
        .records
        .iter()
        .zip(1..)
        .map(|(record, position)| record.bytes(&format!("records.{position}.member.data")))
        .collect::<Result<_, _>>()?;
    if records.iter().map(Vec::len).sum::<usize>() > LARGEST_BATCH {
        return Err(invalid("Records size exceeds 4 MB limit"));
    }
    active(world, call, &input.delivery_stream_name)?;
    let mut taken = Vec::with_capacity(records.len());
    let mut responses: Vec<Value> = Vec::with_capacity(records.len());
    for record in records {
        if world.faults.strikes(Kind::Partial, "firehose", "PutRecordBatch") {
            responses
                .push(json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." }));
        } else {
            responses.push(json!({ "RecordId": record_id() }));
            taken.push(record);
        }
    }
    let failed = responses.len() - taken.len();
    take(world, call, &input.delivery_stream_name, &taken)?;
    Ok(json!({ "FailedPutCount": failed, "Encrypted": false, "RequestResponses": responses }).into())
}

/// A stream that is not active yet takes nothing, and says that it is not there.
fn active(world: &World, call: &Call, name: &str) -> Result<(), Refusal> {
    match find(world, call, name)?.status(call.now) {
        Status::Active | Status::Deleting => Ok(()),
        Status::Creating | Status::Gone => Err(not_found(call, name)),
    }
}

fn take(world: &mut World, call: &Call, name: &str, records: &[Vec<u8>]) -> Result<(), Refusal> {
    let folder = world.folder.clone();
    let stream = find_mut(world, call, name)?;
    // One that is being deleted takes what comes and keeps none of it: AWS promises nothing else.
    if stream.deleting.is_some() {
        return Ok(());
    }
    let version = stream.version;
    let buffer = stream.open.get_or_insert_with(|| Buffer::new(call.now, version));
    if let Err(error) = buffer.append(&folder, records) {
        tracing::error!(%error, "a delivery stream's buffer is not written");
        return Err(
            Refusal::new("ServiceUnavailableException", "the sandbox cannot write to its folder").status(503)
        );
    }
    if buffer.bytes >= stream.destination.size() {
        stream.seal();
    }
    Ok(())
}

impl Stream {
    /// Gives up everything that it took and has not delivered.
    pub(super) fn empty(&mut self) -> Vec<Buffer> {
        self.open.take().into_iter().chain(self.waiting.drain(..)).collect()
    }

    /// Takes no more into the open buffer: it is to be delivered.
    pub(super) fn seal(&mut self) {
        self.waiting.extend(self.open.take().filter(|buffer| buffer.bytes > 0));
    }
}

/// Long and opaque, as AWS's are.
fn record_id() -> String {
    let random = [ids::uuid(), ids::uuid(), ids::uuid(), ids::uuid()].concat();
    BASE64_STANDARD.encode(random)
}
