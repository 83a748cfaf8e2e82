//! The columns of combined hours: which of a record's 53 are kept, and what each holds.

use super::LakeError;
use crate::stream::record::Column;

/// The 24 that the predecessor kept, in its order.
pub const KEPT: [Column; 24] = [
    Column::Id,
    Column::Contributors,
    Column::CreatedAt,
    Column::Source,
    Column::InReplyToScreenName,
    Column::SourceText,
    Column::PlaceId,
    Column::PlaceUrl,
    Column::PlacePlaceType,
    Column::PlaceCountryCode,
    Column::PlaceCountry,
    Column::UserName,
    Column::UserScreenName,
    Column::UserFollowers,
    Column::UserFriends,
    Column::UserListed,
    Column::UserFavourites,
    Column::UserStatuses,
    Column::UserProtected,
    Column::UserVerified,
    Column::UserJoined,
    Column::UserLocation,
    Column::RetweetedTweet,
    Column::Text,
];

/// The column behind them all: the name of the file that the row came from.
pub const FILE_NAME: &str = "file_name";

/// What a column holds in a typed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Text, whatever it says.
    Text,
    /// Text, or nothing where the field is empty or says `None`.
    Optional,
    /// A whole number.
    Whole,
    /// A number with a fraction.
    Decimal,
    /// `True` or `False`.
    Flag,
    /// A moment.
    Time,
}

/// What a column holds. Ids are text: those of some networks are not numbers, and readers round large ones.
pub fn type_of(column: Column) -> Type {
    match column {
        Column::CreatedAt | Column::UserJoined => Type::Time,
        Column::IsQuoteStatus
        | Column::Favorited
        | Column::Retweeted
        | Column::UserProtected
        | Column::UserVerified
        | Column::UserContributorsEnabled => Type::Flag,
        Column::QuoteCount
        | Column::ReplyCount
        | Column::RetweetCount
        | Column::FavoriteCount
        | Column::UserFollowers
        | Column::UserFriends
        | Column::UserListed
        | Column::UserFavourites
        | Column::UserStatuses
        | Column::NumUrlsInTweetText
        | Column::NumUsersInTweetText
        | Column::NumHashtagsInTweetText => Type::Whole,
        Column::CoordsLon | Column::CoordsLat | Column::GeoLon | Column::GeoLat => Type::Decimal,
        // Somebody may be called None, and write just that.
        Column::Id | Column::UserName | Column::UserScreenName | Column::Text => Type::Text,
        _ => Type::Optional,
    }
}

/// The columns of these names, in this order.
pub fn chosen(names: &[String]) -> Result<Vec<Column>, LakeError> {
    let mut columns = Vec::new();
    for name in names {
        let column = Column::ALL.into_iter().find(|column| column.name() == name);
        let column = column.ok_or_else(|| LakeError::NoColumn(name.clone()))?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_columns_are_the_predecessors() {
        let known = "id contributors created_at source in_reply_to_screen_name source_text place_id place_url \
            place_place_type place_country_code place_country user_name user_screen_name user_followers user_friends \
            user_listed user_favourites user_statuses user_protected user_verified user_joined user_location \
            retweeted_tweet text";
        let names: Vec<&str> = KEPT.iter().map(|column| column.name()).collect();
        assert_eq!(names, known.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_column_that_there_is_not_is_named() {
        assert_eq!(
            chosen(&["text".into(), "id".into(), "text".into()]).expect("columns"),
            [Column::Text, Column::Id]
        );
        assert_eq!(chosen(&["txet".into()]).expect_err("none").to_string(), "there is no column `txet`");
    }
}
