//! Line charts over the epochs, large with labelled lines or small as one of many.

use super::Svg;
use super::axis::{Axis, number};

/// What a line's points are and how it looks.
#[derive(Clone, Debug)]
pub(in super::super) struct Series {
    /// Written at its end on a large chart, shown under the pointer on any.
    pub(in super::super) label: String,
    /// Class that has its colour.
    pub(in super::super) colour: &'static str,
    /// Class that has its stroke: "line", "thin", "dashed" or "marks" (points without a line).
    pub(in super::super) stroke: &'static str,
    /// Epoch and value; what is not finite is left out.
    pub(in super::super) points: Vec<[f64; 2]>,
}

/// Where the vertical axis begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Floor {
    /// Below the least value.
    Fit,
    /// At zero.
    Zero,
    /// Logarithmic where the values, or the lines' highest ones, span more than a factor of 30; else at zero.
    Rate,
}

/// How much room a chart has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Size {
    /// With an axis title, labels at the lines' ends, and every value under the pointer.
    Large,
    /// With a heading of its own.
    Small,
}

/// A chart.
#[derive(Clone, Debug)]
pub(in super::super) struct Chart<'a> {
    /// What it shows.
    pub(in super::super) title: &'a str,
    /// Said more quietly beside the title of a small chart.
    pub(in super::super) note: &'a str,
    /// Behind a value under the pointer, such as " %".
    pub(in super::super) unit: &'a str,
    pub(in super::super) floor: Floor,
    pub(in super::super) size: Size,
    /// The largest value of a small chart's vertical axis, where several share one.
    pub(in super::super) top: Option<f64>,
    pub(in super::super) series: &'a [Series],
}

/// Room around the plot: left, top, right, bottom.
struct Frame {
    size: [f64; 2],
    margins: [f64; 4],
}

/// Height of a label at a line's end, and width of one of its letters.
const LABEL: f64 = 15.0;
const LETTER: f64 = 6.7;

/// Draws a chart.
pub(in super::super) fn chart(chart: &Chart<'_>) -> String {
    let logarithmic = chart.floor == Floor::Rate && spans_orders(chart.series);
    // A logarithm has no place for a rate of zero.
    let shown = |p: &&[f64; 2]| p.iter().all(|v| v.is_finite()) && !(logarithmic && p[1] <= 0.0);
    let points = || chart.series.iter().flat_map(|series| &series.points).filter(shown);
    let range = |index: usize| {
        let grow = |[low, high]: [f64; 2], v: f64| [low.min(v), high.max(v)];
        points().map(|point| point[index]).fold([f64::INFINITY, f64::NEG_INFINITY], grow)
    };
    let frame = frame(chart);
    let [width, height] = frame.size;
    let [left, top, right, bottom] = frame.margins;
    let (large, [_, last]) = (chart.size == Size::Large, range(0));
    let x = Axis::exact([0.0, last.max(1.0)], [left, width - right], if large { 8 } else { 4 }, 1.0);
    let pixels = [height - bottom, top];
    let y = if logarithmic { Axis::logarithmic(range(1), pixels) } else { vertical(chart, range(1), pixels) };
    let mut svg = Svg::new(frame.size, chart.title);
    if !large {
        svg.heading(chart.title, chart.note);
    }
    for tick in &y.ticks {
        let at = y.at(*tick);
        svg.line([left, at], [width - right, at], "grid");
        svg.label([left - 7.0, at + 4.0], "tick end", &y.label(*tick));
    }
    for tick in &x.ticks {
        svg.line([x.at(*tick), height - bottom], [x.at(*tick), height - bottom + 4.0], "axis");
        svg.label([x.at(*tick), height - bottom + 16.0], "tick middle", &x.label(*tick));
    }
    svg.line([left, height - bottom], [width - right, height - bottom], "axis");
    if large {
        svg.label([(left + width - right) / 2.0, height - 4.0], "tick middle", "epoch");
    }
    let mut ends = Vec::new();
    for series in chart.series {
        let points: Vec<[f64; 2]> = series.points.iter().filter(shown).copied().collect();
        let (Some(first), Some(end)) = (points.first(), points.last()) else { continue };
        let at = |point: &[f64; 2]| [x.at(point[0]), y.at(point[1])];
        svg.push(format_args!("<g class=\"{}\">", series.colour));
        if points.len() > 1 && series.stroke != "marks" {
            let places: Vec<[f64; 2]> = points.iter().map(at).collect();
            let title = format!("{}: {} to {}{}", series.label, number(first[1]), number(end[1]), chart.unit);
            svg.path(&places, series.stroke, if large { "" } else { &title });
        }
        if points.len() == 1 || series.stroke == "marks" {
            points.iter().for_each(|point| svg.dot(at(point), if large { 4.5 } else { 2.5 }, "mark", ""));
        }
        if large {
            for point in &points {
                let title = format!("{}, epoch {}: {}{}", series.label, number(point[0]), value(point[1]), chart.unit);
                svg.dot(at(point), 7.0, "hover", &title);
            }
            ends.push((at(end), series));
        }
        svg.push(format_args!("</g>"));
    }
    labels(&mut svg, ends, [width - right, top, height - bottom]);
    svg.finish()
}

/// Four digits: what is looked up under the pointer should be exact.
fn value(value: f64) -> String {
    if (1.0..1000.0).contains(&value.abs()) { format!("{value:.3}").replace('-', "−") } else { number(value) }
}

fn frame(chart: &Chart<'_>) -> Frame {
    match chart.size {
        Size::Small => Frame { size: [240.0, 136.0], margins: [44.0, 22.0, 10.0, 20.0] },
        Size::Large => {
            let longest = chart.series.iter().map(|series| short(&series.label).chars().count()).max().unwrap_or(0);
            Frame { size: [560.0, 300.0], margins: [52.0, 12.0, longest as f64 * LETTER + 22.0, 38.0] }
        }
    }
}

/// Whether positive values, or the highest ones of the lines, are more than a factor of 30 apart.
fn spans_orders(series: &[Series]) -> bool {
    let of = |series: &Series| series.points.iter().map(|point| point[1]).collect::<Vec<f64>>();
    let all: Vec<f64> = series.iter().flat_map(of).collect();
    let tops: Vec<f64> = series.iter().map(|series| of(series).into_iter().fold(0.0, f64::max)).collect();
    let apart = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        least > 0.0 && values.iter().copied().fold(0.0, f64::max) > least * 30.0
    };
    apart(&all) || apart(&tops)
}

fn vertical(chart: &Chart<'_>, [low, high]: [f64; 2], pixels: [f64; 2]) -> Axis {
    let high = chart.top.unwrap_or(high);
    let count = if chart.size == Size::Large { 5 } else { 3 };
    match chart.floor {
        Floor::Fit if low > 0.35 * high => Axis::linear([low, high], pixels, count, 0.0),
        // All zero is a line on the axis, not one in the middle of nothing.
        _ if low >= 0.0 => Axis::linear([0.0, if high > 0.0 { high } else { 1.0 }], pixels, count, 0.0),
        _ => Axis::linear([low, high], pixels, count, 0.0),
    }
}

/// A label that fits beside a chart.
fn short(label: &str) -> String {
    if label.chars().count() <= 24 {
        return label.to_owned();
    }
    let skipped = label.chars().count() - 23;
    std::iter::once('…').chain(label.chars().skip(skipped)).collect()
}

/// Names each line at its end; names that would meet are moved apart and tied to their lines.
fn labels(svg: &mut Svg, mut ends: Vec<([f64; 2], &Series)>, [right, top, bottom]: [f64; 3]) {
    ends.sort_by(|a, b| a.0[1].total_cmp(&b.0[1]));
    let room = (bottom - top) / ends.len().max(1) as f64;
    let gap = LABEL.min(room);
    let mut places: Vec<f64> = ends.iter().map(|(end, _)| end[1]).collect();
    for index in 1..places.len() {
        places[index] = places[index].max(places[index - 1] + gap);
    }
    let mut limit = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - gap;
    }
    for ((end, series), place) in ends.iter().zip(places) {
        svg.push(format_args!("<g class=\"{}\">", series.colour));
        // A line that ends early is tied to its name across the chart.
        if end[0] + 12.0 < right {
            svg.line([end[0] + 5.0, end[1]], [right + 1.0, end[1]], "far");
        }
        svg.line([end[0].max(right - 2.0) + 3.0, end[1]], [right + 12.0, place], "tie");
        svg.push(format_args!("</g>"));
        svg.label([right + 15.0, place + 4.0], "label", &short(&series.label));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(label: &str, points: &[[f64; 2]]) -> Series {
        Series { label: label.to_owned(), colour: "c1", stroke: "line", points: points.to_vec() }
    }

    fn large(series: &[Series]) -> String {
        let (size, floor) = (Size::Large, Floor::Zero);
        chart(&Chart { title: "t", note: "", unit: " %", floor, size, top: None, series })
    }

    #[test]
    fn a_line_goes_where_its_points_are() {
        let svg = large(&[series("a", &[[0.0, 0.0], [5.0, f64::NAN], [10.0, 100.0]])]);
        // One letter's room on the right: 560 − 28.7; from the bottom, 262, to the top, 12.
        assert!(svg.contains("d=\"M52.0 262.0L531.3 12.0\""), "{svg}");
        assert!(svg.contains("<title>a, epoch 10: 100.000 %</title>"));
        assert_eq!(svg.matches("class=\"hover\"").count(), 2);
    }

    #[test]
    fn labels_do_not_lie_on_each_other() {
        let all: Vec<Series> = (0..6).map(|i| series("x", &[[0.0, 1.0], [1.0, 50.0 + f64::from(i)]])).collect();
        let svg = large(&all);
        let y = |line: &str| line.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap();
        let places: Vec<f64> = svg.lines().filter(|line| line.contains("class=\"label\"")).map(y).collect();
        assert_eq!(places.len(), 6);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= LABEL - 0.1), "{places:?}");
    }

    #[test]
    fn names_are_escaped_and_cut() {
        let svg = large(&[series("<b>&", &[[1.0, 1.0]])]);
        assert!(svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>") && svg.contains("class=\"mark\""));
        assert_eq!(short("abcdefghijklmnopqrstuvwxyz"), "…defghijklmnopqrstuvwxyz");
    }
}
