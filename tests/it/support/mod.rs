//! What the tests stand on: a real emulator that nobody here wrote, a proxy in front of it that watches and, where a
//! test says so, interferes, and the real binary run in a home of its own.

pub mod aws;
pub mod machine;
pub mod moto;
pub mod proxy;
pub mod run;
pub mod sandbox;
pub mod sshd;
pub mod terminal;

use std::sync::atomic::{AtomicU64, Ordering};

use proxy::Proxy;

/// One test's own account behind its own proxy, and its own home folder.
pub struct World {
    pub proxy: Proxy,
    pub home: tempfile::TempDir,
    pub region: String,
}

impl World {
    /// An empty account in us-east-1.
    pub async fn new() -> Self {
        Self::in_region("us-east-1").await
    }

    pub async fn in_region(region: &str) -> Self {
        // Accounts must differ within one emulator, which serves every test of this process.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let account = format!("{:012}", 210_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed));
        let port = moto::port().await;
        let proxy = Proxy::start(port, account).await;
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { proxy, home, region: region.to_owned() }
    }

    /// A second home, as of another operator, over the same account.
    pub fn other_home(&self) -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    pub fn account(&self) -> &str {
        self.proxy.account()
    }

    pub fn bucket(&self) -> String {
        format!("hydrant-{}-{}", self.account(), self.region)
    }

    /// Clients of the SDK itself, not hydrant's: the independent witness.
    pub fn aws(&self) -> aws::Aws {
        aws::Aws::new(&self.proxy.endpoint(), &self.region)
    }
}
