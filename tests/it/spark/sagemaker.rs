//! A Spark job at SageMaker, against the sandbox: it takes the order as AWS does and shows every state, but runs no
//! container. What the container would leave is put into the bucket by the test, where the order says.

use serde_json::Value;

use super::{
    LEFT, asks_for_the_hour, combine_on, documents, get, is_combined, leave_combined, make_role, put,
    put_an_hour, until,
};
use crate::console::console;
use crate::support::run::{Ran, Running};
use crate::support::sandbox::Sandbox;

const FIT: [&str; 10] =
    ["topics", "fit", "--engine", "spark", "--on", "sagemaker", "--tokens", "tokens.txt", "--out", "model"];

struct Desk {
    sandbox: Sandbox,
}

impl Desk {
    /// With the bucket and the role of the two stacks, which jobs need.
    async fn new(more: &[&str]) -> Self {
        let sandbox = Sandbox::new(more).await;
        std::fs::write(sandbox.home.path().join("tokens.txt"), documents(9)).unwrap();
        sandbox.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
        // The role alone, as the notebook's stack makes it, without the minutes that a notebook takes.
        make_role(&sandbox.aws(), "hydrant-notebook-role", "sagemaker.amazonaws.com").await;
        Self { sandbox }
    }

    async fn fit(&self, more: &[&str]) -> Ran {
        self.sandbox.hydrant(&[&FIT[..], more].concat()).await
    }

    fn start(&self) -> Running {
        self.sandbox.start(&FIT)
    }

    async fn jobs(&self) -> Value {
        self.sandbox.hydrant(&["jobs", "--json"]).await.expect(0).json()
    }

    /// The name of the newest job at SageMaker, once there is one.
    async fn name(&self) -> String {
        let mut name = None;
        until("a job", async || {
            let listed = self.sandbox.aws().sagemaker.list_processing_jobs().send().await.unwrap();
            let newest = listed.processing_job_summaries().first();
            name = newest.and_then(|job| job.processing_job_name.clone());
            name.is_some()
        })
        .await;
        name.unwrap()
    }

    async fn described(
        &self,
        name: &str,
    ) -> aws_sdk_sagemaker::operation::describe_processing_job::DescribeProcessingJobOutput {
        let sagemaker = &self.sandbox.aws().sagemaker;
        sagemaker.describe_processing_job().processing_job_name(name).send().await.unwrap()
    }

    /// A file that its container is given.
    async fn given(&self, name: &str, file: &str) -> String {
        let inputs = self.described(name).await.processing_inputs.unwrap();
        let code = inputs[0].s3_input().unwrap().s3_uri().unwrap();
        String::from_utf8(get(&self.sandbox.aws(), &format!("{code}{file}")).await).unwrap()
    }

    /// Leaves a file where its container would, as the order says.
    async fn leave(&self, name: &str, file: &str, text: &str) {
        let job = self.described(name).await;
        let outputs = job.processing_output_config.unwrap().outputs.unwrap_or_default();
        let to = outputs[0].s3_output().unwrap().s3_uri().unwrap();
        put(&self.sandbox.aws(), &format!("{to}{file}"), text).await;
    }

    async fn leave_results(&self, name: &str) {
        for (file, text) in LEFT {
            self.leave(name, file, text).await;
        }
    }

    /// What a job that combines the lake's hour would leave.
    async fn leave_combined(&self, name: &str) {
        let settings: Value = serde_json::from_str(&self.given(name, "settings.json").await).unwrap();
        let (aws, home) = (self.sandbox.aws(), self.sandbox.home.path());
        let hydrant = async |words: &[&str]| self.sandbox.hydrant(words).await;
        self.leave(name, "spark.json", &leave_combined(&aws, home, &settings, hydrant).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_at_sagemaker_is_ordered_whole_and_its_results_are_a_model_here() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let fit = desk.start();
    let name = desk.name().await;
    let job = desk.described(&name).await;
    desk.leave_results(&name).await;
    let app = job.app_specification.unwrap();
    assert!(
        app.image_uri().unwrap().starts_with("173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark")
    );
    assert_eq!(app.container_entrypoint(), ["smspark-submit"]);
    assert_eq!(
        app.container_arguments(),
        ["/opt/ml/processing/input/code/job.py", "/opt/ml/processing/input/code/settings.json"]
    );
    let cluster = job.processing_resources.unwrap().cluster_config.unwrap();
    assert_eq!((cluster.instance_count, cluster.volume_size_in_gb), (Some(2), Some(50)));
    assert_eq!(job.stopping_condition.unwrap().max_runtime_in_seconds, Some(240 * 60));
    assert!(job.role_arn.unwrap().ends_with(":role/hydrant-notebook-role"));
    let code = job.processing_inputs.unwrap()[0].s3_input().unwrap().s3_uri().unwrap().to_owned();
    assert!(code.contains("/datasets/twitter/kinesis-demo/models/jobs/"), "{code}");
    let settings: Value = serde_json::from_str(&desk.given(&name, "settings.json").await).unwrap();
    assert_eq!(settings["out"], "/opt/ml/processing/output");
    assert_eq!(settings["tokens"], "file:///opt/ml/processing/input/code/tokens.txt");
    assert_eq!(desk.given(&name, "tokens.txt").await, documents(9));
    assert!(desk.given(&name, "job.py").await.contains("def run(settings)"));
    let tags = desk.sandbox.aws().sagemaker.list_tags();
    let tags = tags.resource_arn(job.processing_job_arn.unwrap()).send().await.unwrap();
    assert!(tags.tags().iter().any(|tag| tag.key() == Some("hydrant:stack")));
    desk.sandbox.faults(&[]).await;
    let done = fit.end().await.expect(0);
    assert!(
        done.err.contains("prepares the machines") && done.err.contains("it has cost about"),
        "{}",
        done.err
    );
    assert!(done.out.contains("rocket"), "{}", done.out);
    let shown = desk.sandbox.hydrant(&["topics", "show", "model"]).await.expect(0);
    assert!(shown.out.contains("rocket"));
    assert_eq!(desk.jobs().await[0]["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_combined_at_sagemaker_as_ordered_and_read_as_hydrants_own() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let lake = put_an_hour(&desk.sandbox.aws()).await;
    let combine = desk.sandbox.start(&combine_on("sagemaker"));
    let name = desk.name().await;
    let settings: Value = serde_json::from_str(&desk.given(&name, "settings.json").await).unwrap();
    asks_for_the_hour(&settings, &lake);
    assert_eq!(settings["out"], "/opt/ml/processing/output");
    assert!(desk.given(&name, "job.py").await.contains(r#"settings["passing"]"#), "the script that combines");
    let app = desk.described(&name).await.app_specification.unwrap();
    assert_eq!(app.container_entrypoint(), ["smspark-submit"]);
    desk.leave_combined(&name).await;
    desk.sandbox.faults(&[]).await;
    let done = combine.end().await.expect(0);
    is_combined(&done, async |words| desk.sandbox.hydrant(words).await).await;
    assert_eq!(desk.jobs().await[0]["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lakes_form_hands_hours_over_to_sagemaker_and_shows_them_combined() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    put_an_hour(&desk.sandbox.aws()).await;
    let mut terminal = console(&desk.sandbox);
    terminal.press("4");
    terminal.until("1 to combine");
    terminal.press("c");
    terminal.until("engine");
    // Back from the confirmation to the engine, and from hydrant itself to SageMaker.
    terminal.press("\u{1b}[Z\u{1b}[C\r");
    terminal.until("combining hours at SageMaker");
    terminal.until("hand it over");
    terminal.press("\r");
    let name = desk.name().await;
    desk.leave_combined(&name).await;
    desk.sandbox.faults(&[]).await;
    terminal.until("1 hour combined: 1 post");
    terminal.press("q");
    assert!(terminal.end().0.success());
    let due = desk.sandbox.hydrant(&["combine", "--dry-run", "--json"]).await.expect(0).json();
    assert_eq!(due["skipped_hours"], 1);
    assert_eq!(desk.jobs().await[0]["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_completes_without_results_is_not_taken_for_done() {
    let desk = Desk::new(&[]).await;
    let failed = desk.fit(&[]).await.expect(1);
    assert!(failed.err.contains("no results at s3://"), "{}", failed.err);
    assert!(failed.err.contains("the container was not run"), "{}", failed.err);
    assert_eq!(desk.jobs().await[0]["state"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_in_sagemakers_words_and_the_logs() {
    let desk = Desk::new(&["--fault", "fail-job"]).await;
    let failed = desk.fit(&[]).await.expect(1);
    assert!(failed.err.contains("AlgorithmError: See job logs"), "{}", failed.err);
    assert!(failed.err.contains("/aws/sagemaker/ProcessingJobs"), "{}", failed.err);
    let jobs = desk.jobs().await;
    assert!(jobs[0]["why"].as_str().unwrap().contains("AlgorithmError"));
    let logs = desk.sandbox.hydrant(&["jobs", "logs", jobs[0]["id"].as_str().unwrap()]).await.expect(0);
    assert!(logs.out.contains("would run now") && logs.out.contains("Failed"), "{}", logs.out);
    let again = desk.sandbox.hydrant(&["jobs", "follow", jobs[0]["id"].as_str().unwrap()]).await.expect(1);
    assert!(again.err.contains("AlgorithmError"), "{}", again.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_stopped_leaves_the_job_and_the_next_one_finds_it() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let first = desk.start();
    let name = desk.name().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    first.interrupt();
    let left = first.end().await.expect(130);
    assert!(
        left.err.contains("goes on at SageMaker") && left.err.contains("hydrant jobs cancel"),
        "{}",
        left.err
    );
    let second = desk.start();
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let cancelled = desk.sandbox.hydrant(&["jobs", "cancel", &id, "--json"]).await.expect(0);
    assert_eq!(cancelled.json()["state"], "cancelled");
    let told = second.end().await.expect(1);
    assert!(told.err.contains("cancelled"), "{}", told.err);
    assert_eq!(desk.name().await, name, "there is one job");
    let status = desk.described(&name).await.processing_job_status.unwrap();
    assert_eq!(status.as_str(), "Stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_done_before_it_is_cancelled_keeps_its_results_for_who_follows_it() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let fit = desk.start();
    let name = desk.name().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    fit.kill().await;
    desk.leave_results(&name).await;
    desk.sandbox.faults(&[]).await;
    until("its end", async || {
        desk.described(&name).await.processing_job_status.is_some_and(|status| status.as_str() == "Completed")
    })
    .await;
    let id = desk.jobs().await[0]["id"].as_str().unwrap().to_owned();
    let kept = desk.sandbox.hydrant(&["jobs", "cancel", &id]).await.expect(1);
    assert!(
        kept.err.contains("was done already") && kept.err.contains("hydrant jobs follow"),
        "{}",
        kept.err
    );
    let followed = desk.sandbox.hydrant(&["jobs", "follow", &id]).await.expect(0);
    assert!(followed.out.contains("rocket"), "{}", followed.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_to_a_bucket_that_is_left_is_one_job_whose_model_gets_there() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let buckets = desk.sandbox.aws().s3.list_buckets().send().await.unwrap();
    let model = format!("s3://{}/models/week-48", buckets.buckets()[0].name().unwrap());
    let fit = [&FIT[..9], &[model.as_str()]].concat();
    let first = desk.sandbox.start(&fit);
    let name = desk.name().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    first.interrupt();
    first.end().await.expect(130);
    let jobs = desk.jobs().await;
    assert_eq!(jobs[0]["out"], format!("{model}/"), "{jobs}");
    // The same command goes along with it; that its model cannot be sent is no reason to pay for another.
    let again = desk.sandbox.start(&fit);
    desk.leave_results(&name).await;
    desk.sandbox.faults(&["deny:s3.PutObject=100%"]).await;
    let unsent = again.end().await.expect(1);
    assert!(unsent.err.contains("going along with it"), "{}", unsent.err);
    assert!(unsent.err.contains("the model is made and was not sent to s3://"), "{}", unsent.err);
    desk.sandbox.faults(&[]).await;
    let sent = desk.sandbox.hydrant(&fit).await.expect(0);
    assert!(sent.err.contains("its model goes to s3://") && sent.out.contains("rocket"), "{}", sent.err);
    let shown = desk.sandbox.hydrant(&["topics", "show", &model]).await.expect(0);
    assert!(shown.out.contains("rocket"), "{}", shown.out);
    assert_eq!(desk.jobs().await.as_array().unwrap().len(), 1, "one job was paid for");
    let passing = std::fs::read_dir(desk.sandbox.home.path().join(".local/state/hydrant/models")).unwrap();
    assert_eq!(passing.count(), 0, "nothing of it stays here");
    let done = desk.sandbox.hydrant(&["jobs", "follow", "topics", "--json"]).await.expect(0);
    assert_eq!(done.json()["out"], format!("{model}/"));
    let ended = desk.sandbox.hydrant(&["jobs", "cancel", "topics", "--json"]).await.expect(0);
    assert_eq!(ended.json()["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_followed_by_its_id_brings_its_model_to_its_bucket() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let buckets = desk.sandbox.aws().s3.list_buckets().send().await.unwrap();
    let model = format!("s3://{}/models/week-48", buckets.buckets()[0].name().unwrap());
    let first = desk.sandbox.start(&[&FIT[..9], &[model.as_str()]].concat());
    let name = desk.name().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    first.interrupt();
    first.end().await.expect(130);
    desk.leave_results(&name).await;
    desk.sandbox.faults(&[]).await;
    desk.sandbox.hydrant(&["jobs", "follow", "topics"]).await.expect(0);
    let shown = desk.sandbox.hydrant(&["topics", "show", &model]).await.expect(0);
    assert!(shown.out.contains("rocket"), "{}", shown.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_job_is_followed_from_before_its_first_line_to_its_last() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let fit = desk.start();
    let name = desk.name().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    let said = async || desk.sandbox.hydrant(&["jobs", "logs", "topics"]).await.out.contains("would run now");
    until("its first line", said).await;
    // As it is before the first job of an account has said anything.
    let logs = desk.sandbox.aws().logs;
    logs.delete_log_group().log_group_name("/aws/sagemaker/ProcessingJobs").send().await.unwrap();
    let none = desk.sandbox.hydrant(&["jobs", "logs", "topics"]).await.expect(0);
    assert!(none.err.contains("has no lines yet"), "{}", none.err);
    let following = desk.sandbox.start(&["jobs", "logs", "topics", "--follow"]);
    desk.leave_results(&name).await;
    desk.sandbox.faults(&[]).await;
    let followed = following.end().await.expect(0);
    assert_eq!(followed.out.matches("the job is Completed").count(), 1, "{}{}", followed.out, followed.err);
    fit.end().await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_job_is_handed_over_does_not_hand_it_over_twice() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    let first = desk.start();
    let name = desk.name().await;
    until("its handle", async || !desk.jobs().await[0]["handle"].is_null()).await;
    first.kill().await;
    // As a crash before the answer leaves it: handed over, and nobody here knows how it is called.
    let book = desk.sandbox.home.path().join(".local/state/hydrant/jobs");
    let mut files = std::fs::read_dir(book).unwrap().map(|file| file.unwrap().path());
    let file = files.find(|file| file.extension().is_some_and(|extension| extension == "json")).unwrap();
    let mut entry: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    entry["handle"] = Value::Null;
    std::fs::write(&file, entry.to_string()).unwrap();
    let second = desk.start();
    until("its handle", async || desk.jobs().await[0]["handle"] == name.as_str()).await;
    second.interrupt();
    second.end().await.expect(130);
    let all = desk.sandbox.aws().sagemaker.list_processing_jobs().send().await.unwrap();
    assert_eq!(all.processing_job_summaries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_calls_are_waited_out() {
    let desk = Desk::new(&["--fault", "hold-job"]).await;
    desk.sandbox.faults(&["hold-job", "throttle:sagemaker=60%", "throttle:logs=60%"]).await;
    let fit = desk.start();
    let mut name = String::new();
    until("a job", async || {
        name = desk.jobs().await[0]["handle"].as_str().unwrap_or_default().to_owned();
        !name.is_empty()
    })
    .await;
    // The test's own client would be throttled like any other.
    desk.sandbox.faults(&["hold-job"]).await;
    desk.leave_results(&name).await;
    desk.sandbox.faults(&["throttle:sagemaker=60%", "throttle:logs=60%"]).await;
    fit.end().await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_before_anything_is_ordered() {
    let sandbox = Sandbox::new(&[]).await;
    std::fs::write(sandbox.home.path().join("tokens.txt"), documents(9)).unwrap();
    let fit = async |more: &[&str]| sandbox.hydrant(&[&FIT[..], more].concat()).await;
    let no_role = fit(&[]).await.expect(1);
    assert!(no_role.err.contains("no role hydrant-notebook-role"), "{}", no_role.err);
    assert!(no_role.err.contains("hydrant notebook up"), "{}", no_role.err);
    let plan = fit(&["--plan"]).await.expect(1);
    assert!(plan.out.contains("1 file") && plan.out.contains("ml.m5.xlarge"), "{}", plan.out);
    assert_eq!(plan.err, no_role.err[no_role.err.find("hydrant:").unwrap()..], "the plan says the same");
    let plan = fit(&["--plan", "--json"]).await.expect(1).json();
    assert!(plan["hindrance"].as_str().unwrap().contains("hydrant notebook up"), "{plan}");
    make_role(&sandbox.aws(), "hydrant-notebook-role", "sagemaker.amazonaws.com").await;
    let no_bucket = fit(&["--plan"]).await.expect(1);
    assert!(no_bucket.err.contains("there is no bucket for the Spark job's files"), "{}", no_bucket.err);
    assert!(no_bucket.err.contains("`hydrant up` makes it"), "{}", no_bucket.err);
    sandbox.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
    let plan = fit(&["--plan", "--json"]).await.expect(0).json();
    assert!(plan["hindrance"].is_null(), "{plan}");
    let no_image = fit(&["--region", "eu-north-9"]).await.expect(2);
    assert!(
        no_image.err.contains("eu-north-9") && no_image.err.contains("sagemaker_image"),
        "{}",
        no_image.err
    );
    std::fs::write(sandbox.home.path().join("hours.csv"), "id,text\n1,x\n").unwrap();
    let local =
        ["topics", "fit", "--engine", "spark", "--on", "sagemaker", "--input", "hours.csv", "--out", "m"];
    let refused = sandbox.hydrant(&local).await.expect(2);
    assert!(refused.err.contains("s3://") && refused.err.contains("hours.csv"), "{}", refused.err);
    sandbox.hydrant(&[&FIT[..], &["--on", "mars"]].concat()).await.expect(2);
    let readonly = fit(&["--readonly"]).await.expect(1);
    assert!(readonly.err.contains("read-only"), "{}", readonly.err);
    let listed = sandbox.aws().sagemaker.list_processing_jobs().send().await.unwrap();
    assert!(listed.processing_job_summaries().is_empty());
    assert_eq!(sandbox.hydrant(&["jobs", "--json"]).await.expect(0).json(), serde_json::json!([]));
}
