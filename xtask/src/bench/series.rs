//! What several rounds say about one thing: median and spread.

use serde::Serialize;

/// The same measured several times.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(into = "Summary")]
pub struct Series(Vec<f64>);

/// The series as JSON has it.
#[derive(Serialize)]
struct Summary {
    median: f64,
    least: f64,
    most: f64,
    values: Vec<f64>,
}

impl Series {
    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value in the middle; of an even number, the mean of the two. NaN for none.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match (sorted.len(), sorted.len() / 2) {
            (0, _) => f64::NAN,
            (count, middle) if count % 2 == 1 => sorted[middle],
            (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The least value; NaN for none.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The largest value; NaN for none.
    pub fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Series {
        Series(values.into_iter().collect())
    }
}

impl From<Series> for Summary {
    fn from(series: Series) -> Summary {
        Summary { median: series.median(), least: series.least(), most: series.most(), values: series.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Series::from_iter([3.0, 1.0, 9.0]).median(), 3.0);
        assert_eq!(Series::from_iter([4.0, 1.0, 2.0, 9.0]).median(), 3.0);
        assert!(Series::default().median().is_nan());
    }

    #[test]
    fn the_spread_goes_from_least_to_most() {
        let series = Series::from_iter([3.0, 1.0, 9.0]);
        assert_eq!((series.least(), series.most()), (1.0, 9.0));
    }
}
