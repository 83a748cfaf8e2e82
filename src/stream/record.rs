//! The record: 53 columns, joined by tabs, a tab after the last, and a line end; one line a post.
//!
//! The columns and their order are the predecessor's, so that its lakes and hydrant's are read alike. What this module
//! promises: no byte of any field can shift a column. Tabs, line ends of every kind that Unicode knows and all control
//! characters become single spaces on the way in ([`Line`]), so a line that hydrant wrote always splits into exactly
//! what was put into it. [`Fields::split`] reads lines that anybody wrote, without copying: exactly 53 columns, each
//! followed by its tab, or the line is [`Malformed`].
//!
//! By setting, a record is a JSON object of the same columns instead: `null` where the text form says `None` or
//! nothing, numbers and booleans bare.

use std::borrow::Cow;
use std::io::Write;

use jiff::Timestamp;

macro_rules! columns {
    ($( $variant:ident $name:literal $kind:ident ),+ $(,)?) => {
        /// A column of the record, in order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is what its name in the record says; `name` gives it")]
        pub enum Column { $( $variant ),+ }

        impl Column {
            /// Every column, in order.
            pub const ALL: [Self; COUNT] = [ $( Self::$variant ),+ ];

            /// Its name, as in a header.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),+ }
            }

            const fn kind(self) -> Kind {
                match self { $( Self::$variant => Kind::$kind ),+ }
            }
        }

        /// The names of all columns, in order.
        pub const COLUMNS: [&str; COUNT] = [ $( $name ),+ ];
    };
}

/// How many columns a record has.
pub const COUNT: usize = 53;

/// What a column holds, which decides how JSON writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text, even where it is made of digits: ids exceed what JSON's readers take for a number.
    Text,
    /// A whole number or a coordinate.
    Number,
    /// `True` or `False`.
    Flag,
}

columns! {
    Id "id" Text, Geo "geo" Text, Coordinates "coordinates" Text, Place "place" Text, Contributors "contributors" Text,
    IsQuoteStatus "is_quote_status" Flag, QuoteCount "quote_count" Number, ReplyCount "reply_count" Number,
    RetweetCount "retweet_count" Number, FavoriteCount "favorite_count" Number, Favorited "favorited" Flag,
    Retweeted "retweeted" Flag, CreatedAt "created_at" Text, Source "source" Text,
    InReplyToUserId "in_reply_to_user_id" Text, InReplyToScreenName "in_reply_to_screen_name" Text,
    SourceText "source_text" Text, PlaceId "place_id" Text, PlaceUrl "place_url" Text,
    PlacePlaceType "place_place_type" Text, PlaceName "place_name" Text, PlaceFullName "place_full_name" Text,
    PlaceCountryCode "place_country_code" Text, PlaceCountry "place_country" Text,
    PlaceBoundingBoxType "place_bounding_box_type" Text,
    PlaceBoundingBoxCoordinates "place_bounding_box_coordinates" Text, PlaceAttributes "place_attributes" Text,
    CoordsType "coords_type" Text, CoordsLon "coords_lon" Number, CoordsLat "coords_lat" Number,
    GeoType "geo_type" Text, GeoLon "geo_lon" Number, GeoLat "geo_lat" Number, UserName "user_name" Text,
    UserScreenName "user_screen_name" Text, UserFollowers "user_followers" Number, UserFriends "user_friends" Number,
    UserListed "user_listed" Number, UserFavourites "user_favourites" Number, UserStatuses "user_statuses" Number,
    UserProtected "user_protected" Flag, UserVerified "user_verified" Flag,
    UserContributorsEnabled "user_contributors_enabled" Flag, UserJoined "user_joined" Text,
    UserLocation "user_location" Text, RetweetedTweet "retweeted_tweet" Text, TweetTextUrls "tweet_text_urls" Text,
    TweetTextHashtags "tweet_text_hashtags" Text, TweetTextUsernames "tweet_text_usernames" Text,
    NumUrlsInTweetText "num_urls_in_tweet_text" Number, NumUsersInTweetText "num_users_in_tweet_text" Number,
    NumHashtagsInTweetText "num_hashtags_in_tweet_text" Number, Text "text" Text,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Tab-separated columns.
    #[default]
    Tsv,
    /// One JSON object a line.
    Json,
}

/// A line that is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The line has another number of columns.
    #[error("the line has {0} columns, not {COUNT}")]
    Columns(usize),
    /// Something follows the last column's tab, or the tab is not there: the line was cut, or is somebody else's.
    #[error("the line does not end after its last column")]
    End,
    /// The line is a JSON object, but not one of a record's columns.
    #[error("the line is no record in JSON")]
    Json,
}

/// The 53 fields of one record, as they stand in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a>([&'a [u8]; COUNT]);

impl<'a> Fields<'a> {
    /// Parts a line, with or without its line end, into its fields. Copies nothing.
    pub fn split(line: &'a [u8]) -> Result<Self, Malformed> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut fields: [&[u8]; COUNT] = [&[]; COUNT];
        let (mut start, mut count) = (0, 0);
        for tab in memchr::memchr_iter(b'\t', line) {
            if let Some(field) = fields.get_mut(count) {
                *field = line.get(start..tab).unwrap_or_default();
            }
            start = tab + 1;
            count += 1;
        }
        match (count, start == line.len()) {
            (COUNT, true) => Ok(Self(fields)),
            (COUNT, false) => Err(Malformed::End),
            (_, true) => Err(Malformed::Columns(count)),
            (_, false) => Err(Malformed::Columns(count + 1)),
        }
    }

    /// The bytes of one column.
    pub fn get(&self, column: Column) -> &'a [u8] {
        self.0.get(column as usize).copied().unwrap_or_default()
    }

    /// One column as text; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self, column: Column) -> Cow<'a, str> {
        String::from_utf8_lossy(self.get(column))
    }

    /// Every field, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.0.into_iter()
    }

    /// Every column with its text, in order.
    pub fn columns(&self) -> impl Iterator<Item = (Column, Cow<'a, str>)> {
        Column::ALL.into_iter().zip(self.0).map(|(column, field)| (column, String::from_utf8_lossy(field)))
    }

    /// Writes the record again in a format; what no record may hold is replaced.
    pub fn write(&self, format: Format, out: &mut Vec<u8>) {
        let mut line = Line::begin(format, out);
        for (column, text) in self.columns() {
            line.as_written(column, &text);
        }
        line.end();
    }
}

/// A record that came as a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonRecord(serde_json::Map<String, serde_json::Value>);

impl JsonRecord {
    /// Reads a JSON line; it must have the columns of a record and no others.
    pub fn parse(line: &[u8]) -> Result<Self, Malformed> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(line).map_err(|_| Malformed::Json)?;
        Self::of(object)
    }

    /// The same from an object that was read already.
    pub fn of(object: serde_json::Map<String, serde_json::Value>) -> Result<Self, Malformed> {
        let holds = object.len() == COUNT && COLUMNS.iter().all(|name| object.contains_key(*name));
        if holds { Ok(Self(object)) } else { Err(Malformed::Json) }
    }

    /// Writes it in a format.
    pub fn write(&self, format: Format, out: &mut Vec<u8>) {
        let mut line = Line::begin(format, out);
        for column in Column::ALL {
            let value = self.0.get(column.name()).unwrap_or(&serde_json::Value::Null);
            match value {
                serde_json::Value::Null => line.as_written(column, column.absent()),
                serde_json::Value::Bool(flag) => {
                    line.as_written(column, if *flag { "True" } else { "False" });
                }
                serde_json::Value::String(text) => line.as_written(column, text),
                other => line.as_written(column, &other.to_string()),
            }
        }
        line.end();
    }
}

impl Column {
    /// What the text form says where there is nothing.
    const fn absent(self) -> &'static str {
        match self {
            Self::PlaceBoundingBoxCoordinates => "[[]]",
            Self::PlaceAttributes => "{}",
            Self::PlaceId
            | Self::PlaceUrl
            | Self::PlacePlaceType
            | Self::PlaceName
            | Self::PlaceFullName
            | Self::PlaceCountryCode
            | Self::PlaceCountry
            | Self::PlaceBoundingBoxType
            | Self::CoordsType
            | Self::CoordsLon
            | Self::CoordsLat
            | Self::GeoType
            | Self::GeoLon
            | Self::GeoLat
            | Self::TweetTextUrls
            | Self::TweetTextHashtags
            | Self::TweetTextUsernames
            | Self::Text => "",
            _ => "None",
        }
    }
}

/// One record being written to the end of a buffer, column after column.
#[derive(Debug)]
pub struct Line<'b> {
    out: &'b mut Vec<u8>,
    format: Format,
    next: usize,
}

impl<'b> Line<'b> {
    /// Begins a record at the end of `out`.
    pub fn begin(format: Format, out: &'b mut Vec<u8>) -> Self {
        Self { out, format, next: 0 }
    }

    /// A text; what could end a field or a line is replaced.
    pub fn text(&mut self, text: &str) {
        self.column(|format, out| match format {
            Format::Tsv => clean_into(text, out),
            Format::Json => json_text(text, out),
        });
    }

    /// A text, or what its column says where there is none.
    pub fn text_or_none(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.absent(),
        }
    }

    /// A whole number.
    pub fn number(&mut self, number: u64) {
        self.column(|_, out| write!(out, "{number}").expect("a Vec takes every byte"));
    }

    /// A whole number, or what its column says where there is none.
    pub fn number_or_none(&mut self, number: Option<u64>) {
        match number {
            Some(number) => self.number(number),
            None => self.absent(),
        }
    }

    /// A coordinate.
    pub fn coordinate(&mut self, degrees: f64) {
        self.column(|_, out| write!(out, "{degrees}").expect("a Vec takes every byte"));
    }

    /// `True` or `False`.
    pub fn flag(&mut self, flag: bool) {
        self.column(|format, out| {
            out.extend_from_slice(match (format, flag) {
                (Format::Tsv, true) => b"True",
                (Format::Tsv, false) => b"False",
                (Format::Json, true) => b"true",
                (Format::Json, false) => b"false",
            });
        });
    }

    /// A moment, as `Fri Dec 31 19:00:18 +0000 2021`, or what its column says where there is none.
    pub fn time(&mut self, at: Option<Timestamp>) {
        let Some(at) = at else { return self.absent() };
        self.column(|format, out| {
            if format == Format::Json {
                out.push(b'"');
            }
            write_time(at, out);
            if format == Format::Json {
                out.push(b'"');
            }
        });
    }

    /// Nothing, in the way of its column.
    pub fn absent(&mut self) {
        let column = Column::ALL.get(self.next).copied().unwrap_or(Column::Text);
        self.column(|format, out| {
            out.extend_from_slice(match format {
                Format::Tsv => column.absent().as_bytes(),
                Format::Json => b"null",
            });
        });
    }

    /// Ends the record. All columns must have been written.
    pub fn end(self) {
        assert_eq!(self.next, COUNT, "a record has all of its columns");
        if self.format == Format::Json {
            self.out.push(b'}');
        }
        self.out.push(b'\n');
    }

    /// A field as the text form writes it, whatever it means.
    fn as_written(&mut self, column: Column, text: &str) {
        if self.format == Format::Tsv {
            return self.text(text);
        }
        match (column.kind(), text) {
            (_, absent) if absent == column.absent() => self.absent(),
            (Kind::Flag, "True") => self.flag(true),
            (Kind::Flag, "False") => self.flag(false),
            (Kind::Number, number) if is_json_number(number) => {
                self.column(|_, out| out.extend_from_slice(number.as_bytes()));
            }
            (_, text) => self.text(text),
        }
    }

    fn column(&mut self, write: impl FnOnce(Format, &mut Vec<u8>)) {
        if self.format == Format::Json {
            self.out.push(if self.next == 0 { b'{' } else { b',' });
            let name = COLUMNS.get(self.next).copied().unwrap_or_default();
            self.out.push(b'"');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
        write(self.format, self.out);
        if self.format == Format::Tsv {
            self.out.push(b'\t');
        }
        self.next += 1;
    }
}

/// Whether the text is written just as JSON writes this number.
fn is_json_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok_and(|number| number.to_string() == text)
}

fn json_text(text: &str, out: &mut Vec<u8>) {
    let mut clean = Vec::with_capacity(text.len());
    clean_into(text, &mut clean);
    let clean = String::from_utf8_lossy(&clean);
    serde_json::to_writer(out, &*clean).expect("a Vec takes every byte");
}

/// Whether a character could end a field or a line, or does something else than being read.
pub(super) const fn breaks(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}')
}

/// Appends the text with each run of characters that [break](breaks) as one space.
fn clean_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // C1 controls and the separators begin with these bytes in UTF-8; most texts have none of them.
    let suspect = |byte: u8| byte < 0x20 || byte == 0x7f || byte == 0xc2 || byte == 0xe2;
    if !bytes.iter().copied().any(suspect) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut after_break = false;
    let mut plain_from = 0;
    for (at, character) in text.char_indices() {
        if breaks(character) {
            out.extend_from_slice(bytes.get(plain_from..at).unwrap_or_default());
            if !after_break {
                out.push(b' ');
            }
            plain_from = at + character.len_utf8();
            after_break = true;
        } else {
            after_break = false;
        }
    }
    out.extend_from_slice(bytes.get(plain_from..).unwrap_or_default());
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn write_time(at: Timestamp, out: &mut Vec<u8>) {
    let at = jiff::tz::Offset::UTC.to_datetime(at);
    let index = |number: i8| usize::try_from(number).unwrap_or_default();
    let weekday = WEEKDAYS.get(index(at.weekday().to_monday_zero_offset())).copied().unwrap_or_default();
    let month = MONTHS.get(index(at.month() - 1)).copied().unwrap_or_default();
    let (day, hour, minute, second, year) = (at.day(), at.hour(), at.minute(), at.second(), at.year());
    write!(out, "{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} +0000 {year:04}")
        .expect("a Vec takes every byte");
}

/// Reads a moment as records and API v1.1 write it: `Fri Dec 31 19:00:18 +0000 2021`.
pub fn read_time(text: &str) -> Option<Timestamp> {
    let mut parts = text.split_ascii_whitespace();
    let (_weekday, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (clock, offset, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let mut clock = clock.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if offset != "+0000" || parts.next().is_some() || clock.next().is_some() {
        return None;
    }
    let month = i8::try_from(month).ok()?;
    let at = jiff::civil::DateTime::new(
        year.parse().ok()?,
        month,
        day.parse().ok()?,
        hour,
        minute,
        second.min(59),
        0,
    );
    jiff::tz::Offset::UTC.to_timestamp(at.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(text: &str) -> String {
        let mut out = Vec::new();
        clean_into(text, &mut out);
        String::from_utf8(out).expect("clean text is text")
    }

    fn line(fields: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut line = Line::begin(Format::Tsv, &mut out);
        for field in fields {
            line.text(field);
        }
        line.end();
        out
    }

    #[test]
    fn the_columns_are_the_predecessors() {
        let known = "id geo coordinates place contributors is_quote_status quote_count reply_count retweet_count \
            favorite_count favorited retweeted created_at source in_reply_to_user_id in_reply_to_screen_name source_text \
            place_id place_url place_place_type place_name place_full_name place_country_code place_country \
            place_bounding_box_type place_bounding_box_coordinates place_attributes coords_type coords_lon coords_lat \
            geo_type geo_lon geo_lat user_name user_screen_name user_followers user_friends user_listed user_favourites \
            user_statuses user_protected user_verified user_contributors_enabled user_joined user_location \
            retweeted_tweet tweet_text_urls tweet_text_hashtags tweet_text_usernames num_urls_in_tweet_text \
            num_users_in_tweet_text num_hashtags_in_tweet_text text";
        assert_eq!(COLUMNS.to_vec(), known.split_whitespace().collect::<Vec<_>>());
        assert!(Column::ALL.iter().enumerate().all(|(place, column)| *column as usize == place));
    }

    #[test]
    fn a_line_of_another_shape_is_malformed() {
        let good = "x\t".repeat(COUNT);
        assert!(Fields::split(good.as_bytes()).is_ok());
        assert!(Fields::split((good.clone() + "\r\n").as_bytes()).is_ok());
        let shapes = [
            (String::new(), Malformed::Columns(0)),
            ("x\t".repeat(COUNT - 1), Malformed::Columns(COUNT - 1)),
            ("x\t".repeat(COUNT - 1) + "cut", Malformed::Columns(COUNT)),
            ("x\t".repeat(COUNT + 1), Malformed::Columns(COUNT + 1)),
            (good + "more", Malformed::End),
        ];
        for (line, why) in shapes {
            assert_eq!(Fields::split(line.as_bytes()), Err(why), "{line:?}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["Fri Dec 31 19:00:18 +0000 2021", "Thu Jan 01 00:00:00 +0000 1970"] {
            let mut out = Vec::new();
            write_time(read_time(text).expect("a time"), &mut out);
            assert_eq!(out, text.as_bytes());
        }
        for text in ["", "Fri Dec 32 19:00:18 +0000 2021", "Fri Dec 31 19:00:18 +0100 2021", "a b c d e f"] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[test]
    fn every_kind_of_line_end_and_control_becomes_a_space() {
        let broken = "a\tb\nc\rd\r\ne\u{b}f\u{c}g\u{85}h\u{2028}i\u{2029}j\u{0}k\u{7f}l\u{9b}m";
        assert_eq!(cleaned(broken), "a b c d e f g h i j k l m");
        assert_eq!(cleaned("é “quoted” 🚀 ünchanged"), "é “quoted” 🚀 ünchanged");
    }

    proptest! {
            #[test]
            fn no_field_can_shift_a_column(fields in prop::collection::vec(any::<String>(), COUNT)) {
                let line = line(&fields);
                prop_assert_eq!(memchr::memchr_iter(b'\n', &line).count(), 1);
                let split = Fields::split(&line).expect("it was written here");
                for (field, read) in fields.iter().zip(split.iter()) {
                    let expected = cleaned(field);
                prop_assert_eq!(expected.as_bytes(), read);
                }
            }

            #[test]
            fn what_a_record_can_hold_comes_back(fields in prop::collection::vec("[^\\p{Cc}\u{2028}\u{2029}]*", COUNT)) {
                let written = line(&fields);
                let split = Fields::split(&written).expect("it was written here");
                prop_assert!(fields.iter().zip(split.iter()).all(|(field, read)| field.as_bytes() == read));
                let mut again = Vec::new();
                split.write(Format::Tsv, &mut again);
                prop_assert_eq!(&written, &again);
            }

            #[test]
            fn json_and_columns_say_the_same(fields in prop::collection::vec("None|True|False|[0-9]{0,20}|-?[0-9]+\\.[0-9]*|[^\\p{Cc}\u{2028}\u{2029}]*|", COUNT)) {
                let written = line(&fields);
                let mut json = Vec::new();
                Fields::split(&written).expect("it was written here").write(Format::Json, &mut json);
                let mut back = Vec::new();
                JsonRecord::parse(&json).expect("it was written here").write(Format::Tsv, &mut back);
                prop_assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&back));
            }

            #[test]
            fn no_bytes_make_the_splitter_stumble(bytes in prop::collection::vec(prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..400)) {
                if let Ok(fields) = Fields::split(&bytes) {
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    prop_assert_eq!(fields.iter().map(|field| field.len() + 1).sum::<usize>(), line.len());
                }
            }
        }
}
