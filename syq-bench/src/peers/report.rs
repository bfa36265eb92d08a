//! The report of a run: every contestant of every setting, with its figures or why there are none.

use super::contestant::{Kind, Name};
use super::error::PeerError;
use super::own::FirstLast;
use crate::machine::Machine;
use crate::row;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "syq.bench-peers/1";

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Where it was measured.
    pub machine: Machine,
    /// The instruction set of our engine.
    pub isa: String,
    /// The settings.
    pub settings: Vec<Setting>,
}

/// One network, batch and number of threads: contestants that took turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Name of the network.
    pub network: String,
    /// Images given at once.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// Multiply-accumulates of an image.
    pub macs: u64,
    /// Rounds that were made.
    pub rounds: usize,
    /// Share of the machine that other programs used meanwhile, where the system tells. Above a few
    /// percent the figures with several threads mean little.
    pub foreign: Option<f64>,
    /// The contestants.
    pub rows: Vec<Row>,
}

/// A contestant.
pub type Row = row::Row<Name, Figures>;

/// Its figures, or why there are none.
pub type Measured = row::Measured<Figures>;

/// What was measured of a contestant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Median of a run of the batch, in milliseconds.
    pub median_ms: f64,
    /// The fastest run.
    pub min_ms: f64,
    /// Runs.
    pub runs: usize,
    /// 10⁹ multiply-accumulates of the float network a second, by the median.
    pub gmacs: f64,
    /// From the model file to a session that can run.
    pub load_ms: f64,
    /// From the model file to the end of the first run.
    pub first_ms: f64,
    /// Most memory of the process, in 10⁶ bytes.
    pub peak_mb: f64,
    /// Size of the model file, in 10⁶ bytes.
    pub file_mb: f64,
}

impl Row {
    /// The median, if it ran.
    pub fn median_ms(&self) -> Option<f64> {
        self.figures().map(|figures| figures.median_ms)
    }
}

impl Setting {
    /// The fastest contestant of a kind.
    pub fn best(&self, kind: Kind) -> Option<&Row> {
        let rows = self.rows.iter().filter(|row| row.name.kind == kind);
        let timed = rows.filter_map(|row| Some((row, row.median_ms()?)));
        timed.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(row, _)| row)
    }

    /// Our engine in a scheme.
    pub fn own(&self, scheme: &str, first_last: FirstLast) -> Option<&Row> {
        self.rows.iter().find(|row| {
            let name = &row.name;
            name.kind == Kind::Own && name.precision == scheme && name.first_last == Some(first_last)
        })
    }

    /// The best time of the peers of a kind over ours; above 1 ours is faster.
    pub fn ratio(&self, kind: Kind, scheme: &str, first_last: FirstLast) -> Option<f64> {
        Some(self.best(kind)?.median_ms()? / self.own(scheme, first_last)?.median_ms()?)
    }
}

impl Report {
    /// A report without settings.
    pub fn new(machine: Machine, isa: &str) -> Self {
        Self { schema: SCHEMA.to_owned(), machine, isa: isa.to_owned(), settings: Vec::new() }
    }

    /// Reads a report that was written.
    ///
    /// # Errors
    /// A file that cannot be read or is no report of this version.
    pub fn read(path: &Path) -> Result<Self, PeerError> {
        let text = std::fs::read(path).map_err(|source| PeerError::Io { path: path.to_owned(), source })?;
        let report: Self =
            serde_json::from_slice(&text).map_err(|source| PeerError::Json { path: path.to_owned(), source })?;
        differ("the schema", &report.schema, SCHEMA)?;
        Ok(report)
    }

    /// Takes over the settings of an earlier run on the same machine, commit and instruction set.
    ///
    /// # Errors
    /// A run of something else.
    pub fn take_over(&mut self, earlier: Self) -> Result<(), PeerError> {
        differ("the processor", &earlier.machine.cpu, &self.machine.cpu)?;
        let commit = |machine: &Machine| machine.commit.clone().unwrap_or_else(|| "unknown".to_owned());
        differ("the commit", &commit(&earlier.machine), &commit(&self.machine))?;
        differ("the instruction set", &earlier.isa, &self.isa)?;
        self.settings = earlier.settings;
        Ok(())
    }

    /// Adds a setting, in place of one of the same network, batch and threads.
    pub fn add(&mut self, setting: Setting) {
        let key = |setting: &Setting| (setting.network.clone(), setting.batch, setting.threads);
        match self.settings.iter_mut().find(|old| key(old) == key(&setting)) {
            Some(old) => *old = setting,
            None => self.settings.push(setting),
        }
    }

    /// The JSON form, ending in a line break.
    ///
    /// # Errors
    /// A figure that JSON does not have: none of a finished measurement.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn differ(what: &'static str, found: &str, here: &str) -> Result<(), PeerError> {
    if found == here {
        return Ok(());
    }
    Err(PeerError::Other { what, found: found.to_owned(), here: here.to_owned() })
}

/// Reports for the tests of what is made of them.
#[cfg(test)]
pub(super) mod sample {
    use super::*;

    pub(crate) fn row(engine: &str, kind: Kind, precision: &str, median_ms: Option<f64>) -> Row {
        let first_last = (kind == Kind::Own).then_some(FirstLast::EightBit);
        let name = Name { engine: engine.to_owned(), kind, precision: precision.to_owned(), first_last };
        let figures = |median_ms: f64| Figures {
            median_ms,
            min_ms: median_ms * 0.9,
            runs: 9,
            gmacs: 1814.0 / median_ms,
            load_ms: 12.0,
            first_ms: 14.0,
            peak_mb: 33.0,
            file_mb: 5.5,
        };
        let not_run = || Measured::NotRun { not_run: "cannot start | it".to_owned() };
        Row { name, measured: median_ms.map_or_else(not_run, |median| Measured::Ran(figures(median))) }
    }

    pub(crate) fn report() -> Report {
        let machine = Machine {
            cpu: "a processor".to_owned(),
            target: "x86_64-linux".to_owned(),
            cores: 2,
            isas: vec!["avx2".to_owned(), "portable".to_owned()],
            load: None,
            commit: Some("0123456789ab".to_owned()),
        };
        let mut report = Report::new(machine, "avx2");
        report.add(Setting {
            network: "resnet18".to_owned(),
            batch: 1,
            threads: 1,
            macs: 1_814_073_344,
            rounds: 9,
            foreign: Some(0.012),
            rows: vec![
                row("openvino", Kind::Float, "f32", Some(60.0)),
                row("tract", Kind::Float, "f32", Some(90.0)),
                row("openvino", Kind::Int8, "int8", Some(20.0)),
                row("onnxruntime", Kind::Int8, "int8", Some(22.0)),
                row("litert", Kind::Int8, "int8", None),
                row("syq", Kind::Own, "W1A1", Some(5.0)),
                row("syq", Kind::Own, "W2A2", Some(16.0)),
            ],
        });
        report
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{report, row};
    use super::*;

    #[test]
    fn ratios_are_against_the_fastest_that_ran() {
        let report = report();
        let setting = &report.settings[0];
        assert_eq!(setting.best(Kind::Int8).unwrap().name.engine, "openvino");
        assert_eq!(setting.ratio(Kind::Int8, "W1A1", FirstLast::EightBit), Some(4.0));
        assert_eq!(setting.ratio(Kind::Float, "W2A2", FirstLast::EightBit), Some(3.75));
        assert_eq!(setting.ratio(Kind::Int8, "W1A1", FirstLast::Float), None);
    }

    #[test]
    fn a_report_is_written_read_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let first = report();
        std::fs::write(&path, first.json().unwrap()).unwrap();
        assert_eq!(Report::read(&path).unwrap(), first);
        let json: serde_json::Value = serde_json::from_str(&first.json().unwrap()).unwrap();
        let rows = &json["settings"][0]["rows"];
        assert_eq!((&json["schema"], &rows[2]["median_ms"]), (&SCHEMA.into(), &20.0.into()));
        assert_eq!((&rows[4]["not_run"], &rows[5]["first_last"]), (&"cannot start | it".into(), &"8bit".into()));

        let mut second = Report::new(first.machine.clone(), "avx2");
        second.take_over(Report::read(&path).unwrap()).unwrap();
        let mut again = first.settings[0].clone();
        again.rows = vec![row("openvino", Kind::Int8, "int8", Some(19.0))];
        second.add(again.clone());
        second.add(Setting { threads: 2, ..again });
        assert_eq!(second.settings.iter().map(|setting| setting.rows.len()).collect::<Vec<_>>(), [1, 1]);
        let machine = Machine { commit: None, ..first.machine.clone() };
        let error = Report::new(machine, "avx2").take_over(first).unwrap_err().to_string();
        assert_eq!(error, "the report to add to has the commit 0123456789ab, this run has unknown");
    }
}
