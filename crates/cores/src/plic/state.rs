//! Which states a PLIC can come to.

use super::{Context, Core, PRIORITY_MASK, Sources};

impl Core {
    /// Whether this is a state of a PLIC that was made like `made`.
    pub fn fits(&self, made: &Core) -> bool {
        let existing = |word| made.existing(word);
        let legal = |set: &Sources| set.fits(&made.pending, existing);
        let fits = |context: &Context| legal(&context.enabled) && context.threshold <= PRIORITY_MASK;
        self.priority.len() == made.priority.len()
            && self.priority.iter().all(|&priority| priority <= PRIORITY_MASK)
            && [&self.level, &self.pending, &self.in_service, &self.edges].into_iter().all(legal)
            && self.contexts.len() == made.contexts.len()
            && self.contexts.iter().all(fits)
    }
}
