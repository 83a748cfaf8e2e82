//! The command line itself: settings, errors, exit codes, and what must never be seen.

use std::path::Path;

use crate::support::World;
use crate::support::proxy::Verdict;
use crate::support::run::{SECRET, command, run};
use crate::support::sandbox::Sandbox;

async fn hydrant(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> crate::support::run::Ran {
    let mut command = command(home);
    command.args(arguments).envs(variables.iter().copied());
    run(command).await
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[tokio::test]
async fn wrong_usage_and_settings_are_exit_code_2_and_name_the_mistake() {
    let home = home();
    assert!(hydrant(home.path(), &["upp"], &[]).await.expect(2).err.contains("'up'"));
    let unknown = hydrant(home.path(), &["config", "--set", "bukcet=x"], &[]).await.expect(2);
    assert!(unknown.err.contains("there is no setting `bukcet`; did you mean `bucket`?"), "{}", unknown.err);
    let region =
        hydrant(home.path(), &["status"], &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")])
            .await;
    assert!(region.expect(2).err.contains("no region is set"));
    let missing = hydrant(home.path(), &["config", "--config", "nowhere.toml"], &[]).await.expect(2);
    assert!(missing.err.contains("cannot read nowhere.toml"), "{}", missing.err);
}

#[tokio::test]
async fn config_shows_each_value_with_its_origin_and_no_secret() {
    let home = home();
    std::fs::write(home.path().join(".env"), format!("TWITTER_API_KEY_SECRET={SECRET}\n")).unwrap();
    let shown = hydrant(home.path(), &["config", "--region", "eu-west-1"], &[("HYDRANT_BUFFER_MB", "7")])
        .await
        .expect(0);
    let line =
        |key: &str| shown.out.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(line("region ").contains("eu-west-1") && line("region ").ends_with("flag"));
    assert!(
        line("buffer_mb ").contains(" 7 ") && line("buffer_mb ").contains("environment (HYDRANT_BUFFER_MB)")
    );
    assert!(line("x_api_key_secret ").contains("••••") && line("x_api_key_secret ").contains(".env:1"));
    assert!(!shown.out.contains(SECRET));
}

#[tokio::test]
async fn config_init_writes_a_file_that_loads_and_never_overwrites_one() {
    let home = home();
    let made = hydrant(home.path(), &["config", "--init", "--json"], &[]).await.expect(0).json();
    assert_eq!(made["file"], "hydrant.toml");
    hydrant(home.path(), &["config"], &[]).await.expect(0);
    hydrant(home.path(), &["config", "--init"], &[]).await.expect(2);
}

#[tokio::test]
async fn what_only_a_job_on_spark_has_is_refused_where_none_is_asked_for() {
    let home = home();
    std::fs::write(home.path().join("tokens.txt"), "mars rover\n".repeat(9)).unwrap();
    let fit = ["topics", "fit", "--tokens", "tokens.txt", "--out", "model"];
    for of_spark in [&["--plan"][..], &["--on", "sagemaker"], &["--optimizer", "em"], &["--weights", "tfidf"]]
    {
        let refused = hydrant(home.path(), &[&fit[..], of_spark].concat(), &[]).await.expect(2);
        assert!(refused.err.contains("add --engine spark"), "{}", refused.err);
    }
    assert!(!home.path().join("model").exists());
    for of_spark in [&["--plan"][..], &["--on", "local"], &["--threads", "2"]] {
        let refused = hydrant(home.path(), &[&["combine"], of_spark].concat(), &[]).await.expect(2);
        assert!(refused.err.contains("add --engine spark"), "{}", refused.err);
    }
}

#[tokio::test]
async fn the_log_names_a_command_and_never_its_arguments() {
    let home = home();
    let curl = ["host", "run", "--", "sh", "-c", "curl -u me:hunter2 https://example.com"];
    hydrant(home.path(), &curl, &[]).await.expect(2);
    let mut log = String::new();
    look_through(home.path(), &mut |_, text| log.push_str(text));
    assert!(log.contains("host run") && !log.contains("hunter2"), "{log}");
}

#[cfg(feature = "sandbox")]
#[tokio::test]
async fn a_sandbox_is_not_wiped_by_a_run_that_changes_nothing() {
    let home = home();
    let kept = home.path().join("cloud/kept");
    std::fs::create_dir(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, "x").unwrap();
    let reset = ["--readonly", "sandbox", "--serve", "--reset", "--dir", "cloud"];
    hydrant(home.path(), &reset, &[]).await.expect(1);
    assert!(kept.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_one_sentence_with_the_remedy() {
    let world = World::new().await;
    let endpoint = world.proxy.endpoint();
    let variables = [("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", endpoint.as_str())];
    let failed = hydrant(world.home.path(), &["status"], &variables).await.expect(1);
    assert!(
        failed.err.contains("there are no AWS credentials: sign in with `aws sso login"),
        "{}",
        failed.err
    );
    assert_eq!(failed.err.lines().count(), 1, "{}", failed.err);
    let verbose = hydrant(world.home.path(), &["status", "-v"], &variables).await.expect(1);
    assert!(verbose.err.contains("because: "), "{}", verbose.err);
}

/// moto accepts every credential, so the proxy answers as AWS does when a session has ended.
#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_are_one_sentence_with_the_remedy() {
    let world = World::new().await;
    world.proxy.rule(|_| {
        let text = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error><RequestId>r</RequestId></ErrorResponse>";
        Verdict::Answer(403, "text/xml", text.to_owned())
    });
    let failed = world.hydrant(&["status"]).await.expect(1);
    assert!(
        failed.err.contains("the AWS credentials have expired") && failed.err.contains("aws sso login"),
        "{}",
        failed.err
    );
    assert_eq!(failed.err.lines().count(), 1, "{}", failed.err);
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_said_plainly() {
    let home = home();
    // A port that was free a moment ago and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
    ];
    let failed = hydrant(home.path(), &["status"], &variables).await.expect(1);
    assert!(failed.err.contains(&format!("could not reach {endpoint}")), "{}", failed.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_says_never_steers_the_terminal() {
    let world = World::new().await;
    world.proxy.rule(|call| {
        if !call.is("DescribeLogGroups") {
            return Verdict::Forward;
        }
        let message = "no \u{1b}]0;title\u{7} \u{9b}31m \u{202e}way\r\nhydrant: all is well";
        let text = serde_json::json!({ "__type": "AccessDeniedException", "message": message });
        Verdict::Answer(400, "application/x-amz-json-1.1", text.to_string())
    });
    for arguments in [["status", "-v"], ["up", "-v"]] {
        let failed = world.hydrant(&arguments).await.expect(1);
        let shown = failed.out + &failed.err;
        assert!(shown.contains("␛]0;title␇ <U+009B>31m <U+202E>way hydrant: all is well"), "{shown:?}");
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_written_or_shown() {
    let world = World::new().await;
    let up = world.hydrant(&["up", "-vv", "--json"]).await.expect(0);
    let mut files = 0;
    look_through(world.home.path(), &mut |path, text| {
        files += 1;
        let is_key = path.ends_with("id_ed25519");
        assert!(!text.contains(SECRET) && text.contains("PRIVATE KEY") == is_key, "{}", path.display());
    });
    assert!(files >= 5, "the key, known hosts, the journal, a log and a record of changes: {files}");
    let down = world.hydrant(&["down", "--yes", "-vv"]).await.expect(0);
    for text in [up.out, up.err, down.out, down.err] {
        assert!(!text.contains(SECRET) && !text.contains("PRIVATE KEY"), "{text}");
    }
    look_through(world.home.path(), &mut |path, text| {
        assert!(!text.contains(SECRET) && !text.contains("PRIVATE KEY"), "{}", path.display());
    });
}

fn look_through(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            look_through(&path, look);
        } else {
            look(&path, &String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_recorded_with_its_request_id() {
    let world = World::new().await;
    world.hydrant(&["up"]).await.expect(0);
    let made = world.proxy.take_calls().iter().filter(|call| call.changes()).count();
    let record =
        std::fs::read_to_string(world.home.path().join(".local/state/hydrant/changes.jsonl")).unwrap();
    assert_eq!(record.lines().count(), made);
    for line in record.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["outcome"] == "done" && line["who"].as_str().unwrap().starts_with("tester@"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_json_standard_output_holds_json_and_nothing_else() {
    let world = World::new().await;
    for arguments in [
        &["up", "--json"][..],
        &["status", "--json"],
        &["down", "--yes", "--json"],
        &["config", "--json"],
        &["doctor", "--json"],
    ] {
        let ran = world.hydrant(arguments).await;
        assert!(!ran.out.is_empty(), "{arguments:?}: {}", ran.err);
        for line in ran.out.lines() {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|error| panic!("{arguments:?}: {error} in {line}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_for_this_stack_and_can_be_had_without_credentials() {
    let world = World::new().await;
    let policy = world.hydrant(&["doctor", "--policy"]).await.expect(0);
    assert!(policy.out.contains(&format!("arn:aws:s3:::{}", world.bucket())), "{}", policy.out);
    let endpoint = world.proxy.endpoint();
    let nobody = [("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", endpoint.as_str())];
    let general = hydrant(world.home.path(), &["doctor", "--policy"], &nobody).await.expect(0);
    assert!(general.out.contains("arn:aws:firehose:us-east-1:*:deliverystream/twitter_delivery_stream"));
    let doctor = async |policy: &str| {
        world.hydrant(&["doctor", policy, "--set", "stack=Space_Tweets_of_the_whole_year"]).await
    };
    let refused = doctor("--policy").await.expect(2);
    assert!(refused.err.contains("--policy=1") && refused.out.is_empty(), "{}", refused.err);
    let document = async |number: &str| -> serde_json::Value {
        serde_json::from_str(&doctor(number).await.expect(0).out).expect("JSON")
    };
    let [one, two] = [document("--policy=1").await, document("--policy=2").await];
    assert!(one["Statement"].is_array() && two["Statement"].is_array() && one != two);
    doctor("--policy=9").await.expect(2);
}

/// moto cannot simulate policies, so the proxy answers as IAM does.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_the_permissions_that_are_missing() {
    let world = World::new().await;
    let unchecked = world.hydrant(&["doctor"]).await.expect(0);
    assert!(unchecked.out.contains("warning permissions    not checked"), "{}", unchecked.out);
    world.proxy.rule(|call| {
        if !call.is("SimulatePrincipalPolicy") {
            return Verdict::Forward;
        }
        let decided = |action: &str, decision: &str| {
            format!("<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>{decision}</EvalDecision></member>")
        };
        let results = decided("s3:CreateBucket", "allowed") + &decided("s3:DeleteBucket", "implicitDeny");
        let text = format!("<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>");
        Verdict::Answer(200, "text/xml", text)
    });
    let doctor = world.hydrant(&["doctor", "--json"]).await.expect(1);
    let rows = doctor.json();
    let row =
        |check: &str| rows.as_array().unwrap().iter().find(|row| row["check"] == check).unwrap().clone();
    assert!(row("permissions")["found"].as_str().unwrap().starts_with("missing: s3:DeleteBucket;"), "{rows}");
    assert_eq!(
        (row("clock")["verdict"].clone(), row("credentials")["verdict"].clone()),
        ("ok".into(), "ok".into())
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_panic() {
    let home = home();
    for arguments in [&["config"][..], &["completions", "bash"], &["man"], &["doctor"]] {
        let mut command = command(home.path());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            command.args(arguments).stdout(writer).spawn().unwrap().wait_with_output().await.unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() != Some(101) && !talk.contains("panicked"), "{arguments:?}: {talk}");
    }
}

#[tokio::test]
async fn one_place_for_every_service_or_none() {
    let home = home();
    let refused =
        hydrant(home.path(), &["config"], &[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")]).await.expect(2);
    assert!(refused.err.contains("AWS_ENDPOINT_URL_S3 sends only one service elsewhere"), "{}", refused.err);
    let secret = [("AWS_ENDPOINT_URL", "http://me:pass@127.0.0.1:1")];
    let refused = hydrant(home.path(), &["config"], &secret).await.expect(2);
    assert!(refused.err.contains("without a name or password in it"), "{}", refused.err);
}

/// A profile can name the endpoint too; what is shown and guarded is where the calls really go.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_in_the_profile_is_taken_for_what_it_is() {
    let world = World::new().await;
    let folder = world.home.path().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let profile = format!(
        "[default]\nregion = us-east-1\nendpoint_url = {}\naws_access_key_id = a\naws_secret_access_key = b\n",
        world.proxy.endpoint()
    );
    std::fs::write(folder.join("config"), profile).unwrap();
    let status = hydrant(world.home.path(), &["status"], &[]).await.expect(0);
    assert!(status.out.contains(&world.proxy.endpoint()), "{}", status.out);
}

#[tokio::test]
async fn help_fits_one_screen_and_every_command_shows_an_example() {
    let home = home();
    let help = hydrant(home.path(), &["--help"], &[]).await.expect(0).out;
    assert!(help.lines().count() <= 45, "{} lines", help.lines().count());
    assert!(help.contains("Example"), "{help}");
    assert!(hydrant(home.path(), &["completions", "bash"], &[]).await.expect(0).out.contains("_hydrant"));
    let page = hydrant(home.path(), &["man"], &[]).await.expect(0).out;
    assert!(page.contains(".TH hydrant"));
    // Each command is there with its options, not the name of a page that does not exist.
    for part in [".SS \"hydrant topics answer\"", ".SS \"hydrant stream rules sync\"", "delete\\-data"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("hydrant\\-topics(1)"));
    assert!(!page.contains("hydrant lake lines"), "what is not for people");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_was_given_is_not_given_up_for_keys_of_the_environment() {
    let sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["status"]).await.expect(0);
    let refused = sandbox.hydrant(&["--profile", "nope", "status"]).await.expect(1);
    assert!(refused.err.contains("nope") || refused.err.contains("credentials"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_with_which_the_console_would_not_start_are_not_called_good() {
    let sandbox = Sandbox::new(&[]).await;
    let settings = |rows: serde_json::Value| {
        rows.as_array().into_iter().flatten().find(|row| row["check"] == "settings").cloned().expect("a row")
    };
    let good = settings(sandbox.hydrant(&["doctor", "--json"]).await.json());
    assert_eq!(good["verdict"], "ok", "{good}");
    let bad = settings(sandbox.hydrant(&["doctor", "--json", "--set", "theme=pink"]).await.expect(1).json());
    assert_eq!(bad["verdict"], "failed", "{bad}");
    assert!(bad["found"].as_str().is_some_and(|why| why.contains("there is no theme pink")), "{bad}");
}
