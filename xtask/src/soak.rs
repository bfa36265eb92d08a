//! `cargo xtask soak`: a million classifications on several threads that share one model. Memory has to stay where it
//! is, and each answer has to be the first one's to the last bit.

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use syq_bench::memory::resident_mb;
use syq_infer::rgb::RgbImage;
use syq_infer::{Engine, builtin};
use syq_pack::random::SplitMix64;

/// Flags of `cargo xtask soak`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Classifications in all.
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
    /// Threads that classify, each with sessions of its own, one after another.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u64).range(1..=1000))]
    threads: u64,
    /// Model file with a preprocessing recipe; without it the network that is built into the library.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Pictures that are classified in turn.
const PICTURES: usize = 16;

/// Classifications after which a thread drops its session for a new one.
const CALLS_A_SESSION: u64 = 1000;

/// What a soak found.
#[derive(Debug, PartialEq, Serialize)]
struct Report {
    calls: u64,
    threads: u64,
    sessions: u64,
    seconds: f64,
    /// Resident memory in 10⁶ bytes after a hundredth of the calls, and at the end; null where the system does not tell.
    memory_start_mb: Option<f64>,
    memory_end_mb: Option<f64>,
    /// Answers with another bit than the first of the same picture.
    mismatches: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let bytes = match &options.model {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => builtin().to_vec(),
    };
    let bar = ProgressBar::new(options.calls);
    bar.set_style(ProgressStyle::with_template("{bar:40} {human_pos} of {human_len}, {eta} left")?);
    let report = soak(&Engine::from_bytes(&bytes, None)?, options.calls, options.threads, &bar)?;
    bar.finish_and_clear();
    let mut out = stdout().lock();
    if options.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        let memory = |mb: Option<f64>| mb.map_or_else(|| "not known".to_owned(), |mb| format!("{mb:.1} MB"));
        writeln!(out, "classifications  {} on {} threads, {} sessions", report.calls, report.threads, report.sessions)?;
        writeln!(out, "time             {:.0} s", report.seconds)?;
        let (start, end) = (memory(report.memory_start_mb), memory(report.memory_end_mb));
        writeln!(out, "memory           {start} after a hundredth, {end} at the end")?;
        writeln!(out, "mismatches       {}", report.mismatches)?;
    }
    match report.mismatches {
        0 => Ok(()),
        wrong => bail!("{wrong} answers differ"),
    }
}

fn soak(engine: &Engine, calls: u64, threads: u64, bar: &ProgressBar) -> anyhow::Result<Report> {
    let pictures = (0..PICTURES as u64).map(picture).collect::<Result<Vec<_>, _>>()?;
    let mut session = engine.session(1)?;
    let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    let expected =
        pictures.iter().map(|picture| session.run_picture(picture.view()).map(bits)).collect::<Result<Vec<_>, _>>()?;
    drop(session);
    let [next, mismatches, sessions] = [const { AtomicU64::new(0) }; 3];
    let early = calls / 100;
    let memory_start = std::sync::Mutex::new(None);
    let start = Instant::now();
    let work = || -> anyhow::Result<()> {
        loop {
            let mut session = engine.session(1)?;
            sessions.fetch_add(1, Ordering::Relaxed);
            for _ in 0..CALLS_A_SESSION {
                let call = next.fetch_add(1, Ordering::Relaxed);
                if call >= calls {
                    return Ok(());
                }
                let index = call as usize % PICTURES;
                let logits = bits(session.run_picture(pictures[index].view())?);
                mismatches.fetch_add(u64::from(logits != expected[index]), Ordering::Relaxed);
                if call == early
                    && let Ok(mut memory) = memory_start.lock()
                {
                    *memory = resident_mb();
                }
                bar.inc(1);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    Ok(Report {
        calls,
        threads,
        sessions: sessions.into_inner(),
        seconds: start.elapsed().as_secs_f64(),
        memory_start_mb: memory_start.into_inner().ok().flatten(),
        memory_end_mb: resident_mb(),
        mismatches: mismatches.into_inner(),
    })
}

/// A seeded picture; each has another size.
fn picture(seed: u64) -> anyhow::Result<RgbImage> {
    let mut random = SplitMix64::new(seed);
    let [height, width] = [32 + 5 * seed as usize, 32 + 3 * seed as usize];
    let pixels = (0..height * width * 3).map(|_| (random.next_u64() >> 56) as u8).collect();
    Ok(RgbImage::new(height, width, pixels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_soak_counts_every_call_and_finds_no_mismatch() {
        let engine = Engine::from_bytes(builtin(), None).unwrap();
        let report = soak(&engine, 2500, 3, &ProgressBar::hidden()).unwrap();
        assert_eq!((report.calls, report.threads, report.mismatches), (2500, 3, 0));
        // Each thread starts one session, and one of them at least a second.
        assert!((3..=6).contains(&report.sessions), "{report:?}");
        // Memory is measured in `tests/soak.rs`, in a process of its own: the tests of this one share theirs.
    }
}
