//! Puts the steps of a walk into order: a stage's levels, and within the VS-stage's the G-stages that find them.

use arch::addr::PAGE_SHIFT;
use arch::csr::atp;
use arch::pte::{self, Scheme};
use arch::{Implicit, Phys, Privilege};
use privileged::translate::{Detail, Step, Table, Tree, WalkError, Witness};
use privileged::{Access, Request, State};

use crate::data::{Entry, Hex, Level, Stage, Walk};

/// Where and why a walk failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    /// The stage.
    pub tree: Tree,
    /// The level of the entry that was looked at last, and what that was.
    pub level: Option<u32>,
    /// The entry.
    pub entry: Option<pte::Pte>,
    /// The level of the VS-stage within which the G-stage failed.
    pub within: Option<u32>,
    /// Why.
    pub error: WalkError,
    /// Why more exactly.
    pub detail: Detail,
}

/// What a walk has come to so far.
pub struct Recorder<'a> {
    state: &'a State,
    request: &'a Request,
    /// Stages that are not done yet: a G-stage lies within the VS-stage before it.
    open: Vec<(Tree, Stage)>,
    /// Stages that are.
    pub walk: Walk,
    /// The end, if it is a failure.
    pub failed: Option<Failed>,
}

impl<'a> Recorder<'a> {
    /// Nothing seen yet.
    pub fn new(state: &'a State, request: &'a Request) -> Self {
        Recorder { state, request, open: Vec::new(), walk: Walk::default(), failed: None }
    }

    /// `satp`, `vsatp` or `hgatp`, and the stage that it is for.
    fn register(&self, table: Table) -> (&'static str, &'static str, u64) {
        match table {
            Table::Supervisor => ("S", "satp", self.state.satp),
            Table::VirtualSupervisor => ("VS", "vsatp", self.state.vsatp),
            Table::Guest(_) => ("G", "hgatp", self.state.hgatp),
        }
    }

    fn stage(&self, table: Table, address: u64, access: Access) -> Stage {
        let (stage, register, value) = self.register(table);
        let machine = self.request.mode.privilege == Privilege::Machine;
        Stage {
            stage,
            register,
            value: Hex(value),
            mode: if machine { "none".into() } else { "Bare".into() },
            root: None,
            address: Hex(address),
            access: access_name(access),
            levels: Vec::new(),
            result: None,
            page_bytes: None,
            failed: false,
            owner: None,
        }
    }

    fn begin(&mut self, tree: Tree) {
        let (_, _, value) = self.register(tree.table);
        let mut stage = self.stage(tree.table, tree.address, tree.access);
        stage.mode = scheme_name(tree.scheme, tree.table);
        stage.root = Some(Hex((value & atp::PPN) << PAGE_SHIFT));
        self.open.push((tree, stage));
    }

    fn bare(&mut self, table: Table, address: u64) {
        let stage = Stage { result: Some(Hex(address)), ..self.stage(table, address, self.request.access) };
        self.place(table, stage);
    }

    fn entry(&mut self, level: u32, address: u64) {
        let Some((tree, stage)) = self.open.last_mut() else { return };
        let index = address % (1 << (PAGE_SHIFT + widening(*tree, level))) / pte::PTE_BYTES;
        stage.levels.push(Level {
            level,
            index,
            address: Hex(address),
            found_by: None,
            physical: None,
            entry: None,
            update_by: None,
            updated: None,
        });
    }

    /// The level that is looked at, of the innermost stage.
    fn level(&mut self) -> Option<&mut Level> {
        self.open.last_mut()?.1.levels.last_mut()
    }

    fn read(&mut self, at: Phys, entry: pte::Pte) {
        if let Some(level) = self.level() {
            level.physical = Some(Hex(at.0));
            level.entry = Some(Entry::of(entry));
        }
    }

    fn leaf(&mut self, address: u64, page_bits: u32) {
        let Some((tree, mut stage)) = self.open.pop() else { return };
        stage.result = Some(Hex(address));
        stage.page_bytes = Some(1 << page_bits);
        self.place(tree.table, stage);
    }

    /// Puts a stage that is done where it belongs.
    fn place(&mut self, table: Table, stage: Stage) {
        match table {
            Table::Supervisor | Table::VirtualSupervisor => self.walk.first = Some(stage),
            Table::Guest(None) => self.walk.second = Some(stage),
            Table::Guest(Some(implicit)) => {
                let Some(level) = self.level() else { return };
                match implicit {
                    Implicit::Read => level.found_by = Some(Box::new(stage)),
                    Implicit::Write => level.update_by = Some(Box::new(stage)),
                }
            }
        }
    }

    fn fail(&mut self, error: WalkError, detail: Detail) {
        let Some((tree, stage)) = self.open.last_mut() else { return };
        stage.failed = true;
        let level = stage.levels.last().map(|level| level.level);
        let entry = stage.levels.last().and_then(|level| level.entry.as_ref()).map(|entry| pte::Pte(entry.value.0));
        let tree = *tree;
        let outer = self.open.len().checked_sub(2).and_then(|at| self.open[at].1.levels.last());
        let within = outer.map(|level| level.level);
        self.failed = Some(Failed { tree, level, entry, within, error, detail });
        while let Some((tree, stage)) = self.open.pop() {
            self.place(tree.table, stage);
        }
    }
}

impl Witness for &mut Recorder<'_> {
    fn see(&mut self, step: Step) {
        match step {
            Step::Start => {
                self.open.clear();
                (self.walk, self.failed) = (Walk::default(), None);
            }
            Step::Begin(tree) => self.begin(tree),
            Step::Bare { table, address } => self.bare(table, address),
            Step::Entry { level, address } => self.entry(level, address),
            Step::Read { at, pte } => self.read(at, pte),
            Step::Updated { pte } => {
                if let Some(level) = self.level() {
                    level.updated = Some(Entry::of(pte));
                }
            }
            Step::Leaf { address, page_bits } => self.leaf(address, page_bits),
            Step::Failed { error, detail } => self.fail(error, detail),
        }
    }
}

/// Bits by which the index of this level is wider than others.
const fn widening(tree: Tree, level: u32) -> u32 {
    let is_root = level + 1 == tree.scheme.levels();
    if is_root && matches!(tree.table, Table::Guest(_)) { pte::WIDENED_BITS } else { 0 }
}

/// A scheme as the manual calls it.
pub fn scheme_name(scheme: Scheme, table: Table) -> String {
    let widened = if matches!(table, Table::Guest(_)) { "x4" } else { "" };
    format!("{scheme:?}{widened}")
}

/// An access in a word.
pub const fn access_name(access: Access) -> &'static str {
    match access {
        Access::Fetch => "fetch",
        Access::Load => "load",
        Access::Store => "store",
    }
}
