//! Tables of rules: what they match, and what is said against them.

use super::*;

/// A post with a text and a hashtag, by the first of the people.
fn post(feed: &Feed, text: &str) -> Post {
    let mut post = feed.post(0);
    post.references.clear();
    post.reply_to = None;
    post.author = 0;
    post.lang = "en";
    post.place = None;
    post.pieces = vec![Piece::Words(text.to_owned()), Piece::Tag("NightSky"), Piece::Cash("ORBX")];
    post
}

#[test]
fn rules_match_as_they_read() {
    let feed = Feed::new(1, 20);
    let text = "The Mars rover 🚀 met a Café, didn't it? 火星探査機が着陸";
    let post = post(&feed, text);
    let seen = Seen::of(&feed, &post);
    let own = format!("from:{}", feed.person(0).handle);
    for (rule, holds) in [
        ("mars", true),
        ("MARS rover", true),
        ("marsrover", false),
        ("mar", false),
        ("rover mars", true),
        ("\"mars rover\"", true),
        ("\"rover mars\"", false),
        ("\"rover mars\"~2", true),
        ("\"mars café\"~2", false),
        ("\"mars café\"~3", true),
        ("cafe", false),
        ("café", true),
        ("\"didn't\"", true),
        ("🚀", true),
        ("🛰️", false),
        ("火星", true),
        ("#nightsky", true),
        ("#night", false),
        ("nightsky", true),
        ("$orbx", true),
        ("@orbx", false),
        (own.as_str(), true),
        ("from:nobody_else", false),
        ("mars lang:en", true),
        ("mars lang:fr", false),
        ("mars -rover", false),
        ("mars -hubble", true),
        ("hubble OR mars", true),
        ("(hubble OR mars) rover", true),
        // A space binds tighter than OR: only `hubble` is asked for its language.
        ("mars OR hubble lang:fr", true),
        ("(mars OR hubble) lang:fr", false),
        ("mars -(hubble OR comet)", true),
        ("mars is:retweet", false),
        ("mars -is:retweet -is:nullcast", true),
        ("mars has:hashtags has:cashtags -has:links", true),
        ("mars sample:100", true),
        ("mars place_country:fi", false),
    ] {
        let parsed = Rule::parse(rule).unwrap_or_else(|details| panic!("{rule}: {details:?}"));
        assert_eq!(parsed.matches(&seen), holds, "{rule}");
    }
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_place() {
    for (rule, said) in [
        ("", "no viable alternative at input '<EOF>' (at position 1)"),
        ("lang:en", "Rules must contain a non-negated standalone operator (at position 1)"),
        ("-mars", "Rules must contain a non-negated standalone operator (at position 1)"),
        ("mars OR lang:en", "Rules must contain a non-negated standalone operator (at position 9)"),
        ("(is:retweet has:links)", "Rules must contain a non-negated standalone operator (at position 1)"),
        (
            "mars AND rover",
            "Ambiguous use of and as a keyword. Use a space to logically join two clauses, or \"and\" \
            to find occurrences of and in text (at position 6)",
        ),
        ("(mars", "missing ')' at '<EOF>' (at position 6)"),
        ("mars)", "missing EOF at ')' (at position 5)"),
        ("mars OR", "no viable alternative at input '<EOF>' (at position 8)"),
        ("OR mars", "no viable alternative at input 'OR' (at position 1)"),
        ("()", "no viable alternative at input ')' (at position 2)"),
        ("\"mars", "no viable alternative at character '\"' (at position 1)"),
        ("mars don't", "no viable alternative at character ''' (at position 9)"),
        ("mars h:m", "Reference to invalid operator 'h' (at position 6)."),
        ("mars has:polls", "Reference to invalid operator 'has:polls'. (at position 6)"),
        ("mars sample:0", "sample must be a whole number from 1 to 100 (at position 6)"),
        ("mars point_radius:[1 2 3km]", "Reference to invalid operator 'point_radius' (at position 6)."),
        ("mars is:nullcast", "is:nullcast can only be used negated (at position 6)"),
        ("\"a b\"~9", "Proximity must be between 1 and 6 (at position 8)"),
    ] {
        let details = Rule::parse(rule).expect_err(rule);
        assert_eq!(details.first().map(String::as_str), Some(said), "{rule}");
    }
    assert!(Rule::parse(&"(".repeat(1000)).is_err());
    assert!(Rule::parse(&"x".repeat(1025)).is_err());
    assert!(Rule::parse(&"x".repeat(1024)).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_rule_breaks_the_reader(rule in "[-a-zA-Z0-9 ()\":#@$~éß火🚀\\\\'_]{0,40}") {
        drop(Rule::parse(&rule));
    }
}
