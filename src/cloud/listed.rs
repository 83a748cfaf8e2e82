//! Keys as listings of S3 give them: in the code of URLs where that was asked for, since XML cannot hold every key.

use std::borrow::Cow;

use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

/// A key of a listing that was asked for [`EncodingType::Url`], by what the answer says of its code: whoever does not
/// know it gives keys as they are.
pub fn listed_key(written: String, code: Option<&EncodingType>) -> String {
    if code != Some(&EncodingType::Url) {
        return written;
    }
    // As in forms, a plus is a space; a plus itself comes as `%2B`.
    let spaced =
        if written.contains('+') { Cow::from(written.replace('+', " ")) } else { Cow::from(written) };
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_its_object_is_called_however_the_listing_writes_it() {
        for (written, key) in [
            ("a/b-c_d.e*f", "a/b-c_d.e*f"),
            ("a%01b", "a\u{1}b"),
            ("two+words%20more", "two words more"),
            ("one%2Bone%25", "one+one%"),
            ("caf%C3%A9", "café"),
        ] {
            assert_eq!(listed_key(written.to_owned(), Some(&EncodingType::Url)), key);
            assert_eq!(listed_key(written.to_owned(), None), written);
        }
    }
}
