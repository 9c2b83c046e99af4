//! A device tree of the user's, told what the board tells its own.

use dtoolkit::Node;
use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

use crate::loader::Problem;
use crate::tree::Chosen;

/// Nodes within nodes that Linux reads, the root among them (`FDT_MAX_DEPTH` of its drivers/of/fdt.c). To read and to
/// write a tree takes stack for each.
const MOST_LEVELS: usize = 64;

/// The flattened tree `content`, with the kernel's command line, if there is one, and the initrd's place in its
/// `chosen` node. As in QEMU, nothing else is changed: whoever brings a tree describes memory and harts in it.
///
/// # Errors
/// It is no flattened device tree, or one with nodes deeper than Linux reads.
pub fn flatten(content: &[u8], chosen: &Chosen) -> Result<Vec<u8>, Problem> {
    let given = Fdt::new(itself(content)).map_err(|why| Problem::NoTree { reason: why.to_string() })?;
    if levels(given.root()) > MOST_LEVELS {
        return Err(Problem::DeepTree { most: MOST_LEVELS });
    }
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

/// Without what follows the tree in its file: as for QEMU, that is nothing.
fn itself(content: &[u8]) -> &[u8] {
    let total = content.get(4..8).and_then(|total| total.try_into().ok()).map(u32::from_be_bytes);
    total.and_then(|total| content.get(..total as usize)).unwrap_or(content)
}

/// How many nodes are within one another, as far as they are not too many.
fn levels(root: FdtNode<'_>) -> usize {
    let (mut open, mut most) = (vec![root.children()], 1);
    while let Some(children) = open.last_mut()
        && most <= MOST_LEVELS
    {
        match children.next() {
            Some(child) => open.push(child.children()),
            None => drop(open.pop()),
        }
        most = most.max(open.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of so many levels.
    fn deep(levels: usize) -> Vec<u8> {
        let node = |inner| {
            let mut node = DeviceTreeNode::new_unchecked("node");
            node.add_child(inner);
            node
        };
        let mut tree = DeviceTree::new();
        if levels > 1 {
            let innermost = DeviceTreeNode::new_unchecked("node");
            tree.root.add_child((2..levels).fold(innermost, |inner, _| node(inner)));
        }
        tree.to_dtb()
    }

    #[test]
    fn nodes_deeper_than_linux_reads_are_refused() {
        assert!(flatten(&deep(MOST_LEVELS), &Chosen::default()).is_ok());
        for levels in [MOST_LEVELS + 1, 500] {
            assert!(matches!(flatten(&deep(levels), &Chosen::default()), Err(Problem::DeepTree { .. })));
        }
    }

    #[test]
    fn what_follows_a_tree_is_left_alone() {
        let (tree, chosen) = (deep(3), Chosen { bootargs: "quiet".to_owned(), ..Chosen::default() });
        let padded = [&tree[..], &[0; 100]].concat();
        assert_eq!(flatten(&padded, &chosen).unwrap(), flatten(&tree, &chosen).unwrap());
        assert!(flatten(&tree[..tree.len() - 1], &chosen).is_err());
    }
}
