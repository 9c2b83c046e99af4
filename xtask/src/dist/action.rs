//! The repository's action, which installs a release. A commit that it is pinned by does not tell of which release it
//! is: the file does.

use std::path::Path;

use anyhow::{Context, ensure};

/// What the release of these sources is called.
const RELEASE: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Refuses an action that installs another release than that of these sources.
pub fn check(workspace: &Path) -> anyhow::Result<()> {
    let path = workspace.join("action.yml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let named = default_version(&text).unwrap_or("none");
    ensure!(
        named == RELEASE,
        "action.yml installs {named} by default, and these sources are {RELEASE}: name that there"
    );
    Ok(())
}

/// The default of the input `version`.
fn default_version(action: &str) -> Option<&str> {
    let (_, inputs) = action.split_once("\n  version:\n")?;
    let of_it = inputs.lines().take_while(|line| line.starts_with("    "));
    of_it.filter_map(|line| line.trim().strip_prefix("default: ")).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_installs_the_release_that_it_belongs_to() {
        check(&crate::vmm::workspace().unwrap()).unwrap();
    }

    #[test]
    fn the_default_of_another_input_is_none_of_the_versions() {
        let action = "inputs:\n  version:\n    description: x\n  cache:\n    default: \"true\"\n";
        assert_eq!(default_version(action), None);
        assert_eq!(default_version(&action.replace("x\n", "x\n    # y\n    default: v1.2.3\n")), Some("v1.2.3"));
    }
}
