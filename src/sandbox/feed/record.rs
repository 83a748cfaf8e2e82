//! A post as a record of the lake: 53 columns, parted by tabs, a tab after the last, and a line end.
//!
//! As the records of an older lake are, these are written without care for tabs within a field: a few of them have
//! too many columns, and are there for whoever reads a lake to find.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::people::Badge;
use super::places::Place;
use super::posts::{Feed, Post, Relation, Target, mix, moment};
use super::text::{self, Piece};
use super::x_wire::popularity;

/// The clients that posts are written with.
const CLIENTS: &[(&str, &str)] = &[
    ("https://web.example.org", "Harbour Web"),
    ("https://web.example.org", "Harbour Web"),
    ("https://phone.example.com", "Pocket Posts for Phones"),
    ("https://phone.example.com", "Pocket Posts for Phones"),
    ("https://desk.example.net", "Desk"),
    ("https://feeds.example.org/bot", "Feeds & Bots"),
];

/// The record of a post.
pub(super) fn record(feed: &Feed, post: &Post) -> String {
    let author = feed.person(post.author);
    let worded = post.worded();
    let written = Written::of(feed, worded);
    let is_retweet = post.refers(Relation::Retweeted).is_some();
    let seen = if is_retweet { popularity(feed, worded) } else { 0 };
    let client = usize::try_from(mix(author.id, 41)).unwrap_or_default() % CLIENTS.len();
    let (page, client) = CLIENTS.get(client).copied().unwrap_or_default();
    let reply_to = post.reply_to.map(|to| feed.person(to));
    let point = post.point.map(|(lon, lat)| (lon.to_string(), lat.to_string()));
    let none = || "None".to_owned();

    let mut fields: Vec<String> = vec![
        post.id.to_string(),
        post.point.map_or_else(none, |(lon, lat)| python_point(lat, lon)),
        post.point.map_or_else(none, |(lon, lat)| python_point(lon, lat)),
        post.place.map_or_else(none, python_place),
        none(),
        python(post.refers(Relation::Quoted).is_some()),
        "0".to_owned(),
        "0".to_owned(),
        (seen / 40).to_string(),
        "0".to_owned(),
        python(false),
        python(false),
        date(post.at),
        format!("<a href=\"{page}\" rel=\"nofollow\">{client}</a>"),
        reply_to.map_or_else(none, |to| to.id.to_string()),
        reply_to.map_or_else(none, |to| to.handle.clone()),
        client.to_owned(),
    ];
    fields.extend(place_fields(post.place));
    // `coords` and `geo`: a type, a longitude and a latitude each, or nothing three times.
    for _ in 0..2 {
        match &point {
            Some((lon, lat)) => fields.extend(["Point".to_owned(), lon.clone(), lat.clone()]),
            None => fields.extend([const { String::new() }; 3]),
        }
    }
    fields.extend([
        author.name.clone(),
        author.handle.clone(),
        author.followers.to_string(),
        author.following.to_string(),
        author.listed.to_string(),
        author.likes.to_string(),
        author.posts.to_string(),
        python(author.protected),
        python(author.verified != Badge::None),
        python(false),
        date(author.joined * 1000),
        author.location.map_or_else(none, ToOwned::to_owned),
        if is_retweet { "yes" } else { "no" }.to_owned(),
        written.urls.join("|"),
        written.hashtags.join("|"),
        written.people.join("|"),
        written.urls.len().to_string(),
        written.people.len().to_string(),
        written.hashtags.len().to_string(),
        written.text,
    ]);
    fields.join("\t") + "\t\n"
}

fn python(flag: bool) -> String {
    if flag { "True" } else { "False" }.to_owned()
}

fn python_point(one: f64, other: f64) -> String {
    format!("{{'type': 'Point', 'coordinates': [{one}, {other}]}}")
}

fn python_place(place: &Place) -> String {
    format!(
        "Place(id='{}', full_name='{}', country_code='{}')",
        place.id, place.full_name, place.country_code
    )
}

/// `Fri Dec 31 19:00:18 +0000 2021`.
fn date(us: i64) -> String {
    moment(us).to_zoned(TimeZone::UTC).strftime("%a %b %d %H:%M:%S +0000 %Y").to_string()
}

fn place_fields(place: Option<&Place>) -> [String; 10] {
    let Some(place) = place else {
        let mut fields = [const { String::new() }; 10];
        let [.., coordinates, attributes] = &mut fields;
        "[[]]".clone_into(coordinates);
        "{}".clone_into(attributes);
        return fields;
    };
    let [west, south, east, north] = place.bbox;
    [
        place.id.to_owned(),
        format!("https://api.twitter.com/1.1/geo/id/{}.json", place.id),
        place.kind.to_owned(),
        place.name.to_owned(),
        place.full_name.to_owned(),
        place.country_code.to_owned(),
        place.country.to_owned(),
        "Polygon".to_owned(),
        format!("[[[{west}, {south}], [{east}, {south}], [{east}, {north}], [{west}, {north}]]]"),
        "{}".to_owned(),
    ]
}

/// A text with what is taken out of it.
#[derive(Default)]
struct Written {
    text: String,
    urls: Vec<String>,
    hashtags: Vec<String>,
    people: Vec<String>,
}

impl Written {
    fn of(feed: &Feed, post: &Post) -> Self {
        let mut written = Self::default();
        if let Some(Target::Gone { .. }) = post.refers(Relation::Retweeted) {
            return written;
        }
        for piece in &post.pieces {
            match piece {
                Piece::Words(_) | Piece::Cash(_) => {
                    if !written.text.is_empty() {
                        written.text.push(' ');
                    }
                    let plain = text::for_x(std::slice::from_ref(piece), feed.people()).text;
                    written.text.extend(
                        plain.chars().filter(|letter| !matches!(letter, '\n' | '\r') && !is_emoji(*letter)),
                    );
                }
                Piece::Tag(tag) => written.hashtags.push(format!("#{tag}")),
                Piece::Mention(whom) => written.people.push(format!("@{}", feed.person(*whom).handle)),
                Piece::Link(link) => written.urls.push(link.short()),
            }
        }
        written
    }
}

const fn is_emoji(letter: char) -> bool {
    matches!(letter,
        '\u{200d}' | '\u{20e3}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
}

/// A random-looking identifier that is always the same for the same numbers, as Firehose ends its names with.
pub(super) fn uuid(one: u64, other: u64) -> String {
    let (high, low) = (mix(one, other), mix(other, one ^ 0x55));
    let mut uuid = String::with_capacity(36);
    write!(
        uuid,
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
    .expect("a String takes every text");
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_fifty_three_columns_but_for_a_few_with_tabs_within() {
        let feed = Feed::new(7, 20);
        let (mut good, mut bad) = (0, 0);
        for index in 0..2000 {
            let line = record(&feed, &feed.post_of_hour(498_000, index, 2000));
            let body = line.strip_suffix("\t\n").expect("a tab and a line end");
            assert!(!body.contains('\n'));
            let fields: Vec<&str> = body.split('\t').collect();
            if fields.len() != 53 {
                bad += 1;
                continue;
            }
            good += 1;
            assert!(fields[0].parse::<u64>().is_ok());
            assert!(["yes", "no"].contains(&fields[45]), "{}", fields[45]);
            assert!(!fields[52].contains("https://t.co"));
            assert!(fields[12].ends_with(" 2026") && fields[12].len() == 30, "{}", fields[12]);
            if fields[17].is_empty() {
                assert_eq!(&fields[17..27], ["", "", "", "", "", "", "", "", "[[]]", "{}"]);
            } else {
                assert!(fields[25].starts_with("[[["));
            }
        }
        assert!(bad > 0 && bad * 20 < good, "{good} good, {bad} bad");
    }
}
