//! Programs of the system's, as a shell would look for them.

use std::path::PathBuf;

/// Where a program of the system's is.
pub fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}
