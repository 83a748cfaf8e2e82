//! Which country people mean by what they write as their location. The list and the rule of matching are in
//! `assets/places.toml`, to be read and extended; this only does what stands there.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::topics::TopicsError;

/// The list that hydrant brings.
const SHIPPED: &str = include_str!("../../../assets/places.toml");

/// Words that may stand before the name of a place.
const BEFORE: [&str; 32] = [
    "in",
    "from",
    "of",
    "near",
    "at",
    "to",
    "around",
    "outside",
    "north",
    "south",
    "east",
    "west",
    "northern",
    "southern",
    "eastern",
    "western",
    "central",
    "northeast",
    "northwest",
    "southeast",
    "southwest",
    "greater",
    "downtown",
    "upstate",
    "rural",
    "metro",
    "inner",
    "sunny",
    "en",
    "de",
    "aus",
    "à",
];

/// A country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country {
    /// Its ISO 3166 code of two letters.
    pub code: String,
    /// What it is called.
    pub name: String,
}

/// A country as the list has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: Option<String>,
    #[serde(default)]
    nameless: bool,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    places: Vec<String>,
    #[serde(default)]
    short: Vec<String>,
}

/// Names of places with their countries.
#[derive(Debug, Clone, Default)]
pub struct Countries {
    all: Vec<Country>,
    names: HashMap<String, u16>,
    short: HashMap<String, u16>,
    codes: HashMap<String, u16>,
}

impl Countries {
    /// Those that hydrant brings.
    pub fn shipped() -> &'static Self {
        static ALL: LazyLock<Countries> = LazyLock::new(|| {
            let mut countries = Countries::default();
            countries.add(SHIPPED).expect("what is shipped was tested");
            countries
        });
        &ALL
    }

    /// The same with a list of the operator's own, which has the last word.
    pub fn with(list: &str) -> Result<Self, TopicsError> {
        let mut countries = Self::shipped().clone();
        countries.add(list)?;
        Ok(countries)
    }

    fn add(&mut self, list: &str) -> Result<(), TopicsError> {
        let listed: BTreeMap<String, Listed> =
            toml::from_str(list).map_err(|error| TopicsError::BadPlaces(error.message().to_owned()))?;
        for (code, listed) in listed {
            let known = self.codes.get(&code).copied();
            let name = match (known, listed.name) {
                (_, Some(name)) => name,
                (Some(known), None) => self.all[usize::from(known)].name.clone(),
                (None, None) => return Err(TopicsError::BadPlaces(format!("{code} has no name"))),
            };
            let number = match known {
                Some(number) => number,
                None => u16::try_from(self.all.len())
                    .map_err(|_| TopicsError::BadPlaces("there are more than 65,535 countries".to_owned()))?,
            };
            let country = Country { code: code.clone(), name };
            let own = (!listed.nameless).then_some(&country.name);
            for name in own.into_iter().chain(&listed.also).chain(&listed.places) {
                self.names.insert(clean(name), number);
            }
            for short in listed.short {
                self.short.insert(short.to_uppercase(), number);
            }
            self.codes.insert(code, number);
            match self.all.get_mut(usize::from(number)) {
                Some(place) => *place = country,
                None => self.all.push(country),
            }
        }
        Ok(())
    }

    /// How many countries there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The country of a number that [`number_of`](Self::number_of) gave.
    pub fn get(&self, number: u16) -> Option<&Country> {
        self.all.get(usize::from(number))
    }

    /// The country of a location.
    pub fn of(&self, location: &str) -> Option<&Country> {
        self.get(self.number_of(location)?)
    }

    /// Its number.
    pub fn number_of(&self, location: &str) -> Option<u16> {
        let marked = location.replace(" - ", "|").replace(" – ", "|");
        let mut alternatives = marked.split(['/', '|', ';', '&', '•', '·', '→']);
        alternatives.find_map(|alternative| self.of_alternative(alternative)).or_else(|| self.flag(location))
    }

    fn of_alternative(&self, alternative: &str) -> Option<u16> {
        let mut parts: Vec<String> = alternative
            .split([',', '(', ')', '[', ']', '\n', '，', '、'])
            .map(clean)
            .filter(|part| !part.is_empty())
            .collect();
        if let Some((before, letters)) = alternative.trim().rsplit_once(char::is_whitespace)
            && letters.len() == 2
            && letters.bytes().all(|letter| letter.is_ascii_uppercase())
            && let Some(last) = parts.last_mut()
            && let Some(name) = last.strip_suffix(&letters.to_lowercase())
            && self.names.contains_key(&clean(name))
            && !before.trim_end().ends_with(',')
        {
            *last = clean(name);
            parts.push(letters.to_lowercase());
        }
        self.by_abbreviation(&parts)
            .or_else(|| parts.iter().rev().find_map(|part| self.names.get(part).copied()))
            .or_else(|| parts.iter().rev().find_map(|part| self.at_the_end(part)))
    }

    fn by_abbreviation(&self, parts: &[String]) -> Option<u16> {
        let [before @ .., last] = parts else { return None };
        if before.is_empty()
            || !(2..=3).contains(&last.len())
            || !last.bytes().all(|letter| letter.is_ascii_lowercase())
        {
            return None;
        }
        let letters = last.to_uppercase();
        let code = self.codes.get(&letters).copied();
        if code.is_some() && before.iter().any(|part| self.names.get(part).copied() == code) {
            return code;
        }
        let short = self.short.get(&letters).copied();
        short.or_else(|| if self.names.contains_key(last) { None } else { code })
    }

    fn at_the_end(&self, part: &str) -> Option<u16> {
        let words: Vec<&str> = part.split(' ').collect();
        let named = |words: &[&str]| self.names.get(&words.join(" ")).copied();
        (1..words.len()).find_map(|from| {
            let (before, run) = words.split_at(from);
            let found = named(run)?;
            let led = before.last().is_some_and(|word| BEFORE.contains(word));
            (led || (0..from).any(|start| named(&before[start..]).is_some())).then_some(found)
        })
    }

    fn flag(&self, location: &str) -> Option<u16> {
        const A: u32 = 0x1f1e6;
        let letter = |sign: char| {
            let place = u32::from(sign).checked_sub(A).filter(|place| *place < 26)?;
            char::from_u32(u32::from('A') + place)
        };
        let mut first = None;
        for sign in location.chars() {
            let second = letter(sign);
            if let (Some(first), Some(second)) = (first.take(), second) {
                if let Some(number) = self.codes.get(&format!("{first}{second}")) {
                    return Some(*number);
                }
            } else {
                first = second;
            }
        }
        None
    }
}

/// Small letters, single spaces, no full stops, no signs at the ends.
fn clean(part: &str) -> String {
    let lower = part.to_lowercase().replace(['.', '\u{fe0f}'], "");
    let trimmed = lower.trim_matches(|sign: char| !sign.is_alphanumeric());
    trimmed.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_told_by_the_rule() {
        let countries = Countries::shipped();
        for (location, code) in [
            ("United States", "US"),
            ("  USA!! ", "US"),
            ("U.S.A.", "US"),
            ("Austin, TX", "US"),
            ("austin, tx", "US"),
            ("Austin TX", "US"),
            ("Katy, TX", "US"),
            ("Los Angeles, CA", "US"),
            ("Toronto, CA", "CA"),
            ("London, ON", "CA"),
            ("London, Ontario", "CA"),
            ("London", "GB"),
            ("Berlin, DE", "DE"),
            ("Somewhere, DE", "US"),
            ("Lyon, FR", "FR"),
            ("Paris, Texas", "US"),
            ("Birmingham, AL", "US"),
            ("Birmingham", "GB"),
            ("Tirana, AL", "AL"),
            ("Tbilisi, Georgia", "GE"),
            ("Atlanta, Georgia", "US"),
            ("Washington, D.C.", "US"),
            ("St. Louis, Missouri", "US"),
            ("Lagos / London", "NG"),
            ("Lagos, Nigeria | Berlin", "NG"),
            ("Earth - Nairobi, Kenya", "KE"),
            ("Houston Texas", "US"),
            ("living in London", "GB"),
            ("New Delhi (India)", "IN"),
            ("🇳🇬", "NG"),
            ("somewhere 🇯🇵🇺🇸", "JP"),
            ("東京", "JP"),
            ("Москва, Россия", "RU"),
            ("İstanbul", "TR"),
            ("Côte d’Ivoire", "CI"),
        ] {
            let found = countries.of(location).map(|country| country.code.as_str());
            assert_eq!(found, Some(code), "{location}");
        }
        for location in ["", "Jesus", "be nice", "Earth", "Georgia", "keep reading", "in my head", ", ,", "🇽"]
        {
            let found = countries.of(location).map(|country| country.code.as_str());
            assert!(found.is_none(), "{location} is {found:?}");
        }
    }

    #[test]
    fn no_name_and_no_abbreviation_stands_twice_in_the_list() {
        let listed: BTreeMap<String, Listed> = toml::from_str(SHIPPED).expect("a list");
        let mut names = HashMap::new();
        let mut short = HashMap::new();
        for (code, listed) in &listed {
            assert!(code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_uppercase()), "{code}");
            let own = listed.name.as_ref().filter(|_| !listed.nameless);
            for name in own.into_iter().chain(&listed.also).chain(&listed.places) {
                if let Some(other) = names.insert(clean(name), code) {
                    assert_eq!(other, code, "{name} is of two countries");
                }
            }
            for letters in &listed.short {
                assert_eq!(short.insert(letters, code), None, "{letters}");
            }
        }
        assert!(listed.len() > 190 && names.len() > 2_000, "{} {}", listed.len(), names.len());
    }

    #[test]
    fn an_own_list_adds_and_has_the_last_word() {
        let own = "[GB]\nplaces = [\"the shire\"]\n[US]\nplaces = [\"London\"]\n[XX]\nname = \"Moonbase\"\n";
        let countries = Countries::with(own).expect("a list");
        let code = |location: &str| countries.of(location).map(|country| country.code.as_str());
        assert_eq!(
            (code("The Shire"), code("London"), code("moonbase")),
            (Some("GB"), Some("US"), Some("XX"))
        );
        assert_eq!(countries.of("The Shire").map(|country| country.name.as_str()), Some("United Kingdom"));
        let said =
            |list: &str| Countries::with(list).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said("[YY]\nplaces = []").contains("YY has no name"));
        assert!(said("[US]\ncities = []").contains("unknown field"), "{}", said("[US]\ncities = []"));
    }

    proptest::proptest! {
        #[test]
        fn no_location_upsets_it(location: String) {
            Countries::shipped().of(&location);
        }
    }
}
