//! Lakes made for tests.

use std::path::Path;

use hydrant::stream::record::{COUNT, Column};

use crate::support::World;
use crate::support::run::{Ran, command, run};

pub const PREFIX: &str = "datasets/twitter/kinesis-demo/";

/// A record with this id and text, as the predecessor wrote it.
pub fn record(id: u64, text: &str) -> String {
    let mut fields = vec!["None".to_owned(); COUNT];
    let mut set = |column: Column, value: &str| fields[column as usize] = value.to_owned();
    set(Column::Id, &id.to_string());
    set(Column::CreatedAt, "Thu Dec 30 17:35:53 +0000 2021");
    set(Column::UserJoined, "Sat Nov 27 20:38:14 +0000 2010");
    set(Column::Source, "<a href=\"http://example.org\" rel=\"nofollow\">Web, App</a>");
    set(Column::UserFollowers, "7");
    set(Column::UserVerified, "True");
    set(Column::TweetTextHashtags, "mars|moon");
    set(Column::TweetTextUsernames, "nasa");
    set(Column::Text, text);
    fields.join("\t") + "\t\n"
}

/// The key of an hour's file, as Firehose names it.
pub fn key(hour: &str, number: usize) -> String {
    let folder = hour.replace(['-', 'T'], "/");
    let name = hour.replace('T', "-");
    format!("{PREFIX}{folder}/twitter_delivery_stream-1-{name}-{:02}-00-{number:032x}", number % 60)
}

/// Puts objects into the world's bucket, making it first.
pub async fn bucket(world: &World) {
    world.aws().s3.create_bucket().bucket(world.bucket()).send().await.expect("a bucket");
}

pub async fn put(world: &World, key: &str, content: impl Into<Vec<u8>>) {
    let body = content.into().into();
    world.aws().s3.put_object().bucket(world.bucket()).key(key).body(body).send().await.expect("put");
}

/// Every key of the bucket, in order.
pub async fn keys(world: &World) -> Vec<String> {
    let mut pages = world.aws().s3.list_objects_v2().bucket(world.bucket()).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(
            page.expect("a page").contents().iter().filter_map(|object| object.key().map(ToOwned::to_owned)),
        );
    }
    keys
}

/// The keys of results, of a folder of them.
pub async fn results(world: &World, folder: &str) -> Vec<String> {
    let start = format!("{PREFIX}{folder}/");
    keys(world).await.into_iter().filter(|key| key.starts_with(&start)).collect()
}

pub async fn get(world: &World, key: &str) -> Vec<u8> {
    let answer = world.aws().s3.get_object().bucket(world.bucket()).key(key).send().await.expect("an object");
    answer.body.collect().await.expect("its content").to_vec()
}

/// The `text` column of a CSV.
pub fn texts(csv: &[u8]) -> Vec<String> {
    column(csv, "text")
}

pub fn column(csv: &[u8], name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv);
    let place = reader.headers().expect("a header").iter().position(|header| header == name).expect(name);
    reader.records().map(|record| record.expect("a row")[place].to_owned()).collect()
}

/// Writes a file of a lake in a folder.
pub fn write(folder: &Path, key: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(key);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, content).expect("written");
}

/// Runs `hydrant` in a home of its own, with no AWS at all.
pub async fn local(home: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(home);
    command.args(arguments);
    run(command).await
}
