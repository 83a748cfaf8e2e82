use std::fmt::Write as _;

use super::*;
use crate::lake::Place;
use crate::topics::{Corpus, Method, Order};

fn model() -> Model {
    let order = Order { method: Some(Method::Lda), k: Some(2), iterations: Some(5), ..Order::default() };
    order.fit(Corpus::from_lines("a b\nc d\na b c\n")).expect("a model").model
}

/// Twelve posts, two of which have no topic, and their predictions.
fn files(folder: &std::path::Path) -> (RowFile, RowFile) {
    let mut rows = String::from(
        "id,created_at,in_reply_to_screen_name,source_text,user_followers,user_verified,user_protected,user_location\n",
    );
    let mut predictions = String::from("id,created_at,dominant_topic,topic_0,topic_1\n");
    for post in 0..12 {
        let at = format!("2026-11-2{} {:02}:30:00+00:00", 2 + post % 2, 10 + post / 2);
        let reply = ["None", "nasa", "", "esa"][post % 4];
        let client = ["Web", "Phone", "Web"][post % 3];
        let place = ["\"Austin, TX\"", "None", "Lagos", "Atlantis"][post % 4];
        writeln!(
            rows,
            "{post},{at},{reply},{client},{},{},False,{place}",
            post * 10,
            ["True", "False"][post % 2]
        )
        .expect("a String takes every text");
        if post < 10 {
            let topic = usize::from(post % 5 > 2);
            writeln!(predictions, "{post},{at},{topic},{},{}", 1 - topic, topic)
                .expect("a String takes every text");
        }
    }
    std::fs::write(folder.join("hours.csv"), rows).expect("written");
    std::fs::write(folder.join("predictions.csv"), predictions).expect("written");
    let place = Place::Folder(folder.to_owned());
    let file = |key: &str| RowFile { place: place.clone(), key: key.to_owned() };
    (file("hours.csv"), file("predictions.csv"))
}

#[tokio::test]
async fn the_eleven_questions_are_answered_from_hours_and_predictions() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hours, predictions) = files(folder.path());
    let mut model = model();
    model.names[1] = "launches".to_owned();
    let predicted = Predicted::read(&[predictions], 2).await.expect("predictions");
    let answers = answer(&model, &predicted, &[hours], Countries::shipped(), 2).await.expect("answers");

    assert_eq!((answers.posts, answers.with_topic, answers.unanswered.len()), (12, 10, 0));
    assert_eq!(
        (answers.topics, answers.posts_by_topic),
        (vec!["topic 0".into(), "launches".into()], vec![6, 4])
    );
    let csv = |name: &str| {
        let answer = answers.answers.iter().find(|answer| answer.name == name).expect("an answer");
        String::from_utf8(answer.table().csv().expect("CSV")).expect("text")
    };
    assert_eq!(answers.answers.iter().map(|answer| answer.name).collect::<Vec<_>>(), NAMES);
    assert_eq!(csv("replied_to"), "user,posts,share\nnasa,3,0.3\nesa,2,0.2\n");
    assert_eq!(csv("clients"), "client,posts,share\nWeb,7,0.7\nPhone,3,0.3\n");
    assert_eq!(csv("clients_by_topic"), "client,topic 0,launches\nWeb,4,3\nPhone,2,1\n");
    assert_eq!(
        csv("followers_by_topic"),
        "topic,posts,min,mean,median,max\ntopic 0,6,0,35,35,70\nlaunches,4,30,60,60,90\n"
    );
    let weekdays = csv("hours_by_weekday");
    assert_eq!(weekdays.lines().next().map(|head| head.split(',').count()), Some(25));
    // Topic 0 has posts 0, 2, 6 on Sunday the 22nd and 1, 5, 7 on the day after.
    assert!(weekdays.contains("\nSun,0,0,0,0,0,0,0,0,0,0,1,1,0,1,0,"), "{weekdays}");
    assert!(weekdays.contains("\nMon,0,0,0,0,0,0,0,0,0,0,1,0,1,1,0,"), "{weekdays}");
    assert_eq!(csv("verified_and_protected"), "account,yes,no,not_said\nverified,5,5,0\nprotected,0,10,0\n");
    assert_eq!(csv("locations_present"), "location,posts,share\npresent,7,0.7\nmissing,3,0.3\n");
    assert_eq!(csv("locations"), "location,posts,share\n\"Austin, TX\",3,0.3\nAtlantis,2,0.2\n");
    assert_eq!(
        csv("location_countries"),
        "location,code,country,posts\n\"Austin, TX\",US,United States,3\nAtlantis,,,2\n"
    );
    assert_eq!(
        csv("countries"),
        "code,country,posts,share\nUS,United States,3,0.3\nNG,Nigeria,2,0.2\n,not known,5,0.5\n"
    );
    assert_eq!(csv("countries_by_topic"), "country,topic 0,launches\nUnited States,1,2\nNigeria,2,0\n");
    assert_eq!(answers.shares_per_hour.posts, [1; 10]);
}

#[tokio::test]
async fn what_the_hours_do_not_hold_is_said_and_the_rest_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hours, predictions) = files(folder.path());
    std::fs::write(folder.path().join("hours.csv"), "id,source_text\n1,Web\n99,Phone\n").expect("written");
    let predicted = Predicted::read(std::slice::from_ref(&predictions), 2).await.expect("predictions");
    let found = answer(&model(), &predicted, std::slice::from_ref(&hours), Countries::shipped(), TOP).await;
    let found = found.expect("answers");
    assert_eq!((found.posts, found.with_topic, found.answers.len()), (2, 1, 2));
    assert_eq!(found.unanswered[0].name, "replied_to");
    assert_eq!(found.unanswered[0].because, "the hours have no column `in_reply_to_screen_name`");

    std::fs::write(folder.path().join("hours.csv"), "id,source_text\n77,Web\n").expect("written");
    let none = answer(&model(), &predicted, &[hours], Countries::shipped(), TOP).await;
    assert!(none.expect_err("none").to_string().starts_with("of 1 post, none has a topic: predict"));
    let other = Predicted::read(&[predictions], 3).await.expect_err("of another model");
    assert!(other.to_string().contains("topic_2"), "{other}");
}

#[test]
fn titles_that_are_alike_have_their_numbers() {
    let mut model = model();
    model.names = vec!["same".into(), "same".into()];
    assert_eq!(titles(&model), ["same (0)", "same (1)"]);
}
