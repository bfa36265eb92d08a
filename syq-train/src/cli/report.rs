//! `syq-train report`.

use super::progress::say;
use anyhow::Context;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use syq_train::report::{RunReport, Summary, page, table};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The runs' folders: one gives a page of everything, several a comparison.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The HTML page to write; without it there is only the summary.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Json<'a> {
    format: &'static str,
    runs: &'a [Summary],
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runs = arguments.runs.iter().map(|folder| RunReport::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let summaries: Vec<Summary> = runs.iter().map(Summary::new).collect();
    for (run, note) in runs.iter().flat_map(|run| run.notes.iter().map(move |note| (run, note))) {
        say(&format!("{}: {note}", run.folder.display()));
    }
    if let Some(path) = &arguments.out {
        std::fs::write(path, page(&runs)).with_context(|| path.display().to_string())?;
        say(&path.display().to_string());
    }
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let json = Json { format: "syq.train-report/1", runs: &summaries };
        writeln!(stdout, "{}", serde_json::to_string_pretty(&json)?)?;
    } else {
        write!(stdout, "{}", table(&summaries))?;
    }
    Ok(())
}
