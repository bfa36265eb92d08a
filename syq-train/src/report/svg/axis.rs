//! Axes: a range with round ends, round ticks, and where a value lies on the picture.

/// How values are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Equal differences take equal room.
    Linear,
    /// Equal ratios do.
    Logarithmic,
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// The range of the values.
    range: [f64; 2],
    /// Where its ends are, in pixels.
    pixels: [f64; 2],
    scale: Scale,
    /// Values with a tick, ascending.
    pub(super) ticks: Vec<f64>,
}

/// The least of 1, 2, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

impl Axis {
    /// A linear axis over `range`, widened to ticks `at_least` apart, of which there are about `count`.
    pub(super) fn linear(range: [f64; 2], pixels: [f64; 2], count: usize, at_least: f64) -> Self {
        let [mut low, mut high] = range;
        if !(low.is_finite() && high.is_finite() && low <= high) {
            [low, high] = [0.0, 1.0];
        }
        if high - low <= f64::EPSILON * high.abs().max(low.abs()) {
            // A constant gets room on both sides.
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.5 };
            [low, high] = [low - room, high + room];
        }
        let step = round_step((high - low) / count.max(1) as f64).max(at_least);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let ticks: Vec<f64> =
            (0..=(last - first).min(100.0) as u64).map(|index| (first + index as f64) * step).collect();
        Self { range: [first * step, last * step], pixels, scale: Scale::Linear, ticks }
    }

    /// A linear axis that ends where the values end; its ticks lie within.
    pub(super) fn exact(range: [f64; 2], pixels: [f64; 2], count: usize, at_least: f64) -> Self {
        let mut axis = Self::linear(range, pixels, count, at_least);
        if range[0] < range[1] {
            axis.range = range;
            let slack = (range[1] - range[0]) * 1e-9;
            axis.ticks.retain(|tick| (range[0] - slack..=range[1] + slack).contains(tick));
        }
        axis
    }

    /// A logarithmic axis over positive values, with ticks at powers of ten.
    pub(super) fn logarithmic(range: [f64; 2], pixels: [f64; 2]) -> Self {
        let (first, last) = (range[0].log10() + 1e-9, range[1].log10() - 1e-9);
        let (first, last) = (first.floor() as i32, last.ceil() as i32);
        let ticks = (first..=last).map(|power| 10f64.powi(power)).collect();
        Self { range: [10f64.powi(first), 10f64.powi(last)], pixels, scale: Scale::Logarithmic, ticks }
    }

    /// Where a value lies, in pixels.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        };
        let [low, high] = self.range.map(place);
        let share = ((place(value) - low) / (high - low)).clamp(-0.5, 1.5);
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }

    /// A tick's label: all of an axis have the same number of decimals.
    pub(super) fn label(&self, tick: f64) -> String {
        if self.scale == Scale::Logarithmic {
            return number(tick);
        }
        let step = match self.ticks.as_slice() {
            [first, second, ..] => second - first,
            _ => tick.abs(),
        };
        // No minus in front of a zero.
        let tick = if tick.abs() < step * 1e-6 { 0.0 } else { tick };
        if step < 1e-4 {
            return number(tick);
        }
        let decimals = if step > 0.0 { (-(step * 1.000_001).log10().floor()).clamp(0.0, 6.0) as usize } else { 0 };
        format!("{tick:.decimals$}").replace('-', "−")
    }
}

/// A number with about three digits.
pub(in super::super) fn number(value: f64) -> String {
    let size = value.abs();
    let text = if value == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e6).contains(&size) {
        let text = format!("{value:.2e}");
        text.replace(".00e", "e").replace("0e", "e")
    } else {
        let decimals = (2.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| axis.label(*tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        for (range, count, expected) in [
            ([0.0, 1.3], 4, vec!["0.0", "0.5", "1.0", "1.5"]),
            ([41.0, 93.0], 6, vec!["40", "50", "60", "70", "80", "90", "100"]),
            ([0.0213, 0.0487], 3, vec!["0.02", "0.03", "0.04", "0.05"]),
            ([-0.3, 0.3], 2, vec!["−0.5", "0.0", "0.5"]),
            ([0.2, 0.2], 2, vec!["0.1", "0.2", "0.3"]),
            ([f64::NAN, f64::NAN], 2, vec!["0.0", "0.5", "1.0"]),
            ([0.0, 3e-5], 3, vec!["0", "1e−5", "2e−5", "3e−5"]),
        ] {
            let axis = Axis::linear(range, [0.0, 100.0], count, 0.0);
            assert_eq!(labels(&axis), expected, "{range:?}");
        }
        assert_eq!(labels(&Axis::linear([0.0, 3.0], [0.0, 1.0], 10, 1.0)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::exact([0.0, 44.0], [0.0, 1.0], 5, 1.0)), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(&Axis::logarithmic([2e-6, 1e-3], [0.0, 1.0])), ["1e−6", "1e−5", "0.0001", "0.001"]);
    }

    #[test]
    fn values_lie_between_the_ends() {
        let axis = Axis::linear([0.0, 10.0], [200.0, 100.0], 5, 0.0);
        assert_eq!([0.0, 5.0, 10.0].map(|value| axis.at(value)), [200.0, 150.0, 100.0]);
        let axis = Axis::logarithmic([1e-4, 1.0], [0.0, 40.0]);
        assert!((axis.at(1e-2) - 20.0).abs() < 1e-9 && axis.at(0.0).is_finite());
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in
            [(0.0, "0"), (0.04567, "0.0457"), (91.5, "91.5"), (1234.0, "1234"), (-2e-5, "−2e−5"), (0.1, "0.1")]
        {
            assert_eq!(number(value), text);
        }
    }
}
