//! The result of `syq bench` for a person.

use super::Report;
use crate::cli::Failure;
use crate::cli::output::one_line;
use crate::cli::profile::ProfileFormat;
use std::io::Write;

pub(super) fn print(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    let [height, width, channels] = report.input;
    let description = &report.description;
    let plural = if report.threads == 1 { "" } else { "s" };
    writeln!(out, "network   {} {height}×{width}×{channels}, {}", one_line(&description.net), description.scheme())?;
    if description.granularity.is_some() {
        writeln!(out, "          first and last layer {}", description.first_last)?;
    }
    writeln!(out, "model     {}, {:.3} MB", report.file, report.file_mb)?;
    writeln!(out, "engine    {}, {} thread{plural}, batch {}", report.isa, report.threads, report.batch)?;
    writeln!(out, "load      {:.2} ms", report.load_ms)?;
    writeln!(
        out,
        "median    {:.3} ms, {:.1} GMAC/s, {:.1} images/s",
        report.median_ms, report.gmacs, report.images_per_second
    )?;
    writeln!(out, "fastest   {:.3} ms of {} runs", report.min_ms, report.runs)?;
    match report.peak_mb {
        Some(peak) => writeln!(out, "memory    {peak:.1} MB at most")?,
        None => writeln!(out, "memory    unknown on this system")?,
    }
    if let Some(profile) = &report.profile {
        writeln!(out)?;
        profile.print(out, ProfileFormat::Table)?;
    }
    Ok(())
}
