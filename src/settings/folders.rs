//! Where hydrant keeps things on this machine, by the XDG rules.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The user's folders for hydrant. They need not exist yet.
#[derive(Debug, Clone)]
pub struct Folders {
    /// What must not be lost while a stack is up: keys, journals.
    pub data: PathBuf,
    /// Logs, the record of changes, locks.
    pub state: PathBuf,
    /// `hydrant.toml` for all working folders.
    pub config: PathBuf,
}

impl Folders {
    /// The folders of the user who runs this process; `None` when there is no home folder.
    pub fn of_user() -> Option<Self> {
        let base = etcetera::base_strategy::Xdg::new().ok()?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Some(Self {
            data: base.data_dir().join("hydrant"),
            state: state.join("hydrant"),
            config: base.config_dir().join("hydrant"),
        })
    }

    /// Makes a folder that only its owner may enter.
    pub fn make_private(path: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// The same of a folder that may be there already and is hydrant's alone: then nobody else may enter it from now
    /// on. Another user's is refused.
    pub fn keep_private(path: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        Self::make_private(path)?;
        if path.metadata()?.uid() != rustix::process::geteuid().as_raw() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                "it belongs to another user",
            ));
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
    }
}
