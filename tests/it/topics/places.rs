//! Models and predictions in a bucket, as in a folder.

use super::answers::combined;
use crate::support::World;

async fn put(world: &World, key: &str, content: impl Into<Vec<u8>>) {
    let body = content.into().into();
    world.aws().s3.put_object().bucket(world.bucket()).key(key).body(body).send().await.unwrap();
}

async fn keys(world: &World, prefix: &str) -> Vec<String> {
    let listing =
        world.aws().s3.list_objects_v2().bucket(world.bucket()).prefix(prefix).send().await.unwrap();
    listing.contents().iter().filter_map(|object| object.key().map(ToOwned::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_lives_in_a_bucket_and_predicts_each_new_hour_once() {
    let world = World::new().await;
    world.aws().s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
    let bucket = format!("s3://{}", world.bucket());
    let (lake, model) = (format!("{bucket}/lake/"), format!("{bucket}/lake/models/space"));
    let hour =
        |hour: u8, saved: u8| format!("lake/csvs/tweets_2_hc20261122{hour:02}_s202611222359{saved:02}.csv");
    put(&world, &hour(18, 0), combined()).await;

    let fit = format!(
        "topics fit --input {lake} --model lda --k 3 --alpha 0.05 --longer-than 3 --alike 2 --min-df 2 --out {model} --json"
    );
    let fit: Vec<&str> = fit.split(' ').collect();
    assert_eq!(world.hydrant(&fit).await.expect(0).json()["k"], 3);
    let kept = keys(&world, "lake/models/").await;
    for name in ["doc_topics.csv", "model.json", "model.parquet", "predictions.parquet", "text.json"] {
        assert!(kept.contains(&format!("lake/models/space/{name}")), "{kept:?}");
    }

    let listed =
        world.hydrant(&["topics", "list", &format!("{bucket}/lake/models"), "--json"]).await.expect(0).json();
    assert_eq!((&listed[0]["folder"], &listed[0]["k"]), (&model.as_str().into(), &3.into()));
    world.hydrant(&["topics", "name", &model, "1", "weather"]).await.expect(0);
    let shown =
        world.hydrant(&["topics", "show", &model, "--lambda", "0.5", "--json"]).await.expect(0).json();
    assert_eq!(shown["topics"][1]["name"], "weather");

    // A new hour, whose posts have ids of their own.
    let later = combined().replace("\n", "\n9").replace("2026-11-22 18", "2026-11-23 07");
    put(&world, &hour(23, 0), later.trim_end_matches('9')).await;
    let predict = ["topics", "predict", &model, "--input", &lake, "--json"];
    let told = world.hydrant(&predict).await.expect(0).json();
    assert_eq!((told["files"].as_array().unwrap().len(), &told["skipped"]), (2, &0.into()));
    assert_eq!(told["predicted"], told["posts"]);
    let again = world.hydrant(&predict).await.expect(0).json();
    assert_eq!((again["files"].as_array().unwrap().len(), &again["skipped"]), (0, &2.into()));
    // It was combined again: its predictions are made again, and take the place of the old ones.
    world.aws().s3.delete_object().bucket(world.bucket()).key(hour(23, 0)).send().await.unwrap();
    put(&world, &hour(23, 9), later.trim_end_matches('9')).await;
    let renewed = world.hydrant(&predict).await.expect(0).json();
    assert_eq!(
        (renewed["files"].as_array().unwrap().len(), &renewed["skipped"], &renewed["replaced"]),
        (1, &1.into(), &1.into())
    );
    assert_eq!(keys(&world, "lake/models/space/predictions/").await.len(), 2);

    let out = format!("{bucket}/lake/answers");
    let answer = ["topics", "answer", &model, "--input", &lake, "--out", &out, "--json"];
    let answers = world.hydrant(&answer).await.expect(0).json();
    assert_eq!((&answers["posts"], &answers["with_topic"]), (&180.into(), &180.into()));
    assert_eq!(answers["topics"][1], "weather");
    assert_eq!(keys(&world, "lake/answers/").await.len(), 12);
    let report = ["topics", "report", &model, "--input", &lake];
    let said = world.hydrant(&report).await.expect(0).out;
    assert_eq!(said.trim(), format!("{model}/report.html"));
    assert!(keys(&world, "lake/models/space/").await.contains(&"lake/models/space/report.html".to_owned()));

    let none = world.hydrant(&["topics", "show", &format!("{bucket}/lake/models/none")]).await.expect(1);
    assert!(none.err.contains("is not a topic model: there is no model.json"), "{}", none.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_in_a_bucket_takes_the_place_of_another_whole() {
    let world = World::new().await;
    world.aws().s3.create_bucket().bucket(world.bucket()).send().await.unwrap();
    let model = format!("s3://{}/models/space", world.bucket());
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let posts = place("posts.csv", combined().as_bytes());
    let tokens = place("tokens.txt", super::lines().as_bytes());
    let fit = format!(
        "topics fit --input {posts} --model lda --k 3 --longer-than 3 --alike 2 --min-df 2 --out {model} --json"
    );
    let told = world.hydrant(&fit.split(' ').collect::<Vec<_>>()).await.expect(0);
    assert!(!told.err.contains("names"), "{}", told.err);
    world.hydrant(&["topics", "name", &model, "1", "weather"]).await.expect(0);

    let fit = format!("topics fit --tokens {tokens} --model lda --k 3 --out {model} --json");
    let told = world.hydrant(&fit.split(' ').collect::<Vec<_>>()).await.expect(0);
    let kept = keys(&world, "models/space/").await;
    let (names, others): (Vec<&str>, Vec<&str>) = kept
        .iter()
        .map(|key| key.trim_start_matches("models/space/"))
        .partition(|name| name.starts_with("names_"));
    assert_eq!(
        others,
        ["doc_topics.csv", "model.json", "model.parquet", "topic_term_matrix.csv", "topic_terms.csv"]
    );
    assert!(names.len() == 1 && told.err.contains(names[0]), "{names:?} {}", told.err);
    let object = world.aws().s3.get_object().bucket(world.bucket()).key(format!("models/space/{}", names[0]));
    let names = object.send().await.unwrap().body.collect().await.unwrap().to_vec();
    assert!(String::from_utf8(names).unwrap().contains("weather"));
}
