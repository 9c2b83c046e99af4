//! In place of [reading a device tree](../given) in a build without formats.

use crate::loader::Problem;
use crate::tree::Chosen;

/// Refuses every tree.
///
/// # Errors
/// Always.
pub fn flatten(_content: &[u8], _chosen: &Chosen) -> Result<Vec<u8>, Problem> {
    Err(Problem::NoTree { reason: "this build of vhart reads none".to_owned() })
}
