//! Where the host is, and with which key one gets in.
//!
//! `host_address` and its kin say it; what they leave out is the stack's own. With a custom endpoint the instances'
//! addresses are made up, so that the address must be given.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::HostError;
use crate::cloud::Place;
use crate::settings::Settings;
use crate::stack::{Reach, Stack};

/// How the host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The address or name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who signs in.
    pub user: String,
    /// With which private key.
    pub key_file: PathBuf,
    /// Where host keys are known.
    pub known_hosts: PathBuf,
    /// The name in that file; `None` is the address itself.
    pub alias: Option<String>,
    /// The stack's instance, if it is that.
    pub instance: Option<String>,
}

/// Why there is no way yet, when there may be one soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is one.
    Way(Way),
    /// The instance is on its way; in words.
    NotYet(String),
}

impl Way {
    /// Finds it. The stack is asked for what the settings leave out, and only then.
    pub async fn find(
        settings: &Settings,
        stack: impl AsyncFnOnce() -> Result<Stack, HostError>,
    ) -> Result<Found, HostError> {
        let address = settings.host_address.as_deref().map(parse).transpose()?;
        let foreign = (address.clone(), settings.host_key_file.as_ref(), settings.host_known_hosts.as_ref());
        if let (Some((host, port)), Some(key_file), Some(known_hosts)) = foreign {
            let user = settings.host_user.to_string();
            let (key_file, known_hosts) = (key_file.into(), known_hosts.into());
            return Ok(Found::Way(Self {
                host,
                port,
                user,
                key_file,
                known_hosts,
                alias: None,
                instance: None,
            }));
        }
        if address.is_none() && settings.endpoint_url.is_some() {
            return Err(HostError::NoAddress);
        }
        let stack = stack().await?;
        // A profile can name an endpoint too.
        if address.is_none() && *stack.cloud().place() != Place::Aws {
            return Err(HostError::NoAddress);
        }
        let reach = stack.reach().await?.ok_or(HostError::NoInstance)?;
        Ok(Self::to_instance(settings, address, reach))
    }

    fn to_instance(settings: &Settings, address: Option<(String, u16)>, reach: Reach) -> Found {
        if !reach.runs {
            return Found::NotYet(format!("the instance {} does not run yet", reach.instance));
        }
        let (host, port) = match (address, reach.address) {
            (Some(given), _) => given,
            (None, Some(public)) => (public, 22),
            (None, None) => {
                return Found::NotYet(format!("the instance {} has no address yet", reach.instance));
            }
        };
        let known_hosts = settings.host_known_hosts.as_ref().map(PathBuf::from);
        Found::Way(Self {
            host,
            port,
            user: settings.host_user.to_string(),
            key_file: settings.host_key_file.as_ref().map_or(reach.key_file, PathBuf::from),
            // A file of the user's own knows hosts by their addresses.
            alias: known_hosts.is_none().then_some(reach.alias),
            known_hosts: known_hosts.unwrap_or(reach.known_hosts),
            instance: Some(reach.instance),
        })
    }

    /// `127.0.0.1:2222`, `[2001:db8::7]:22`.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The name that the host's key is known under.
    pub fn known_as(&self) -> String {
        match &self.alias {
            Some(alias) => alias.clone(),
            None if self.port == 22 => self.host.clone(),
            None => format!("[{}]:{}", self.host, self.port),
        }
    }

    /// Checks the key file as ssh would, whose own words about it are many.
    pub fn check_key(&self) -> Result<(), HostError> {
        let path = self.key_file.clone();
        match std::fs::metadata(&path) {
            Ok(key) => match key.permissions().mode() & 0o777 {
                mode if mode & 0o077 != 0 => Err(HostError::OpenKey { path, mode }),
                _ => Ok(()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(HostError::NoKey(path)),
            Err(source) => Err(HostError::File { what: "read", path, source }),
        }
    }

    /// The arguments by which ssh goes this way by itself, for a shell of the operator's.
    pub fn ssh_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["-F".to_owned(), "/dev/null".to_owned()];
        for line in self.config().lines() {
            arguments.extend(["-o".to_owned(), line.to_owned()]);
        }
        let (key, port) = (self.key_file.display().to_string(), self.port.to_string());
        let rest = ["-i", &key, "-p", &port, "-l", &self.user, &self.host];
        arguments.extend(rest.map(ToOwned::to_owned));
        arguments
    }

    /// The settings of ssh for this way, as a file of their own: nothing of the user's takes part.
    pub(super) fn config(&self) -> String {
        let alias = self.alias.as_ref().map(|alias| format!("HostKeyAlias {alias}\n")).unwrap_or_default();
        format!(
            "{alias}StrictHostKeyChecking yes\n\
             UserKnownHostsFile {known_hosts}\n\
             GlobalKnownHostsFile /dev/null\n\
             UpdateHostKeys no\n\
             CheckHostIP no\n\
             IdentitiesOnly yes\n\
             IdentityAgent none\n\
             PreferredAuthentications publickey\n\
             BatchMode yes\n\
             ForwardAgent no\n\
             ForwardX11 no\n\
             ConnectTimeout 10\n\
             ServerAliveInterval 3\n\
             ServerAliveCountMax 2\n\
             StreamLocalBindUnlink yes\n\
             StreamLocalBindMask 0177\n\
             ExitOnForwardFailure yes\n",
            known_hosts = quoted(&self.known_hosts.display().to_string()),
        )
    }
}

/// A path as ssh's settings take it: `%` and `~` mean something there.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('%', "%%"))
}

fn parse(written: &str) -> Result<(String, u16), HostError> {
    let bad = || HostError::BadAddress(written.to_owned());
    let (host, port) = match written.rsplit_once(':') {
        // An address of IPv6 without a port.
        Some(_) if written.matches(':').count() > 1 && !written.starts_with('[') => (written, "22"),
        Some((host, port)) => (host, port),
        None => (written, "22"),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    // It becomes an argument of ssh.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:_%".contains(c);
    if host.is_empty() || host.starts_with('-') || !host.chars().all(plain) {
        return Err(bad());
    }
    Ok((host.to_owned(), port.parse().map_err(|_| bad())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_and_a_port() {
        for (written, host, port) in [
            ("127.0.0.1:2222", "127.0.0.1", 2222),
            ("host.example.com", "host.example.com", 22),
            ("[2001:db8::7]:2222", "2001:db8::7", 2222),
            ("2001:db8::7", "2001:db8::7", 22),
        ] {
            assert_eq!(parse(written).expect(written), (host.to_owned(), port));
        }
        for bad in ["", ":22", "-oProxyCommand=x:22", "a b:22", "host:port", "host:99999", "ho`st:1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_makes_host_keys_strict_is_in_every_configuration() {
        let mut way = Way {
            host: "127.0.0.1".to_owned(),
            port: 2222,
            user: "me".to_owned(),
            key_file: "/k".into(),
            known_hosts: "/a b/100%/known".into(),
            alias: Some("hydrant-i-1".to_owned()),
            instance: None,
        };
        let config = way.config();
        for line in [
            "HostKeyAlias hydrant-i-1",
            "StrictHostKeyChecking yes",
            "UserKnownHostsFile \"/a b/100%%/known\"",
            "IdentitiesOnly yes",
            "IdentityAgent none",
        ] {
            assert!(config.lines().any(|other| other == line), "{line} in {config}");
        }
        assert_eq!(way.known_as(), "hydrant-i-1");
        way.alias = None;
        assert_eq!(way.known_as(), "[127.0.0.1]:2222");
        assert!(!way.config().contains("HostKeyAlias"));
    }
}
