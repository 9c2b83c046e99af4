//! A build that explains nothing.

use crate::Debugged;
use crate::target::Stub;

/// Says so.
pub fn why<M: Debugged>(_: &Stub<M>, _: &str) -> Result<String, String> {
    Err("this build of vhart explains no more than 'monitor translate' does; --explain of the host's machine does"
        .into())
}
