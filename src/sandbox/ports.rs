//! Where a sandbox listens. It comes back at the ports that it had last, as long as they are free: what was made over
//! it before (a stack's keys and journal, which are kept by endpoint, and a stream in the background) finds it again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The ports of one sandbox, by what listens there. The default remembers none.
#[derive(Debug, Default)]
pub(super) struct Ports {
    file: PathBuf,
    last: BTreeMap<String, u16>,
    now: BTreeMap<String, u16>,
}

impl Ports {
    /// Those of the sandbox that keeps its state in this folder. A note that cannot be read is as good as none.
    pub(super) fn of(folder: &Path) -> Self {
        let file = folder.join("ports.json");
        let last = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { file, last: last.unwrap_or_default(), now: BTreeMap::new() }
    }

    /// Binds what is named so: to the port asked for, or, if that is 0, to its last one or else any that is free.
    pub(super) fn bind<T>(
        &mut self,
        name: &str,
        asked: u16,
        mut bind: impl FnMut(u16) -> io::Result<T>,
        port: impl Fn(&T) -> io::Result<u16>,
    ) -> io::Result<T> {
        let last = self.last.get(name).copied().filter(|_| asked == 0);
        let bound = match last.map(&mut bind) {
            Some(Ok(bound)) => bound,
            Some(Err(_)) | None => bind(asked)?,
        };
        self.now.insert(name.to_owned(), port(&bound)?);
        Ok(bound)
    }

    /// Keeps them for the next time. A sandbox that cannot note them works all the same.
    pub(super) fn keep(self) {
        let noted = serde_json::to_vec(&self.now)
            .map_err(io::Error::from)
            .and_then(|text| std::fs::write(&self.file, text));
        if let Err(error) = noted {
            tracing::warn!(%error, "the sandbox's ports are not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn open(folder: &Path, asked: u16) -> TcpListener {
        let mut ports = Ports::of(folder);
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener =
            ports.bind("endpoint", asked, bind, |bound| Ok(bound.local_addr()?.port())).expect("a port");
        ports.keep();
        listener
    }

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().expect("it is bound").port()
    }

    #[test]
    fn the_last_port_is_taken_again_unless_somebody_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = open(folder.path(), 0);
        let was = port(&first);
        let beside = open(folder.path(), 0);
        assert_ne!(port(&beside), was, "the first still has it");
        let beside_was = port(&beside);
        drop((first, beside));
        assert_eq!(port(&open(folder.path(), 0)), beside_was);
    }

    #[test]
    fn a_port_asked_for_is_the_one_or_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let taken = open(folder.path(), 0);
        let mut ports = Ports::of(folder.path());
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let refused = ports.bind("endpoint", port(&taken), bind, |bound| Ok(bound.local_addr()?.port()));
        assert_eq!(refused.expect_err("it is taken").kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_note_that_cannot_be_read_is_as_good_as_none() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ports.json"), "{torn").expect("it is written");
        assert_ne!(port(&open(folder.path(), 0)), 0);
    }
}
