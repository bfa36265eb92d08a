//! What `metrics.csv` of a finished run tells.

use anyhow::{Context, ensure};
use std::path::Path;
use syq_train::run::METRICS;

/// A row, as far as it is needed here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Steps done.
    pub(super) step: u64,
    /// Epochs done.
    pub(super) epoch: f64,
    /// "train", "validation" or "test".
    pub(super) split: String,
    /// Per cent.
    pub(super) top1: f64,
    /// Seconds since the run was started or resumed.
    pub(super) seconds: f64,
}

/// The rows of `folder/metrics.csv`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metrics(pub(super) Vec<Row>);

impl Metrics {
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(METRICS);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let column = |name: &str| {
            names.iter().position(|found| *found == name).with_context(|| format!("there is no column {name:?}"))
        };
        let columns = [column("step")?, column("epoch")?, column("split")?, column("top1")?, column("seconds")?];
        let rows = lines.enumerate().map(|(index, line)| {
            let fields: Vec<&str> = line.split(',').collect();
            ensure!(fields.len() == names.len(), "line {}: {} fields of {}", index + 2, fields.len(), names.len());
            let [step, epoch, split, top1, seconds] = columns.map(|column| fields[column]);
            let number = |text: &str| text.parse::<f64>().with_context(|| format!("line {}: {text:?}", index + 2));
            Ok(Row {
                step: step.parse().with_context(|| format!("line {}: {step:?}", index + 2))?,
                epoch: number(epoch)?,
                split: split.to_owned(),
                top1: number(top1)?,
                seconds: number(seconds)?,
            })
        });
        Ok(Self(rows.collect::<anyhow::Result<_>>()?))
    }

    /// The last row about these images.
    pub(super) fn last(&self, split: &str) -> Option<&Row> {
        self.0.iter().rev().find(|row| row.split == split)
    }

    /// Epochs that were trained.
    pub(super) fn epochs(&self) -> f64 {
        self.last("train").map_or(0.0, |row| row.epoch)
    }

    /// Minutes of training and of what was measured meanwhile. The clock of a resumed run starts anew, so that each
    /// start counts up to its last row; what a stop threw away is not counted.
    pub(super) fn minutes(&self) -> f64 {
        let (mut sum, mut last) = (0.0, 0.0);
        // A test row is written afterwards, by the export, and has its own clock.
        for row in self.0.iter().filter(|row| row.split != "test") {
            if row.seconds < last {
                sum += last;
            }
            last = row.seconds;
        }
        (sum + last) / 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_start_anew_add_up() {
        let text = "step,epoch,split,loss,top1,top5,lr,images_per_second,seconds\n\
            10,1.0000,train,1,40,90,0.1,100,60\n10,1.0000,validation,1,50,90,0.1,100,120\n\
            20,2.0000,train,1,60,90,0.1,100,90\n20,2.0000,test,1,70.5,90,0.1,100,5\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!((metrics.minutes(), metrics.epochs()), (3.5, 2.0));
        assert_eq!(metrics.last("test").unwrap().top1, 70.5);
        assert_eq!(metrics.last("validation").unwrap().step, 10);
        assert!(Metrics::parse("step,epoch\n").unwrap_err().to_string().contains("split"));
        assert!(Metrics::parse(&text.replace("20,2", "x,2")).is_err());
    }
}
