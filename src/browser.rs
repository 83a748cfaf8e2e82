//! Opens a link in the operator's browser without telling it to anybody else.
//!
//! An argument can be read by every user of the machine, so the link is not one: it stands in a page that only its owner
//! can read, which sends the browser on, and the page is removed a little later.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::settings::Secret;

/// How long a browser gets to start and read the page.
const READ_WITHIN: Duration = Duration::from_secs(10);
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
    let browser = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    let openers = browser.iter().map(String::as_str).chain(OPENERS);
    for opener in openers {
        let mut command = tokio::process::Command::new(opener);
        command.arg(file.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                // An opener that is the browser itself may run for ever; one that fails at once found none.
                if let Ok(status) = tokio::time::timeout(READ_WITHIN, child.wait()).await
                    && !status?.success()
                {
                    continue;
                }
                tokio::time::sleep(READ_WITHIN).await;
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::NotFound, "no program to open it with was found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_cannot_break_out_of_its_page() {
        let page = page("https://x.example/?a=1&b=\"><script>");
        assert!(page.contains("a=1&amp;b=&quot;>&lt;script>"), "{page}");
    }
}
