//! Whose sources a VMM may be built from.

use std::path::{Path, PathBuf};

/// The program's own manifest, below a workspace of vhart.
const MANIFEST: &str = "crates/vhart/Cargo.toml";

/// The workspace that this run belongs to: the one whose `cargo run` started it, else the one that the current
/// directory lies in. Where this program was built does not matter.
pub fn find() -> Option<PathBuf> {
    let cargos = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = std::env::current_dir().ok();
    [cargos, here].into_iter().flatten().find_map(|place| above(&place))
}

fn above(place: &Path) -> Option<PathBuf> {
    let is_it = |place: &&Path| place.join(MANIFEST).is_file() && place.join("Cargo.lock").is_file();
    place.ancestors().find(is_it).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_around_a_directory_is_found() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("crates/vhart/src");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(above(&deep), None);
        std::fs::write(place.path().join(MANIFEST), "").unwrap();
        std::fs::write(place.path().join("Cargo.lock"), "").unwrap();
        assert_eq!(above(&deep).as_deref(), Some(place.path()));
    }
}
