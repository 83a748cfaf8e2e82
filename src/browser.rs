//! Opens a page in the operator's browser, and a link without telling it to anybody else.
//!
//! An argument can be read by every user of the machine, so the link is not one: it stands in a page that only its owner
//! can read, which sends the browser on, and the page is removed a little later.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::settings::Secret;

/// How long a browser gets to start and read the page.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// An opener that finds no browser says so within this time.
const FAILS_WITHIN: Duration = Duration::from_secs(3);
/// What opens things, by where it is found: `BROWSER`, Linux, macOS.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// The page that sends a browser on.
fn page(link: &str) -> String {
    let link: String = link
        .chars()
        .map(|character| match character {
            '&' => "&amp;".to_owned(),
            '"' => "&quot;".to_owned(),
            '<' => "&lt;".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!(
        "<!doctype html><meta name=\"referrer\" content=\"no-referrer\"><meta http-equiv=\"refresh\" content=\"0;url={link}\">\n"
    )
}

/// Opens the link, and comes back when the browser has had time to read it.
pub async fn open(link: &Secret) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new().prefix("hydrant-").suffix(".html").tempfile()?;
    file.write_all(page(link.expose_secret()).as_bytes())?;
    file.flush()?;
    if !opened(file.path(), READ_WITHIN).await? {
        return Err(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "no program to open it with was found",
        ));
    }
    tokio::time::sleep(READ_WITHIN).await;
    Ok(())
}

/// Shows a page of this machine, if there is a screen to show it on; `false` if there is none, as over ssh.
pub async fn show(page: &Path) -> std::io::Result<bool> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_screen_here(cfg!(target_os = "macos"), is_set) {
        opened(page, FAILS_WITHIN).await
    } else {
        Ok(false)
    }
}

/// Whether what is opened here is seen here. Who names a browser knows that it is; on macOS the screen has no name.
fn is_screen_here(is_mac: bool, is_set: impl Fn(&str) -> bool) -> bool {
    let far = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    is_set("BROWSER") || (!far && (is_mac || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")))
}

/// Hands a page to the first opener that is there and takes it; `false` if none does.
async fn opened(page: &Path, fails_within: Duration) -> std::io::Result<bool> {
    let browser = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    for opener in browser.iter().map(String::as_str).chain(OPENERS) {
        let mut command = tokio::process::Command::new(opener);
        command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            // An opener that is the browser itself may run for ever; one that fails at once found none.
            Ok(mut child) => {
                let ended = tokio::time::timeout(fails_within, child.wait()).await;
                if ended.map_or(Ok(true), |status| status.map(|status| status.success()))? {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_cannot_break_out_of_its_page() {
        let page = page("https://x.example/?a=1&b=\"><script>");
        assert!(page.contains("a=1&amp;b=&quot;>&lt;script>"), "{page}");
    }

    #[test]
    fn nothing_is_opened_where_nobody_would_see_it() {
        let here = |is_mac, set: &[&str]| is_screen_here(is_mac, |name| set.contains(&name));
        assert!(here(false, &["DISPLAY"]) && here(false, &["WAYLAND_DISPLAY"]) && here(true, &[]));
        assert!(!here(false, &[]) && !here(true, &["SSH_CONNECTION"]));
        // A display that ssh forwards is slow, and the page would have to be fetched through it.
        assert!(!here(false, &["DISPLAY", "SSH_CONNECTION"]));
        assert!(here(false, &["BROWSER", "SSH_CONNECTION"]), "who names a browser knows what it does");
    }
}
