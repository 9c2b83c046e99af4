//! How values are distributed: count, sum and extremes exactly, quantiles to 1.6 percent.

/// Values below this have a bucket each.
const EXACT: u64 = 64;
/// Buckets of each doubling above.
const PARTS: u64 = 32;

/// A distribution of values.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Distribution {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        let bucket = bucket(value);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Distribution) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(to, from)| *to += from);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// What was added since it was as `before`. The greatest value is that of all.
    pub fn since(&self, before: &Distribution) -> Distribution {
        let earlier = before.buckets.iter().chain(std::iter::repeat(&0));
        Distribution {
            buckets: self.buckets.iter().zip(earlier).map(|(now, before)| now.saturating_sub(*before)).collect(),
            count: self.count.saturating_sub(before.count),
            sum: self.sum.saturating_sub(before.sum),
            max: self.max,
        }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Their mean; 0 of none.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }

    /// The value below or at which `percent` of them lie; 0 of none.
    pub fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().position(|&count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0, |bucket| middle(bucket as u64).min(self.max))
    }
}

fn bucket(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let doubling = value.ilog2() - EXACT.ilog2();
    let part = (value >> (doubling + EXACT.ilog2() - PARTS.ilog2())) - PARTS;
    (EXACT + u64::from(doubling) * PARTS + part) as usize
}

/// The middle of a bucket.
fn middle(bucket: u64) -> u64 {
    let Some(above) = bucket.checked_sub(EXACT) else { return bucket };
    let shift = above / PARTS + u64::from(EXACT.ilog2() - PARTS.ilog2());
    let first = (PARTS + above % PARTS) << shift;
    first + (1 << shift >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_a_bucket_near_it() {
        for value in (0..64).map(|bit| 1u64 << bit).chain([0, 3, 63, 65, 1000, 123_456_789, u64::MAX]) {
            let near = middle(bucket(value) as u64);
            assert!(near.abs_diff(value) as f64 <= value as f64 / 63.0, "{value}: {near}");
        }
    }

    #[test]
    fn percentiles_are_of_the_values() {
        let mut distribution = Distribution::default();
        (1..=100).for_each(|value| distribution.add(value * 1000));
        assert_eq!((distribution.count(), distribution.sum()), (100, 5_050_000));
        let near = |percent, value: u64| distribution.percentile(percent).abs_diff(value) <= value / 60;
        assert!(near(50, 50_000) && near(99, 99_000) && near(100, 100_000));
        assert_eq!(Distribution::default().percentile(50), 0);
    }

    #[test]
    fn what_came_since_is_the_rest() {
        let mut distribution = Distribution::default();
        distribution.add(1_000_000);
        let before = distribution.clone();
        (0..3).for_each(|_| distribution.add(5));
        let since = distribution.since(&before);
        assert_eq!((since.count(), since.sum(), since.percentile(50), since.percentile(99)), (3, 15, 5, 5));
    }

    #[test]
    fn merged_ones_are_as_if_filled_together() {
        let (mut a, mut b) = (Distribution::default(), Distribution::default());
        a.add(3);
        b.add(1_000_000);
        a.merge(&b);
        assert_eq!((a.count(), a.sum(), a.percentile(50), a.percentile(99)), (2, 1_000_003, 3, 1_000_000));
    }
}
