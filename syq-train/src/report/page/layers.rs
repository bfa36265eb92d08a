//! What became of the layers: many small charts, one a layer.

use super::super::svg::{Chart, Distribution, Floor, Series, Size, chart, histogram, number};
use super::super::{LayerSource, RunReport};
use super::Html;
use crate::metrics::histogram::LayerHistogram;
use crate::metrics::layers::LayerRow;

/// One layer over the epochs.
struct Course<'a> {
    name: &'a str,
    shape: String,
    /// The rows of each subgroup.
    subgroups: Vec<Vec<&'a LayerRow>>,
}

/// Writes the sections about layers, as far as something is known of them.
pub(super) fn write(html: &mut Html, run: &RunReport) {
    let courses = courses(run);
    let quantized: Vec<&Course<'_>> =
        courses.iter().filter(|course| course.rows().any(|row| row.coded.is_some())).collect();
    let pixel = run.settings.get("network.granularity") == Some("pixel");
    let ends = match run.layer_source {
        LayerSource::Checkpoints => {
            " The run kept no record of its layers: the checkpoints show where they began and ended."
        }
        LayerSource::Recorded | LayerSource::Missing => "",
    };
    if !quantized.is_empty() {
        let text = "Each layer's learned scales. The dashed line is the mean of |W| over the layer; a scale starts at that of its subgroup.";
        html.heading("Scales α", &format!("{text}{ends}"));
        legend(html, &quantized, pixel);
        panels(html, &quantized, Floor::Fit, None, |course| {
            let mut series = vec![Series {
                label: "mean |W|".to_owned(),
                colour: "q",
                stroke: "dashed",
                points: course.mean(|row| Some(row.mean_abs)),
            }];
            series.extend(course.lines(pixel, |row| Some(f64::from(row.coded?.scale))));
            series
        });
        html.end_section();
        zeros(html, run, &quantized, pixel, ends);
    }
    let steps: Vec<&Course<'_>> =
        courses.iter().filter(|course| course.rows().any(|row| row.activation_step.is_some())).collect();
    if !steps.is_empty() {
        html.heading("Activation steps", "The learned step between two levels of the activations that a layer reads.");
        panels(html, &steps, Floor::Zero, None, |course| {
            let points = course.mean(|row| row.activation_step.map(f64::from));
            vec![Series { label: "step".to_owned(), colour: "c3", stroke: "line", points }]
        });
        html.end_section();
    }
    histograms(html, run);
}

fn zeros(html: &mut Html, run: &RunReport, quantized: &[&Course<'_>], pixel: bool, ends: &str) {
    if run.settings.get("network.weights") == Some("binary") {
        return;
    }
    let share = |row: &LayerRow| Some(100.0 * row.coded?.shares[1]);
    let most = quantized.iter().flat_map(|course| course.rows()).filter_map(share).fold(0.0, f64::max);
    let text = "Per cent of each layer's weights that lie below its threshold; all panels have the same range.";
    html.heading("Share of zeros", &format!("{text}{ends}"));
    legend(html, quantized, pixel);
    panels(html, quantized, Floor::Zero, Some(most), |course| course.lines(pixel, share));
    html.end_section();
}

fn histograms(html: &mut Html, run: &RunReport) {
    let Some(shown) = run.after.as_ref().or(run.before.as_ref()) else { return };
    let mut text =
        "Where the float weights of each layer lie, in per cent of the layer's weights for each bin.".to_owned();
    if run.before.is_none() {
        text += " The checkpoint that the run started from is not there any more.";
    }
    html.heading("Weights before and after", &text);
    let unfinished =
        run.settings.number("train.epochs").is_some_and(|epochs| run.rows.iter().all(|r| r.epoch < epochs));
    let [after, threshold] = if unfinished {
        ["at the last checkpoint", "threshold there: weights between the lines are 0"]
    } else {
        ["at the end", "threshold at the end: weights between the lines are 0"]
    };
    let mut keys = vec![("c1", "after", after)];
    if run.before.is_some() {
        keys.insert(0, ("c1", "before", "before the first step"));
    }
    if shown.layers.iter().any(|layer| layer.threshold.is_some_and(|threshold| threshold > 0.0)) {
        keys.push(("c1", "threshold", threshold));
    }
    html.legend(&keys);
    html.raw(format_args!("<div class=\"panels\">"));
    for layer in &shown.layers {
        let before = run.before.as_ref().and_then(|before| before.layers.iter().find(|l| l.layer == layer.layer));
        let after = run.after.as_ref().map(|_| &layer.weights);
        let svg = histogram(&Distribution {
            title: &layer.layer,
            note: &shape(layer),
            before: before.map(|layer| &layer.weights),
            after,
            threshold: layer.threshold.map(f64::from),
        });
        html.raw(format_args!("{svg}"));
    }
    html.raw(format_args!("</div>"));
    html.end_section();
}

/// A table of the layers as they were last seen.
pub(super) fn table(html: &mut Html, run: &RunReport) {
    let courses = courses(run);
    if courses.is_empty() {
        return;
    }
    html.details("Every layer at the end", |html| {
        let head = ["layer", "shape", "α, least", "α, greatest", "−1", "0", "+1", "activation step", "mean |W|"];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        for course in &courses {
            let ends: Vec<&LayerRow> = course.subgroups.iter().filter_map(|rows| rows.last().copied()).collect();
            let coded: Vec<_> = ends.iter().filter_map(|row| row.coded).collect();
            let scales = || coded.iter().map(|coded| f64::from(coded.scale));
            let text = |value: Option<f64>| value.map_or(String::new(), number);
            let share = |code: usize| {
                let sum = coded.iter().map(|coded| coded.shares[code]).sum::<f64>();
                if coded.is_empty() { String::new() } else { format!("{:.1} %", 100.0 * sum / coded.len() as f64) }
            };
            table.push(vec![
                course.name.to_owned(),
                course.shape.clone(),
                text(scales().reduce(f64::min)),
                text(scales().reduce(f64::max)),
                share(0),
                share(1),
                share(2),
                text(ends.first().and_then(|row| row.activation_step).map(f64::from)),
                text(course.mean(|row| Some(row.mean_abs)).last().map(|[_, mean]| *mean)),
            ]);
        }
        html.table(&table, 2);
    });
}

fn legend(html: &mut Html, courses: &[&Course<'_>], pixel: bool) {
    let most = courses.iter().map(|course| course.subgroups.len()).max().unwrap_or(1);
    if most == 1 {
        return;
    }
    let [inner, middle, outer] = match (pixel, most) {
        (true, 9) => ["centre of the kernel", "edges", "corners"],
        (true, _) => ["centre of the kernel", "between", "rim"],
        (false, 3) => ["middle row of the kernel", "", "first and last row"],
        (false, _) => ["middle row of the kernel", "between", "first and last rows"],
    };
    let keys = [("p0", "line", inner), ("p1", "line", middle), ("p2", "line", outer)];
    html.legend(&keys.into_iter().filter(|(_, _, text)| !text.is_empty()).collect::<Vec<_>>());
}

fn panels(
    html: &mut Html,
    courses: &[&Course<'_>],
    floor: Floor,
    top: Option<f64>,
    series: impl Fn(&Course<'_>) -> Vec<Series>,
) {
    html.raw(format_args!("<div class=\"panels\">"));
    for course in courses {
        let unit = if top.is_some() { " %" } else { "" };
        let (title, note, size) = (course.name, course.shape.as_str(), Size::Small);
        let svg = chart(&Chart { title, note, unit, floor, size, top, series: &series(course) });
        html.raw(format_args!("{svg}"));
    }
    html.raw(format_args!("</div>"));
}

/// "3×3, 16 to 32".
fn shape(layer: &LayerHistogram) -> String {
    let [filters, rows, columns, channels] = layer.shape;
    format!("{rows}×{columns}, {channels} to {filters}")
}

fn courses(run: &RunReport) -> Vec<Course<'_>> {
    let snapshot = run.after.as_ref().or(run.before.as_ref());
    let mut courses: Vec<Course<'_>> = Vec::new();
    for row in &run.layers {
        let index = courses.iter().position(|course| course.name == row.layer).unwrap_or_else(|| {
            let known = snapshot.and_then(|snapshot| snapshot.layers.iter().find(|layer| layer.layer == row.layer));
            let shape = known.map(shape).unwrap_or_default();
            courses.push(Course { name: &row.layer, shape, subgroups: Vec::new() });
            courses.len() - 1
        });
        let Some(course) = courses.get_mut(index) else { continue };
        // No layer has more subgroups than a kernel has positions.
        if row.subgroup < 4096 {
            if course.subgroups.len() <= row.subgroup {
                course.subgroups.resize(row.subgroup + 1, Vec::new());
            }
            course.subgroups[row.subgroup].push(row);
        }
    }
    courses
}

impl<'a> Course<'a> {
    fn rows(&self) -> impl Iterator<Item = &'a LayerRow> {
        self.subgroups.iter().flatten().copied()
    }

    /// A line for each subgroup, those further from the middle first: the middle's lies on top.
    fn lines(&self, pixel: bool, value: impl Fn(&LayerRow) -> Option<f64>) -> Vec<Series> {
        let count = self.subgroups.len();
        let mut lines: Vec<(f64, Series)> = Vec::new();
        for (subgroup, rows) in self.subgroups.iter().enumerate() {
            let (distance, label) = place(subgroup, count, pixel);
            let colour = match distance {
                _ if count == 1 => "c1",
                distance if distance < 0.34 => "p0",
                distance if distance < 0.8 => "p1",
                _ => "p2",
            };
            let points = rows.iter().filter_map(|row| Some([row.epoch, value(row)?])).collect();
            let stroke = if count == 1 { "line" } else { "thin" };
            lines.push((distance, Series { label, colour, stroke, points }));
        }
        lines.sort_by(|a, b| b.0.total_cmp(&a.0));
        lines.into_iter().map(|(_, series)| series).collect()
    }

    /// Mean over the subgroups at each step.
    fn mean(&self, value: impl Fn(&LayerRow) -> Option<f64>) -> Vec<[f64; 2]> {
        let Some(first) = self.subgroups.first() else { return Vec::new() };
        let at = |index: usize| {
            let values: Vec<f64> = self.subgroups.iter().filter_map(|rows| value(rows.get(index)?)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        first.iter().enumerate().filter_map(|(index, row)| Some([row.epoch, at(index)?])).collect()
    }
}

/// How far a subgroup is from the kernel's middle, from 0 to 1, and what it is called.
fn place(subgroup: usize, count: usize, pixel: bool) -> (f64, String) {
    let side = (count as f64).sqrt().round() as usize;
    let middle = |count: usize| (count as f64 - 1.0) / 2.0;
    match count {
        1 => (0.0, "α of the layer".to_owned()),
        _ if pixel && side * side == count => {
            let (row, column) = (subgroup / side, subgroup % side);
            let away = (row as f64 - middle(side)).hypot(column as f64 - middle(side));
            let farthest = middle(side).hypot(middle(side));
            (away / farthest.max(1e-9), format!("row {}, column {}", row + 1, column + 1))
        }
        _ => {
            let away = (subgroup as f64 - middle(count)).abs() / middle(count).max(1e-9);
            (away, format!("row {}", subgroup + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn the_middle_of_a_kernel_is_near_and_its_corners_are_far() {
        let distance = |subgroup| place(subgroup, 9, true).0;
        assert_eq!((distance(4), distance(0), distance(8)), (0.0, 1.0, 1.0));
        assert!((distance(1) - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(place(5, 9, true).1, "row 2, column 3");
        assert_eq!([0, 1, 2].map(|row| place(row, 3, false).0), [1.0, 0.0, 1.0]);
        assert_eq!(place(0, 1, true).0, 0.0);
    }
}
