//! Jobs that outlive who began them: found again, gone along with, cancelled.

use super::{Desk, documents, runs, until};
use crate::support::run::Running;

/// A Spark that waits for a file, and then leaves a model of two topics.
const WAITS: &str = r#"#!/bin/sh
echo $$ > pid
echo '{"stage": 1, "of": 6, "text": "reading"}'
while [ ! -e go ]; do sleep 0.1; done
echo '{"stage": 6, "of": 6, "text": "writing"}'
echo 'a word of the script'
cd model
printf 'document,topic_0,topic_1\n0,1,0\n' > doc_topics.csv
printf 'term,document_frequency\nrocket,3\nlens,2\n' > terms.csv
printf '0.9,0.1\n0.25,0.75\n' > topics.csv
echo '{"k": 2, "seed": 88, "iterations": 5, "documents": 1, "tokens": 9, "shares": [0.6, 0.4], "prior": [0.5, 0.5], "npmi": [0.1, 0.2], "diversity": 1.0, "likelihood": null, "seconds": {}}' > spark.json
"#;

const FIT: [&str; 8] = ["topics", "fit", "--engine", "spark", "--tokens", "tokens.txt", "--out", "model"];

async fn waiting(program: &str) -> (Desk, Running) {
    let desk = Desk::with_program(program);
    std::fs::write(desk.path("tokens.txt"), documents(9)).unwrap();
    let first = Running::of(desk.command(&FIT).spawn().unwrap());
    until("its first stage", async || {
        let said = std::fs::read_to_string(desk.path("model/spark.out")).unwrap_or_default();
        said.contains("reading") && desk.jobs().await[0]["state"] == "running"
    })
    .await;
    (desk, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_command_was_killed_is_found_by_the_same_command_again() {
    let (desk, first) = waiting(WAITS).await;
    first.kill().await;
    let listed = desk.jobs().await;
    assert_eq!((&listed[0]["state"], &listed[0]["engine"]), (&"running".into(), &"local".into()));
    assert_eq!(listed[0]["stage"]["text"], "reading");
    let again = Running::of(desk.command(&FIT).spawn().unwrap());
    std::fs::write(desk.path("go"), "").unwrap();
    let done = again.end().await.expect(0);
    assert!(done.err.contains("going along with it"), "{}", done.err);
    assert!(desk.path("model/model.json").exists());
    let log = std::fs::read_to_string(desk.path("model/spark.log")).unwrap();
    assert!(log.contains("a word of the script") && !log.contains("stage"), "{log}");
    assert!(!desk.path("model/spark.out").exists() && !desk.path("model/.spark").exists());
    let listed = desk.jobs().await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["state"]), (1, &"done".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_by_its_id_and_another_may_not_write_where_it_does() {
    let (desk, first) = waiting(WAITS).await;
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let refused = desk.hydrant(&[&FIT[..], &["--k", "3"]].concat()).await.expect(1);
    assert!(refused.err.contains(&id) && refused.err.contains("hydrant jobs cancel"), "{}", refused.err);
    first.kill().await;
    let follow = Running::of(desk.command(&["jobs", "follow", &id[7..], "--json"]).spawn().unwrap());
    std::fs::write(desk.path("go"), "").unwrap();
    let followed = follow.end().await.expect(0);
    assert_eq!(followed.json()["vocabulary"], 2);
    let over = desk.hydrant(&["jobs", "follow", &id]).await.expect(0);
    assert!(over.err.contains("is done"), "{}", over.err);
    desk.hydrant(&["jobs", "follow", "nothing"]).await.expect(1);
    let logs = desk.hydrant(&["jobs", "logs", &id]).await.expect(0);
    assert!(logs.out.contains("a word of the script"), "{}", logs.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_job_here_is_followed_to_its_end() {
    let (desk, first) = waiting(WAITS).await;
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let so_far = desk.hydrant(&["jobs", "logs", &id]).await.expect(0);
    assert_eq!(so_far.out, "stage 1 of 6: reading\n");
    let follow = Running::of(desk.command(&["jobs", "logs", &id, "--follow"]).spawn().unwrap());
    std::fs::write(desk.path("go"), "").unwrap();
    let followed = follow.end().await.expect(0);
    first.end().await.expect(0);
    assert_eq!(followed.out.matches("a word of the script").count(), 1, "{}", followed.out);
    assert!(followed.out.starts_with("stage 1 of 6: reading\n"), "{}", followed.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_from_another_process_and_all_of_it_is_gone() {
    let (desk, first) = waiting(WAITS).await;
    first.kill().await;
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let pid: i32 = std::fs::read_to_string(desk.path("pid")).unwrap().trim().parse().unwrap();
    assert!(runs(pid), "it goes on without the command");
    desk.hydrant(&["jobs", "cancel", &id]).await.expect(0);
    until("its end", async || !runs(pid)).await;
    assert_eq!(desk.jobs().await[0]["state"], "cancelled");
    assert!(!desk.path("model/model.json").exists());
    let again = desk.hydrant(&["jobs", "cancel", &id]).await.expect(0);
    assert!(again.err.contains("ended already"), "{}", again.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_died_meanwhile_is_said_to_have_left_nothing() {
    let (desk, first) = waiting(WAITS).await;
    first.kill().await;
    let pid: i32 = std::fs::read_to_string(desk.path("pid")).unwrap().trim().parse().unwrap();
    let group = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    until("its end", async || !runs(pid)).await;
    let again = desk.hydrant(&FIT).await.expect(1);
    assert!(again.err.contains("ended without results"), "{}", again.err);
    assert_eq!(desk.jobs().await[0]["state"], "failed");
}
