//! The host key in an instance's user data.
//!
//! At AWS, cloud-init reads the user data at the first boot. Of all it can do, this is what a host of the sandbox
//! takes: the private Ed25519 key, as a literal block of the cloud-config's `ssh_keys`.

use ssh_key::{Algorithm, PrivateKey};

/// The host key that this user data gives, if it is a cloud-config that gives one.
pub(super) fn host_key(user_data: &[u8]) -> Option<PrivateKey> {
    let text = std::str::from_utf8(user_data).ok()?;
    // cloud-init takes as a cloud-config only what says so in its first line.
    if text.lines().next()?.trim_end() != "#cloud-config" {
        return None;
    }
    let block = literal_block(text, "ssh_keys", "ed25519_private")?;
    match PrivateKey::from_openssh(&block) {
        Ok(key) if key.algorithm() == Algorithm::Ed25519 && !key.is_encrypted() => Some(key),
        Ok(_) => {
            tracing::warn!(
                "the host key in the user data is not taken: it is encrypted, or not an Ed25519 key"
            );
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the host key in the user data is not taken");
            None
        }
    }
}

/// The text of `section: name: |`, without its indentation.
fn literal_block(text: &str, section: &str, name: &str) -> Option<String> {
    let mut lines =
        text.lines().skip_while(|line| value(line, section).is_none_or(|value| !value.is_empty()));
    lines.next()?;
    let mut inside = lines.take_while(|line| is_blank(line) || indentation(line) > 0);
    let head =
        inside.find(|line| value(line.trim_start(), name).is_some_and(|value| value.starts_with('|')))?;
    let block: Vec<&str> =
        inside.take_while(|line| line.trim().is_empty() || indentation(line) > indentation(head)).collect();
    let indentation = block.iter().find(|line| !line.trim().is_empty()).map(|line| indentation(line))?;
    let lines = block.iter().map(|line| line.get(indentation..).unwrap_or_default().trim_end());
    // A key ends with its line's end, and blank lines after it are not the key's.
    Some(lines.collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n")
}

/// What follows `name:`, without a comment; nothing if the line does not begin with that.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim();
    Some(if rest.starts_with('#') { "" } else { rest })
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use ssh_key::LineEnding;

    use super::*;

    fn key() -> (PrivateKey, String) {
        let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).expect("a key");
        let text = key.to_openssh(LineEnding::LF).expect("text").to_string();
        (key, text)
    }

    fn indented(text: &str, by: usize) -> String {
        text.lines().fold(String::new(), |block, line| block + &" ".repeat(by) + line + "\n")
    }

    #[test]
    fn the_key_is_read_however_the_block_is_set() {
        let (key, text) = key();
        for data in [
            format!(
                "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{}  ed25519_public: ssh-ed25519 AAAA\n",
                indented(&text, 4)
            ),
            format!(
                "#cloud-config\nssh_keys: # the host's\n    # a comment\n\n    rsa_private: |\n      none\n    ed25519_private: |-\n{}\nruncmd:\n  - true\n",
                indented(&text, 9)
            ),
            format!(
                "#cloud-config\r\nssh_keys:\r\n ed25519_private: |\r\n{}",
                indented(&text, 2).replace('\n', "\r\n")
            ),
        ] {
            let read = host_key(data.as_bytes()).expect("a key");
            assert_eq!(read.public_key().key_data(), key.public_key().key_data(), "{data}");
        }
    }

    #[test]
    fn what_is_no_cloud_config_with_a_key_gives_none() {
        let (_, text) = key();
        let block = indented(&text, 4);
        for data in [
            String::new(),
            "#!/bin/sh\necho hello\n".to_owned(),
            format!("ssh_keys:\n  ed25519_private: |\n{block}"),
            format!("#cloud-config\nother:\n  ed25519_private: |\n{block}"),
            format!("#cloud-config\nssh_keys: {{}}\nother:\n  ed25519_private: |\n{block}"),
            "#cloud-config\nssh_keys:\n  ed25519_private: |\n".to_owned(),
            "#cloud-config\nssh_keys:\n  ed25519_private: |\n    nonsense\n".to_owned(),
            "#cloud-config\nssh_keys:\n  ed25519_private: |\n    é\n  é\n".to_owned(),
        ] {
            assert!(host_key(data.as_bytes()).is_none(), "{data}");
        }
        assert!(host_key(&[0x1f, 0x8b, 0xff]).is_none());
    }
}
