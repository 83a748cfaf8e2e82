//! Jetstream's compressed messages: a zstd frame each, made with a dictionary that both sides have.
//!
//! Version 1 has one that never changes and is part of this program. Version 2 trains a new one now and then: the server
//! gives out the one that it uses, by its number, and refuses the number of another.

use std::borrow::Cow;
use std::time::Duration;

use zstd::bulk::Decompressor;

use super::LONGEST_MESSAGE;

/// Version 1's; `assets/jetstream-v1.zdict.license` says whose it is.
const VERSION_1: &[u8] = include_bytes!("../../../../assets/jetstream-v1.zdict");
/// Before a dictionary's number (RFC 8878, section 5).
const MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
/// No dictionary is longer.
const LONGEST_DICTIONARY: usize = 4 << 20;
const LIMIT: Duration = Duration::from_secs(15);
const GET: &str = "/xrpc/network.bsky.jetstream.getZstdDictionary";

/// A dictionary, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dictionary {
    pub(super) id: u32,
    bytes: Cow<'static, [u8]>,
}

impl Dictionary {
    /// Version 1's.
    pub(super) fn version_1() -> Self {
        Self { id: number(VERSION_1).expect("it is one"), bytes: VERSION_1.into() }
    }

    /// The one that a server of version 2 uses now.
    pub(super) async fn of_server(url: &str) -> Result<Self, String> {
        // A websocket's address and that of the pages beside it differ in nothing else.
        let url = format!("{}{GET}", url.replacen("ws", "http", 1));
        let client = reqwest::Client::builder().timeout(LIMIT).build().map_err(|error| error.to_string())?;
        let mut answer = client.get(&url).send().await.map_err(|error| error.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("HTTP {}", answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > LONGEST_DICTIONARY {
                return Err("what it gives is too long for a dictionary".to_owned());
            }
        }
        let id = number(&bytes).ok_or("what it gives is no dictionary")?;
        Ok(Self { id, bytes: bytes.into() })
    }
}

fn number(dictionary: &[u8]) -> Option<u32> {
    let (magic, rest) = dictionary.split_first_chunk()?;
    (*magic == MAGIC).then_some(u32::from_le_bytes(*rest.first_chunk()?))
}

/// Unpacks the messages of a connection.
pub(super) struct Unpacker {
    decompressor: Decompressor<'static>,
    text: Vec<u8>,
}

impl Unpacker {
    /// With the dictionary that was agreed on.
    pub(super) fn new(dictionary: &Dictionary) -> std::io::Result<Self> {
        let decompressor = Decompressor::with_dictionary(&dictionary.bytes)?;
        Ok(Self { decompressor, text: Vec::with_capacity(LONGEST_MESSAGE) })
    }

    /// The text of a message; what cannot be unpacked is said in place of it, so that it is counted and kept like any
    /// other line that cannot be read.
    pub(super) fn unpack(&mut self, frame: &[u8]) -> Cow<'_, str> {
        self.text.clear();
        match self.decompressor.decompress_to_buffer(frame, &mut self.text) {
            Ok(_) => String::from_utf8_lossy(&self.text),
            Err(error) => {
                format!("a compressed message of {} bytes that cannot be read: {error}", frame.len()).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_1_packs_is_read_and_what_is_broken_is_said() {
        let dictionary = Dictionary::version_1();
        assert_eq!(dictionary.id, 1_612_007_021, "the number that its servers write into every frame");
        let text = r#"{"did":"did:plc:abc","time_us":1795000000000000,"kind":"commit","commit":{"operation":"create"}}"#;
        let mut packer = zstd::bulk::Compressor::with_dictionary(3, VERSION_1).expect("a dictionary");
        let frame = packer.compress(text.as_bytes()).expect("it is packed");
        let plain = zstd::bulk::compress(text.as_bytes(), 3).expect("it is packed");
        assert!(frame.len() < plain.len(), "{} with it, {} without", frame.len(), plain.len());
        let mut unpacker = Unpacker::new(&dictionary).expect("it is read");
        assert_eq!(unpacker.unpack(&frame), text);
        let broken = unpacker.unpack(&frame[..frame.len() / 2]).into_owned();
        assert!(broken.starts_with("a compressed message of"), "{broken}");
        assert_eq!(unpacker.unpack(&frame), text, "and the next one is read again");
    }

    #[test]
    fn no_message_is_longer_than_it_may_be() {
        let dictionary = Dictionary::version_1();
        let long = vec![b'x'; LONGEST_MESSAGE + 1];
        let mut packer = zstd::bulk::Compressor::with_dictionary(3, VERSION_1).expect("a dictionary");
        let bomb = packer.compress(&long).expect("it is packed");
        let mut unpacker = Unpacker::new(&dictionary).expect("it is read");
        assert!(unpacker.unpack(&bomb).starts_with("a compressed message of"));
    }

    #[test]
    fn a_dictionary_is_known_by_its_head() {
        assert_eq!(number(b"{\"error\":\"DictionaryNotFound\"}"), None);
        assert_eq!(number(&MAGIC), None);
    }
}
