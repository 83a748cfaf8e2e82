//! The operator's own address, for port 22.

use std::net::IpAddr;
use std::time::Duration;

use super::{Stack, StackError};
use crate::cloud::Place;
use crate::settings::{Cidr, Url};

/// The host has an IPv4 address only, so it is the operator's IPv4 address that is asked for.
const IPV4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
/// A service that tells an address answers at once or not at all.
const LIMIT: Duration = Duration::from_secs(5);

impl Stack {
    /// The addresses that may reach port 22: the setting; with a custom endpoint this machine; else the operator's
    /// own address, asked once of the service of the settings.
    pub(super) async fn ssh_from(&self) -> Result<Cidr, StackError> {
        if let Some(given) = *self.settings.ssh_from {
            return Ok(given);
        }
        if *self.cloud.place() != Place::Aws {
            return Ok(Cidr::only(IpAddr::from([127, 0, 0, 1])));
        }
        self.ssh_from.get_or_try_init(|| ask(&self.settings.ssh_from_service)).await.copied()
    }
}

async fn ask(service: &Url) -> Result<Cidr, StackError> {
    let failed = |source| StackError::NoAddress { service: service.to_string(), source: Some(source) };
    let client = reqwest::Client::builder().timeout(LIMIT).local_address(IPV4).build().map_err(failed)?;
    let answer = client.get(service.as_str()).send().await.and_then(reqwest::Response::error_for_status);
    let text = answer.map_err(failed)?.text().await.map_err(failed)?;
    let address = text.trim().parse::<IpAddr>();
    address.map(Cidr::only).map_err(|_| StackError::NoAddress { service: service.to_string(), source: None })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::settings::SettingValue;

    /// A service that gives one answer to one caller.
    async fn service(answer: &'static str) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        Url::parse(&url).expect("an address")
    }

    #[tokio::test]
    async fn the_service_is_believed_only_when_it_answers_with_an_address() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n203.0.113.7\r\n", Some("203.0.113.7/32")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n2001:db8::7", Some("2001:db8::7/128")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n0.0.0.0/0", None),
            ("HTTP/1.1 503 Busy\r\ncontent-length: 11\r\n\r\n203.0.113.7", None),
            ("", None),
        ] {
            let address = ask(&service(answer).await).await;
            assert_eq!(address.ok().map(|address| address.to_string()).as_deref(), expected, "{answer:?}");
        }
    }
}
