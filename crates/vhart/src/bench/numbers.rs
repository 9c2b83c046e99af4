//! Statistics of a few numbers: median, spread, and whether two series differ.

/// What several rounds say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// How many there are.
    pub count: usize,
}

impl Summary {
    /// Of these numbers; none of none.
    pub fn of(numbers: &[f64]) -> Option<Summary> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        Some(Summary { median: median(&sorted), least, most, count: sorted.len() })
    }

    /// Half of the distance from least to most, as a part of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.most - self.least) / 2.0 / self.median }
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

/// How two series of numbers differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// How likely a difference as large or larger is where there is none: two-sided Mann-Whitney test.
    pub chance: f64,
    /// Cliff's delta: how much more often a number of the second series is larger than smaller, from -1 to 1.
    pub delta: f64,
    /// The second's median by the first's.
    pub ratio: f64,
}

impl Difference {
    /// Of two series; none where one is empty.
    pub fn of(old: &[f64], new: &[f64]) -> Option<Difference> {
        let ratio = Summary::of(new)?.median / Summary::of(old)?.median;
        let pairs = old.iter().flat_map(|one| new.iter().map(move |other| one.total_cmp(other)));
        // twice U, so that ties are whole
        let twice: i64 = pairs.map(|order| 1 - order as i64).sum();
        let all = (old.len() * new.len()) as i64;
        let delta = (twice - all) as f64 / all as f64;
        Some(Difference { chance: chance(old.len(), new.len(), twice), delta, ratio })
    }
}

/// The least chance that so many numbers can come to: 2 in all ways to choose which are the old ones.
pub fn least_chance(old: usize, new: usize) -> f64 {
    chance(old, new, 0)
}

/// Up to so many pairs chances are counted exactly.
const COUNTED: usize = 400;

/// The chance that twice U is as far from its middle as `twice`, where there are no ties; with ties it is a little too
/// large.
fn chance(old: usize, new: usize, twice: i64) -> f64 {
    match old * new <= COUNTED {
        true => counted_chance(old, new, twice),
        false => normal_chance(old as f64, new as f64, twice as f64),
    }
}

/// By the normal distribution, which U's comes close to, with the correction for its steps.
fn normal_chance(old: f64, new: f64, twice: f64) -> f64 {
    let far = ((twice - old * new).abs() - 1.0).max(0.0) / 2.0;
    let deviation = (old * new * (old + new + 1.0) / 12.0).sqrt();
    outside(far / deviation)
}

/// How much of the normal distribution is further than `z` from its middle: Abramowitz and Stegun, 7.1.26, right to
/// 1.5e-7.
fn outside(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp()
}

/// Exactly: by counting in how many of all orders it is.
fn counted_chance(old: usize, new: usize, twice: i64) -> f64 {
    let ways = ways(old, new);
    let middle = (old * new) as i64;
    let far = (twice - middle).abs();
    let total: f64 = ways.iter().sum();
    let as_far =
        (0..).zip(&ways).filter(|(u, _): &(i64, _)| (2 * u - middle).abs() >= far).map(|(_, ways)| ways).sum::<f64>();
    as_far / total
}

/// In how many orders of `old` and `new` numbers U is each value: Mann and Whitney's recursion.
fn ways(old: usize, new: usize) -> Vec<f64> {
    // of `m` old ones and all new ones so far, row by row
    let mut rows = vec![vec![1.0]; old + 1];
    for n in 1..=new {
        for m in 1..=old {
            let mut sum = vec![0.0; m * n + 1];
            // the largest is an old one, which no new one exceeds; or a new one, which exceeds all old ones
            rows[m - 1].iter().enumerate().for_each(|(u, ways)| sum[u] += ways);
            rows[m].iter().enumerate().for_each(|(u, ways)| sum[u + m] += ways);
            rows[m] = sum;
        }
    }
    rows.swap_remove(old)
}

/// The geometric mean; none of none.
pub fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let logs: f64 = numbers.iter().map(|number| number.ln()).sum();
    (!numbers.is_empty()).then(|| (logs / numbers.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_between_the_middle_ones() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.median, summary.least, summary.most, summary.spread()), (2.5, 1.0, 4.0, 0.6));
        assert_eq!(Summary::of(&[]), None);
    }

    /// Mann and Whitney 1947, table I: the chance of U = 0 with 3 and 3 numbers is 0.05, with 4 and 4 0.014 and of U <=
    /// 2 with 5 and 5 0.016; both sides are twice that.
    #[test]
    fn chances_are_those_of_the_table() {
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 6e-4, "{found} {expected}");
        near(chance(3, 3, 0), 2.0 * 0.05);
        near(chance(4, 4, 0), 2.0 * 0.0143);
        near(chance(5, 5, 4), 2.0 * 0.0159);
        near(chance(4, 5, 2 * 4), 2.0 * 0.0952);
        near(chance(5, 5, 25), 1.0);
    }

    #[test]
    fn for_many_numbers_the_normal_distribution_is_near_enough() {
        for twice in [0, 80, 200, 300, 400] {
            let (exact, near) = (counted_chance(20, 20, twice), normal_chance(20.0, 20.0, twice as f64));
            assert!((exact - near).abs() < 3e-3, "{twice}: {exact} {near}");
        }
        assert!((outside(1.959_964) - 0.05).abs() < 1e-6);
        assert!(chance(1000, 1000, 0) < 1e-9);
    }

    #[test]
    fn the_same_numbers_do_not_differ_and_larger_ones_do() {
        let (old, new) = ([1.0, 1.1, 1.2, 1.3, 1.4], [2.0, 2.2, 2.4, 2.6, 2.8]);
        let same = Difference::of(&old, &old).unwrap();
        assert_eq!((same.chance, same.delta, same.ratio), (1.0, 0.0, 1.0));
        let other = Difference::of(&old, &new).unwrap();
        assert_eq!((other.delta, other.ratio), (1.0, 2.0));
        assert!((other.chance - 2.0 / 252.0).abs() < 1e-12 && other.chance == least_chance(5, 5));
        assert_eq!(Difference::of(&new, &old).unwrap().delta, -1.0);
    }

    /// Of series from one source about one in twenty differs by chance at 0.05, and no more.
    #[test]
    fn noise_is_taken_for_a_difference_as_often_as_promised() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut series = || -> Vec<f64> { (0..6).map(|_| random.f64()).collect() };
        let alarms = (0..4000).filter(|_| Difference::of(&series(), &series()).unwrap().chance <= 0.05).count();
        assert!((100..=230).contains(&alarms), "{alarms} of 4000");
    }

    #[test]
    fn geometric_mean_of_two_and_eight_is_four() {
        assert!((geometric_mean(&[2.0, 8.0]).unwrap() - 4.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
    }
}
