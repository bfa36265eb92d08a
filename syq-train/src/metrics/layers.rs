//! `layers.csv`: what became of every layer with weights, a row for each of its subgroups, before the
//! first step and after each epoch.

use super::MetricsError;
use super::log::{self, Fields, Form, Log, leading_step};
use std::fmt::Write as _;
use std::path::Path;

/// The first line.
const HEADER: &str = "step,epoch,layer,subgroup,scale,minus_one,zero,plus_one,activation_step,mean_abs";
const FORM: Form = Form { header: HEADER, step: leading_step };

/// One subgroup of one layer at one step; a layer whose weights have no codes is one subgroup.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRow {
    /// Optimizer steps taken so far.
    pub step: u64,
    /// Epochs done.
    pub epoch: f64,
    /// The layer's name.
    pub layer: String,
    /// Which of its subgroups, from 0, in the order of the kernel's positions or rows.
    pub subgroup: usize,
    /// Scale and codes, where the weights have some.
    pub coded: Option<CodedRow>,
    /// Learned step of the activations that the layer reads; none before the first batch has set it.
    pub activation_step: Option<f32>,
    /// Mean |W| of the subgroup's float weights.
    pub mean_abs: f64,
}

/// Layers with scales that are not positive, each with the smallest of them, in the order of the rows. A scale begins
/// above zero; one that has passed it has turned its subgroup's signs around.
pub fn turned(rows: &[LayerRow]) -> Vec<(&str, f32)> {
    let mut layers: Vec<(&str, f32)> = Vec::new();
    for row in rows {
        let Some(CodedRow { scale, .. }) = row.coded.filter(|coded| coded.scale <= 0.0) else { continue };
        match layers.last_mut().filter(|(layer, _)| *layer == row.layer) {
            Some((_, smallest)) => *smallest = smallest.min(scale),
            None => layers.push((&row.layer, scale)),
        }
    }
    layers
}

/// The quantized side of a subgroup.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodedRow {
    /// α.
    pub scale: f32,
    /// Shares of the codes −1, 0 and +1, in [0, 1].
    pub shares: [f64; 3],
}

/// Appends to `layers.csv`.
#[derive(Debug)]
pub struct LayerLog {
    log: Log,
}

impl LayerLog {
    /// Opens `path`, or makes it, and keeps the rows up to and including step `after` (0: none).
    ///
    /// # Errors
    /// The file cannot be read or written, or is another; then it is unchanged.
    pub fn open(path: &Path, after: u64) -> Result<Self, MetricsError> {
        Ok(Self { log: Log::open(path, FORM, after)? })
    }

    /// Appends rows, in one write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, rows: &[LayerRow]) -> Result<(), MetricsError> {
        let mut text = String::new();
        for LayerRow { step, epoch, layer, subgroup, coded, activation_step, mean_abs } in rows {
            let coded = coded.map_or(",,,".to_owned(), |CodedRow { scale, shares: [minus, zero, plus] }| {
                format!("{scale:.6e},{minus:.6},{zero:.6},{plus:.6}")
            });
            let activation_step = activation_step.map_or(String::new(), |step| format!("{step:.6e}"));
            // Writing to a `String` does not fail.
            let _ = writeln!(text, "{step},{epoch:.4},{layer},{subgroup},{coded},{activation_step},{mean_abs:.6e}");
        }
        self.log.append(&text)
    }

    /// Every row of the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is empty, ends within a line, or has a row that is none; names the line.
    pub fn read(path: &Path) -> Result<Vec<LayerRow>, MetricsError> {
        log::lines(path, FORM)?.iter().map(|(line, row)| parse(&Fields::new(path, *line, HEADER, row)?)).collect()
    }
}

fn parse(fields: &Fields<'_>) -> Result<LayerRow, MetricsError> {
    let coded = match fields.optional("scale")? {
        None => None,
        Some(scale) => {
            let shares = [fields.value("minus_one")?, fields.value("zero")?, fields.value("plus_one")?];
            Some(CodedRow { scale, shares })
        }
    };
    Ok(LayerRow {
        step: fields.value("step")?,
        epoch: fields.value("epoch")?,
        layer: fields.text("layer").to_owned(),
        subgroup: fields.value("subgroup")?,
        coded,
        activation_step: fields.optional("activation_step")?,
        mean_abs: fields.value("mean_abs")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64, coded: Option<CodedRow>) -> LayerRow {
        let activation_step = coded.map(|_| 0.25);
        let layer = "block1.conv1".to_owned();
        LayerRow { step, epoch: 1.0, layer, subgroup: 2, coded, activation_step, mean_abs: 0.125 }
    }

    #[test]
    fn what_is_written_is_read_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layers.csv");
        let coded = Some(CodedRow { scale: 0.5, shares: [0.25, 0.5, 0.25] });
        let rows = [row(0, coded), row(10, None), row(20, coded)];
        LayerLog::open(&path, 0).unwrap().append(&rows).unwrap();
        assert_eq!(LayerLog::read(&path).unwrap(), rows);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap().lines().nth(1).unwrap(),
            "0,1.0000,block1.conv1,2,5.000000e-1,0.250000,0.500000,0.250000,2.500000e-1,1.250000e-1"
        );
        LayerLog::open(&path, 10).unwrap();
        assert_eq!(LayerLog::read(&path).unwrap(), rows[..2]);
    }

    #[test]
    fn scales_that_have_turned_are_found_once_a_layer() {
        let scaled = |layer: &str, scale| {
            let coded = CodedRow { scale, shares: [0.5, 0.0, 0.5] };
            LayerRow { layer: layer.to_owned(), ..row(1, Some(coded)) }
        };
        let rows =
            [scaled("a", 0.1), scaled("b", 0.1), scaled("b", -0.1), scaled("b", -0.2), row(1, None), scaled("c", 0.0)];
        assert_eq!(turned(&rows), [("b", -0.2), ("c", 0.0)]);
        assert_eq!(turned(&rows[..2]), []);
    }

    #[test]
    fn a_damaged_row_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layers.csv");
        for (row, says) in [
            ("0,1,conv,0,0.5,,0.1,0.1,,1", "layers.csv: line 2: minus_one is \"\""),
            ("0,1,conv,-1,,,,,,1", "layers.csv: line 2: subgroup is \"-1\""),
            ("0,1,conv,0,,,,,1", "layers.csv: line 2: 9 fields, expected 10"),
        ] {
            std::fs::write(&path, format!("{HEADER}\n{row}\n")).unwrap();
            let error = LayerLog::read(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
