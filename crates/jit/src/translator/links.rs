//! The linker: jumps within a page whose targets have no code yet. Each is linked when it is first taken.

use arch::addr::PAGE_BYTES;
use hart::engine::Core;

use crate::host::Link;

/// A jump within a page that is linked when it is first taken.
#[derive(Clone, Copy)]
pub struct LinkSite {
    /// Where it goes.
    pub target: u64,
    /// Offset, in the memory of hot code, of the bytes that are changed to link it; 0 where there are none yet.
    patch: u32,
    /// The page of RAM that it is in, and may stay in.
    page: u32,
}

/// All of them, by number.
#[derive(Default)]
pub struct Links {
    sites: Vec<LinkSite>,
    /// Those that have been linked, so that nobody asks for them any more.
    free: Vec<u32>,
}

impl Links {
    /// A link by its number.
    pub fn get(&self, number: u64) -> Option<LinkSite> {
        self.sites.get(number as usize).copied()
    }

    /// The number of a new link to `target`, in the page at this offset in RAM.
    pub fn add(&mut self, target: u64, offset: u64) -> u32 {
        let link = LinkSite { target, patch: 0, page: (offset / PAGE_BYTES) as u32 };
        if let Some(number) = self.free.pop() {
            self.sites[number as usize] = link;
            return number;
        }
        self.sites.push(link);
        (self.sites.len() - 1) as u32
    }

    /// Notes which bytes are to be changed for the links that were emitted just now; hot code starts at `base`.
    pub fn place(&mut self, links: &[Link], base: u64) {
        for link in links {
            if let Some(site) = self.sites.get_mut(link.site as usize) {
                site.patch = (link.patch - base) as u32;
            }
        }
    }

    /// The offset, in the memory of hot code, of the bytes that are to be changed to link `number`; it is asked for
    /// once. `None`: there are none, or the link's page is mapped to other memory by now.
    pub fn settle(&mut self, number: u64, core: &Core) -> Option<u32> {
        let link = self.get(number).filter(|link| link.patch != 0)?;
        let at = core.code.active.page(link.target)?;
        if at / PAGE_BYTES != u64::from(link.page) {
            return None;
        }
        self.free.push(number as u32);
        Some(link.patch)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.sites.clear();
        self.free.clear();
    }
}
