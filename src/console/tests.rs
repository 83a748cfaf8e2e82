//! The console without a terminal: sequences of events, pictures of every state, and whatever anybody may type.

mod ending;
mod given;
mod host;
mod jobs;
mod lake;
mod logs;
mod pictures;
mod promises;
mod properties;
mod sources;
mod stream;
mod topics;
