//! The times of records, as they come and as results write them.

use jiff::Timestamp;

use crate::stream::record;

/// What a time field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// Nothing: the field is empty or says `None`.
    Absent,
    /// Milliseconds since 1970.
    At(i64),
    /// Something that is no time.
    Unreadable,
}

/// Reads a time: as records write it, as results do, or in ISO 8601.
pub(super) fn read(field: &[u8]) -> Time {
    if let Some(seconds) = read_usual(field) {
        return Time::At(seconds * 1000);
    }
    if field.is_empty() || field == b"None" {
        return Time::Absent;
    }
    let Ok(text) = std::str::from_utf8(field) else { return Time::Unreadable };
    let at = record::read_time(text)
        .or_else(|| jiff::fmt::strtime::parse("%a %b %d %H:%M:%S %z %Y", text).ok()?.to_timestamp().ok())
        .or_else(|| text.parse::<Timestamp>().ok());
    at.map_or(Time::Unreadable, |at| Time::At(at.as_millisecond()))
}

/// `Fri Dec 31 19:00:18 +0000 2021`, which nearly every field is, to seconds since 1970.
fn read_usual(field: &[u8]) -> Option<i64> {
    let field: &[u8; 30] = field.try_into().ok()?;
    let [
        _,
        _,
        _,
        b' ',
        m0,
        m1,
        m2,
        b' ',
        d0,
        d1,
        b' ',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
        b' ',
        b'+',
        b'0',
        b'0',
        b'0',
        b'0',
        b' ',
        y0,
        y1,
        y2,
        y3,
    ] = *field
    else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let month = match [m0, m1, m2] {
        [b'J', b'a', b'n'] => 1,
        [b'F', b'e', b'b'] => 2,
        [b'M', b'a', b'r'] => 3,
        [b'A', b'p', b'r'] => 4,
        [b'M', b'a', b'y'] => 5,
        [b'J', b'u', b'n'] => 6,
        [b'J', b'u', b'l'] => 7,
        [b'A', b'u', b'g'] => 8,
        [b'S', b'e', b'p'] => 9,
        [b'O', b'c', b't'] => 10,
        [b'N', b'o', b'v'] => 11,
        [b'D', b'e', b'c'] => 12,
        _ => return None,
    };
    let (day, hour, minute, second) = (two(d0, d1)?, two(h0, h1)?, two(i0, i1)?, two(s0, s1)?);
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=longest).contains(&day) || hour > 23 || minute > 59 || second > 59 || year < 1 {
        return None;
    }
    Some(days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date: the months are counted from March, so that the leap day is the last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day counted from 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Writes a time as the predecessor's CSV has it: `2021-12-30 17:35:53+00:00`, with a fraction only if there is one.
pub(super) fn write(milliseconds: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    let mut text = *b"0000-00-00 00:00:00+00:00";
    let mut put = |at: usize, number: i64| {
        if let Some([tens, ones]) = text.get_mut(at..at + 2) {
            *tens = b'0' + u8::try_from(number / 10 % 10).unwrap_or_default();
            *ones = b'0' + u8::try_from(number % 10).unwrap_or_default();
        }
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    put(11, of_day / 3600);
    put(14, of_day / 60 % 60);
    put(17, of_day % 60);
    if fraction == 0 {
        out.extend_from_slice(&text);
        return;
    }
    let (time, zone) = text.split_at(19);
    out.extend_from_slice(time);
    out.extend_from_slice(format!(".{fraction:03}000").as_bytes());
    out.extend_from_slice(zone);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(field: &str) -> String {
        let mut out = Vec::new();
        match read(field.as_bytes()) {
            Time::At(milliseconds) => write(milliseconds, &mut out),
            other => return format!("{other:?}"),
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn times_are_rewritten_as_the_predecessor_did() {
        for (field, expected) in [
            ("Thu Dec 30 17:35:53 +0000 2021", "2021-12-30 17:35:53+00:00"),
            ("Thu Feb 29 00:00:00 +0000 2024", "2024-02-29 00:00:00+00:00"),
            ("Thu Jan 01 00:00:00 +0000 1970", "1970-01-01 00:00:00+00:00"),
            ("Wed Dec 31 23:59:59 +0000 1969", "1969-12-31 23:59:59+00:00"),
            ("Fri Dec 31 19:00:18 +0200 2021", "2021-12-31 17:00:18+00:00"),
            ("2021-12-30 17:35:53+00:00", "2021-12-30 17:35:53+00:00"),
            ("2026-11-20T14:03:01.250Z", "2026-11-20 14:03:01.250000+00:00"),
            ("", "Absent"),
            ("None", "Absent"),
            ("Thu Feb 30 00:00:00 +0000 2024", "Unreadable"),
            ("yes", "Unreadable"),
        ] {
            assert_eq!(written(field), expected, "{field}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_moment_comes_back(seconds in -60_000_000_000_i64..250_000_000_000) {
            let at = Timestamp::from_second(seconds).expect("a moment");
            let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
            let field = utc.strftime("%a %b %d %H:%M:%S +0000 %Y").to_string();
            proptest::prop_assert_eq!(written(&field), utc.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string());
        }

        #[test]
        fn no_field_makes_it_panic(field: Vec<u8>) {
            read(&field);
        }
    }
}
