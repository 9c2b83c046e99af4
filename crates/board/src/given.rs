//! A device tree of the user's, told what the board tells its own.

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use crate::loader::Problem;
use crate::tree::Chosen;

/// The flattened tree `content`, with the kernel's command line, if there is one, and the initrd's place in its
/// `chosen` node. As in QEMU, nothing else is changed: whoever brings a tree describes memory and harts in it.
///
/// # Errors
/// It is no flattened device tree.
pub fn flatten(content: &[u8], chosen: &Chosen) -> Result<Vec<u8>, Problem> {
    let given = Fdt::new(content).map_err(|why| Problem::NoTree { reason: why.to_string() })?;
    let mut tree = DeviceTree::from_fdt(&given);
    if tree.root.child_mut("chosen").is_none() {
        tree.root.add_child(DeviceTreeNode::new_unchecked("chosen"));
    }
    if let Some(node) = tree.root.child_mut("chosen") {
        let mut set = |name: &str, value: &[u8]| node.add_property(DeviceTreeProperty::new_unchecked(name, value));
        if !chosen.bootargs.is_empty() {
            set("bootargs", &[chosen.bootargs.as_bytes(), b"\0"].concat());
        }
        if let Some(initrd) = chosen.initrd {
            set("linux,initrd-start", &initrd.start.to_be_bytes());
            set("linux,initrd-end", &initrd.end.to_be_bytes());
        }
    }
    Ok(tree.to_dtb())
}
