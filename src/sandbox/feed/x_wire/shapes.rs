//! The documents of X's wire. Of each pair of names that X renamed, one is there: the dialect's.

use std::borrow::Cow;

use serde::Serialize;

use super::Matched;

#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) data: Tweet<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) includes: Option<Includes<'a>>,
    pub(super) matching_rules: &'a [Matched],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<serde_json::Value>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as X names them")]
pub(super) struct Tweet<'a> {
    pub(super) id: String,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edit_history_tweet_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edit_history_post_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) author_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_reply_to_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lang: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) possibly_sensitive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_settings: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attachments: Option<Attachments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edit_controls: Option<EditControls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_metrics: Option<Metrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entities: Option<Entities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) geo: Option<Geo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) referenced_tweets: Option<Vec<Referenced>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) referenced_posts: Option<Vec<Referenced>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note_tweet: Option<Note<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note_post: Option<Note<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) withheld: Option<Withheld>,
}

#[derive(Serialize)]
pub(super) struct Attachments {
    pub(super) media_keys: [String; 1],
}

#[derive(Serialize)]
pub(super) struct EditControls {
    pub(super) edits_remaining: u8,
    pub(super) is_edit_eligible: bool,
    pub(super) editable_until: String,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as X names them")]
pub(super) struct Metrics {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retweet_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repost_count: Option<u64>,
    pub(super) reply_count: u64,
    pub(super) like_count: u64,
    pub(super) quote_count: u64,
    pub(super) bookmark_count: u64,
    pub(super) impression_count: u64,
}

#[derive(Serialize, Clone)]
pub(super) struct Referenced {
    pub(super) r#type: &'static str,
    pub(super) id: String,
}

#[derive(Serialize)]
pub(super) struct Note<'a> {
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entities: Option<Entities<'a>>,
}

#[derive(Serialize)]
pub(super) struct Withheld {
    pub(super) copyright: bool,
    pub(super) country_codes: [&'static str; 2],
    pub(super) scope: &'static str,
}

#[derive(Serialize, Default)]
pub(super) struct Entities<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashtags: Vec<Tagged>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cashtags: Vec<Tagged>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) mentions: Vec<Mention<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) urls: Vec<Url<'a>>,
}

#[derive(Serialize)]
pub(super) struct Tagged {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) tag: &'static str,
}

#[derive(Serialize)]
pub(super) struct Mention<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) username: &'a str,
    pub(super) id: String,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as X names them")]
pub(super) struct Url<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) url: String,
    pub(super) expanded_url: &'a str,
    pub(super) display_url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_key: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Geo {
    pub(super) place_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coordinates: Option<Point>,
}

#[derive(Serialize)]
pub(super) struct Point {
    pub(super) r#type: &'static str,
    pub(super) coordinates: [f64; 2],
}

#[derive(Serialize, Default)]
pub(super) struct Includes<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) users: Vec<User<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tweets: Vec<Tweet<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) posts: Vec<Tweet<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) places: Vec<PlaceOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) media: Vec<Media>,
}

#[derive(Serialize)]
pub(super) struct User<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    pub(super) username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_metrics: Option<UserMetrics>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as X names them")]
pub(super) struct UserMetrics {
    pub(super) followers_count: u32,
    pub(super) following_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tweet_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) post_count: Option<u32>,
    pub(super) listed_count: u32,
    pub(super) like_count: u32,
    pub(super) media_count: u32,
}

#[derive(Serialize)]
pub(super) struct PlaceOut {
    pub(super) id: &'static str,
    pub(super) full_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) geo: Option<Feature>,
}

#[derive(Serialize)]
pub(super) struct Feature {
    pub(super) r#type: &'static str,
    pub(super) bbox: [f64; 4],
    pub(super) properties: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as X names them")]
pub(super) struct Media {
    pub(super) media_key: String,
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alt_text: Option<&'static str>,
}
