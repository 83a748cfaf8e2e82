//! Lists in pages: an opaque token says where the next page begins.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// A page of a list, and the token of the next if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// The token for what comes after `key`.
pub(crate) fn token(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

/// The key after which a page begins; `None` for a token that was not given out here.
pub(crate) fn read_token(token: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// At most `limit` of the items, whose keys ascend, from after `after` on.
pub(crate) fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    after: Option<&str>,
    limit: usize,
) -> Page<T> {
    let mut rest = items.skip_while(|(key, _)| after.is_some_and(|after| key.as_str() <= after));
    let mut page = Page { items: Vec::new(), next: None };
    let mut last = None;
    for (key, item) in rest.by_ref().take(limit) {
        page.items.push(item);
        last = Some(key);
    }
    if rest.next().is_some() {
        page.next = last.as_deref().map(token);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole() {
        let items = || (0..25_u32).map(|number| (format!("{number:02}"), number));
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = page(items(), after.as_deref(), 10);
            all.extend(page.items);
            let Some(next) = page.next else { break };
            after = read_token(&next);
        }
        assert_eq!(all, (0..25).collect::<Vec<_>>());
        assert_eq!(page(items(), Some("24"), 10).next, None);
    }
}
