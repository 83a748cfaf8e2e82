//! From nothing to a notebook that is open, and back to nothing.

use aws_sdk_sagemaker::types::NotebookInstanceStatus;

use super::{Behind, whole, without_logs};
use crate::support::World;
use crate::support::sandbox::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_comes_up_is_opened_and_goes_with_nothing_left() {
    let world = Behind::new().await;
    let planned = world.hydrant(&["notebook", "up", "--plan"]).await.expect(3);
    assert!(planned.out.contains("5 to create"), "{}", planned.out);
    assert!(world.notebook().await.is_empty(), "a plan changes nothing");
    let up = world.hydrant(&["notebook", "up", "--json"]).await.expect(0);
    let status = up.json();
    assert_eq!(
        (&status["state"], &status["stack"]),
        (&"ready".into(), &"default/notebook".into()),
        "{}",
        up.out
    );
    for kind in ["notebook-role", "notebook-security-group", "notebook-config", "notebook", "notebook-file"] {
        assert_eq!(up.state(kind), "ready");
    }
    assert!(up.out.contains("starting: SageMaker prepares the instance"), "{}", up.out);
    assert_eq!(without_logs(world.notebook().await), whole());
    assert!(world.hydrant(&["notebook", "up"]).await.expect(0).out.contains("nothing to do"));
    let shown = world.hydrant(&["notebook", "status"]).await.expect(0);
    assert!(shown.out.contains("ml.t3.xlarge 0.2000"), "{}", shown.out);

    let there = world.sandbox.aws().sagemaker.describe_notebook_instance().notebook_instance_name("mydemo");
    let there = there.send().await.unwrap();
    assert_eq!(there.platform_identifier(), Some("notebook-al2023-v1"));
    assert_eq!(there.volume_size_in_gb(), Some(20));
    let metadata = there.instance_metadata_service_configuration().unwrap();
    assert_eq!(metadata.minimum_instance_metadata_service_version(), Some("2"));
    assert!(there.role_arn().unwrap().contains("/hydrant/default/notebook/us-east-1/"), "{there:?}");
    assert_eq!(there.security_groups().len(), 1);

    // The two stacks stand side by side: neither counts the other's things as its own.
    world.hydrant(&["status", "--set", "instance=false"]).await.expect(0);
    let down = world.hydrant(&["notebook", "down", "--yes", "--delete-logs", "--json"]).await.expect(0);
    assert_eq!(down.json()["left"], serde_json::json!([]), "{}", down.out);
    assert!(down.err.contains("nothing is left"), "{}", down.err);
    assert_eq!(world.notebook().await, Vec::<String>::new());
    world.hydrant(&["status", "--set", "instance=false"]).await.expect(0);
    world.hydrant(&["down", "--yes", "--set", "instance=false"]).await.expect(0);
    assert_eq!(world.sandbox.aws().everything().await, Vec::<String>::new());
    assert_eq!(world.sandbox.aws().notebooks().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_a_secret_that_is_given_only_when_asked_for() {
    let world = Behind::new().await;
    let closed = world.hydrant(&["notebook", "open", "--print"]).await.expect(1);
    assert!(closed.err.contains("it is not there: `hydrant notebook up` makes it"), "{}", closed.err);
    world.hydrant(&["notebook", "up"]).await.expect(0);
    let piped = world.hydrant(&["notebook", "open"]).await.expect(2);
    assert!(piped.err.contains("the link is a secret") && !piped.out.contains("authToken"), "{}", piped.err);
    world.hydrant(&["notebook", "open", "--print", "--readonly"]).await.expect(1);
    let json = world.hydrant(&["notebook", "open", "--json", "-vv"]).await.expect(0);
    let link = json.json()["url"].as_str().unwrap().to_owned();
    let token = link.split("authToken=").nth(1).expect("a token").to_owned();
    let printed = world.hydrant(&["notebook", "open", "--print"]).await.expect(0);
    let other = printed.out.split("authToken=").nth(1).expect("a token").trim().to_owned();
    assert!(!json.err.contains(&token) && !printed.err.contains(&other));
    let kept = files_under(world.sandbox.home.path());
    assert!(
        kept.iter().any(|text| text.contains("CreatePresignedNotebookInstanceUrl")),
        "it is recorded that there was one"
    );
    assert!(kept.iter().all(|text| !text.contains(&token) && !text.contains(&other)), "and not which");
}

/// What every file below a folder holds.
fn files_under(folder: &std::path::Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            texts.extend(files_under(&path));
        } else {
            texts.push(String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned());
        }
    }
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_mended_is_mended_without_losing_what_is_on_the_disk() {
    let world = Behind::new().await;
    world.hydrant(&["notebook", "up"]).await.expect(0);
    let sagemaker = world.sandbox.aws().sagemaker;
    let describe = || async {
        sagemaker
            .describe_notebook_instance()
            .notebook_instance_name("mydemo")
            .send()
            .await
            .expect("it is there")
    };
    let made = describe().await.creation_time().copied();
    world.hydrant(&["notebook", "status", "--set", "notebook_volume_gb=5"]).await.expect(0);
    let changed = ["--set", "notebook_type=ml.t3.medium", "--set", "notebook_volume_gb=30"];
    let status = world.hydrant(&[&["notebook", "status", "--json"], &changed[..]].concat()).await.expect(3);
    assert!(status.detail("notebook").contains("type: ml.t3.xlarge → ml.t3.medium"), "{}", status.out);
    let up = world.hydrant(&[&["notebook", "up"], &changed[..]].concat()).await.expect(0);
    assert!(up.err.contains("stopping") && up.err.contains("being changed"), "{}", up.err);
    let there = describe().await;
    assert_eq!(there.notebook_instance_status(), Some(&NotebookInstanceStatus::InService));
    assert_eq!(
        (there.volume_size_in_gb(), there.creation_time().copied()),
        (Some(30), made),
        "the same one, changed"
    );

    sagemaker.stop_notebook_instance().notebook_instance_name("mydemo").send().await.unwrap();
    let stopping = world.hydrant(&[&["notebook", "open", "--print"], &changed[..]].concat()).await.expect(1);
    assert!(stopping.err.contains("it is stopp"), "{}", stopping.err);
    let up = world.hydrant(&[&["notebook", "up"], &changed[..]].concat()).await.expect(0);
    assert!(up.err.contains("starting: SageMaker"), "one that stopped itself is started: {}", up.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_kept_unless_they_are_to_go_and_other_notebooks_keep_theirs() {
    let world = Behind::new().await;
    world.hydrant(&["notebook", "up"]).await.expect(0);
    let logs = world.sandbox.aws().logs;
    let group = "/aws/sagemaker/NotebookInstances";
    let ours = || async {
        let streams = logs.describe_log_streams().log_group_name(group).log_stream_name_prefix("mydemo/");
        streams.send().await.map_or(0, |streams| streams.log_streams().len())
    };
    // The start's log is written when the start is over.
    while ours().await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    logs.create_log_stream()
        .log_group_name(group)
        .log_stream_name("another/jupyter.log")
        .send()
        .await
        .unwrap();
    let down = world.hydrant(&["notebook", "down", "--yes"]).await.expect(0);
    assert!(down.err.contains("everything is gone but the notebook-logs"), "{}", down.err);
    assert_eq!(ours().await, 1);
    // Nothing but the journal of whoever made it knows whose they are now.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = world.sandbox.command(&["notebook", "down", "--yes", "--delete-logs"]);
    command.env("HOME", elsewhere.path());
    crate::support::run::run(command).await.expect(0);
    assert_eq!(ours().await, 1);
    world.hydrant(&["notebook", "down", "--yes", "--delete-logs"]).await.expect(0);
    assert_eq!(ours().await, 0);
    let left = logs.describe_log_streams().log_group_name(group).send().await.unwrap();
    assert_eq!(left.log_streams()[0].log_stream_name(), Some("another/jupyter.log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_that_somebody_made_by_hand_keeps_itself_and_its_logs() {
    let world = Behind::new().await;
    let aws = world.sandbox.aws();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"sagemaker.amazonaws.com"}}]}"#;
    let role = aws.iam.create_role().role_name("by-hand").assume_role_policy_document(trust).send().await;
    let role = role.unwrap().role.unwrap().arn;
    let notebook = aws.sagemaker.create_notebook_instance().notebook_instance_name("mydemo").role_arn(role);
    let notebook = notebook.instance_type("ml.t3.medium".into());
    // SageMaker knows a role some seconds after it was made.
    while notebook.clone().send().await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let group = "/aws/sagemaker/NotebookInstances";
    // SageMaker makes them with the first line that is logged.
    drop(aws.logs.create_log_group().log_group_name(group).send().await);
    let stream = aws.logs.create_log_stream().log_group_name(group).log_stream_name("mydemo/jupyter.log");
    stream.send().await.unwrap();
    let is_whole = async || {
        let streams = aws.logs.describe_log_streams().log_group_name(group).send().await.unwrap();
        let names: Vec<_> = streams.log_streams().iter().filter_map(|one| one.log_stream_name()).collect();
        names.contains(&"mydemo/jupyter.log") && aws.notebooks().await == ["notebook mydemo"]
    };
    let down = world.hydrant(&["notebook", "down", "--delete-logs", "--yes"]).await.expect(0);
    assert!(is_whole().await, "{}\n{}", down.out, down.err);
    assert!(down.out.contains("is of a notebook that hydrant is not known to have made"), "{}", down.out);
    assert!(
        down.out.contains("costs about $0 an hour"),
        "what is not ours is not ours to pay for: {}",
        down.out
    );
    while aws
        .sagemaker
        .describe_notebook_instance()
        .notebook_instance_name("mydemo")
        .send()
        .await
        .unwrap()
        .notebook_instance_status()
        != Some(&NotebookInstanceStatus::InService)
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let planned = world.hydrant(&["notebook", "up", "--adopt", "--plan"]).await.expect(3);
    assert!(
        planned.out.contains("cannot be taken over") && planned.out.contains("security group:"),
        "{}",
        planned.out
    );
    world.hydrant(&["notebook", "up", "--adopt", "--yes"]).await.expect(1);
    assert!(is_whole().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lake_there_is_nothing_for_a_notebook_to_read() {
    let sandbox = Sandbox::new(&[]).await;
    let up = sandbox.hydrant(&["notebook", "up"]).await.expect(1);
    assert!(up.err.contains("there is no bucket") && up.err.contains("`hydrant up` makes it"), "{}", up.err);
    assert_eq!(sandbox.aws().everything().await, Vec::<String>::new());
    let status = sandbox.hydrant(&["notebook", "status", "--json"]).await.expect(0);
    assert_eq!(status.json()["state"], "absent");
}

/// moto's words for what is not there are AWS's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_understood_from_another_hand_than_the_sandboxs() {
    let world = World::new().await;
    let status = world.hydrant(&["notebook", "status", "--json"]).await.expect(0);
    assert_eq!(status.json()["state"], "absent", "{}", status.out);
    let open = world.hydrant(&["notebook", "open", "--print"]).await.expect(1);
    assert!(open.err.contains("it is not there"), "{}", open.err);
    world.hydrant(&["notebook", "down", "--yes"]).await.expect(0);
}
