//! A layer's weights before and after, as one of many small charts.

use super::Svg;
use super::axis::Axis;
use crate::metrics::histogram::Histogram;

/// What a chart shows.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Distribution<'a> {
    /// The layer.
    pub(in super::super) title: &'a str,
    /// Its shape.
    pub(in super::super) note: &'a str,
    /// The weights before the first step, if known.
    pub(in super::super) before: Option<&'a Histogram>,
    /// The weights at the end, if known.
    pub(in super::super) after: Option<&'a Histogram>,
    /// Weights between minus this and this have the code 0.
    pub(in super::super) threshold: Option<f64>,
}

const SIZE: [f64; 2] = [240.0, 136.0];
const LEFT: f64 = 34.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 116.0;

/// Draws the chart: the share of the weights in each bin, in per cent.
pub(in super::super) fn histogram(shown: &Distribution<'_>) -> String {
    let both = || [shown.before, shown.after].into_iter().flatten().filter(|histogram| histogram.total() > 0);
    let exponent = both().map(|histogram| histogram.exponent).max().unwrap_or(0);
    let shares = |histogram: &Histogram| {
        let total = histogram.total().max(1) as f64;
        histogram
            .coarsen(exponent)
            .bins()
            .map(|(edges, count)| (edges, 100.0 * count as f64 / total))
            .collect::<Vec<_>>()
    };
    let highest = both().flat_map(shares).map(|(_, share)| share).fold(0.0, f64::max);
    let edges = both().flat_map(shares).flat_map(|(edges, _)| edges);
    let widest = edges.map(f64::abs).fold(0.0, f64::max);
    let x = Axis::exact([-widest, widest], [LEFT, RIGHT], 5, 0.0);
    let y = Axis::linear([0.0, highest], [BOTTOM, TOP], 2, 0.0);
    let mut svg = Svg::new(SIZE, &format!("weights of {}", shown.title));
    svg.heading(shown.title, shown.note);
    for tick in &y.ticks {
        svg.line([LEFT, y.at(*tick)], [RIGHT, y.at(*tick)], "grid");
        svg.label([LEFT - 5.0, y.at(*tick) + 4.0], "tick end", &y.label(*tick));
    }
    for (histogram, class, what) in [(shown.before, "before", "before"), (shown.after, "after", "after")] {
        let Some(histogram) = histogram.filter(|histogram| histogram.total() > 0) else { continue };
        let mut outline = Vec::new();
        for ([low, high], share) in shares(histogram) {
            if outline.is_empty() {
                outline.push([x.at(low), BOTTOM]);
            }
            outline.extend([[x.at(low), y.at(share)], [x.at(high), y.at(share)]]);
        }
        outline.extend(outline.last().map(|[right, _]| [*right, BOTTOM]));
        let mean = histogram.sum / histogram.total() as f64;
        let deviation = (histogram.sum_squares / histogram.total() as f64 - mean * mean).max(0.0).sqrt();
        let title = format!(
            "{what}: standard deviation {}, from {} to {}",
            super::number(deviation),
            super::number(histogram.min.into()),
            super::number(histogram.max.into())
        );
        svg.path(&outline, class, &title);
    }
    for threshold in shown.threshold.iter().filter(|threshold| **threshold > 0.0).flat_map(|t| [-t, *t]) {
        svg.line([x.at(threshold), TOP], [x.at(threshold), BOTTOM], "threshold");
    }
    for tick in &x.ticks {
        svg.line([x.at(*tick), BOTTOM], [x.at(*tick), BOTTOM + 4.0], "axis");
        svg.label([x.at(*tick), BOTTOM + 16.0], "tick middle", &x.label(*tick));
    }
    svg.line([LEFT, BOTTOM], [RIGHT, BOTTOM], "axis");
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_bins_of_one_width() {
        // 64 equal bins of width 1/64 before; after, half the range in finer bins.
        let before = Histogram::new(&(0..1024).map(|i| i as f32 / 512.0 - 1.0).collect::<Vec<_>>());
        let after = Histogram::new(&(0..1024).map(|i| i as f32 / 1024.0 - 0.5).collect::<Vec<_>>());
        assert_eq!(before.exponent, after.exponent + 1);
        let shown =
            Distribution { title: "a<b", note: "", before: Some(&before), after: Some(&after), threshold: Some(0.25) };
        let svg = histogram(&shown);
        assert!(svg.contains("a&lt;b") && svg.contains("class=\"before\"") && svg.contains("class=\"after\""));
        assert_eq!(svg.matches("class=\"threshold\"").count(), 2);
        // Twice the density: after fills the height, to 3.125 of 4 per cent; before half as much of it.
        let top = |share: f64| format!(" {:.1}L", 116.0 - 94.0 * share / 4.0);
        assert!(svg.contains(&top(3.125)) && svg.contains(&top(1.5625)), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let svg = histogram(&Distribution { title: "a", note: "", before: None, after: None, threshold: None });
        assert!(!svg.contains("<path"));
    }
}
