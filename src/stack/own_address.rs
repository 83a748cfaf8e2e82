//! The operator's own address, for port 22.

use std::net::IpAddr;
use std::time::Duration;

use super::{Stack, StackError};
use crate::settings::{Cidr, Url};

/// A service that tells an address answers at once or not at all.
const LIMIT: Duration = Duration::from_secs(5);

impl Stack {
    /// The addresses that may reach port 22: the setting; with a custom endpoint this machine; else the operator's
    /// own address, asked once of the service of the settings.
    pub(super) async fn ssh_from(&self) -> Result<Cidr, StackError> {
        if let Some(given) = *self.settings.ssh_from {
            return Ok(given);
        }
        if self.settings.has_custom_endpoint() {
            return Ok(Cidr::only(IpAddr::from([127, 0, 0, 1])));
        }
        self.ssh_from.get_or_try_init(|| ask(&self.settings.ssh_from_service)).await.copied()
    }
}

async fn ask(service: &Url) -> Result<Cidr, StackError> {
    let failed = |source| StackError::NoAddress { service: service.to_string(), source: Some(source) };
    let client = reqwest::Client::builder().timeout(LIMIT).build().map_err(failed)?;
    let answer = client.get(service.as_str()).send().await.and_then(reqwest::Response::error_for_status);
    let text = answer.map_err(failed)?.text().await.map_err(failed)?;
    let address = text.trim().parse::<IpAddr>();
    address.map(Cidr::only).map_err(|_| StackError::NoAddress { service: service.to_string(), source: None })
}
