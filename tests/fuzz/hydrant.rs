//! The part of hydrant that takes bytes from others: the same files, without what is built on them.

/// Posts in, records out.
#[path = "../../src/stream"]
pub mod stream {
    pub mod lines;
    pub mod post;
    pub mod record;
    pub mod spool;
    pub mod wire;
    pub mod wording;
}

/// Folders that only their owner may enter.
#[path = "../../src/settings"]
pub mod settings {
    mod folders;

    pub use folders::Folders;
}
