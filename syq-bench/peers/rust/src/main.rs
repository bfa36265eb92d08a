//! `peer ENGINE MODEL.onnx BATCH SIDE THREADS`: one worker of rten or tract.
//!
//! Loads the model, prints one JSON line, then answers each number n on standard input with one JSON
//! line: the times of n runs in milliseconds, and the peak memory of the process in MB (10⁶ bytes).
#![forbid(unsafe_code)]

use std::error::Error;
use std::hint::black_box;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;
/// Runs the model once.
type Run = Box<dyn FnMut() -> Outcome<()>>;

/// Images, channels, rows and columns.
type InputShape = [usize; 4];

fn rten(path: &str, shape: InputShape, threads: usize) -> Outcome<Run> {
    use rten::{ModelOptions, RunOptions, ThreadPool};
    use rten_tensor::NdTensor;
    use rten_tensor::prelude::*;
    let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(path)?;
    let input = NdTensor::<f32, 4>::from_data(shape, values(shape));
    let pool = Arc::new(ThreadPool::with_num_threads(threads));
    Ok(Box::new(move || {
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        black_box(model.run_one(input.view().into(), Some(options))?);
        Ok(())
    }))
}

fn tract(path: &str, shape: InputShape, threads: usize) -> Outcome<Run> {
    use tract_linalg::multithread::{Executor, set_default_executor};
    use tract_onnx::prelude::*;
    if threads > 1 {
        set_default_executor(Executor::multithread(threads));
    }
    let model = tract_onnx::onnx().with_ignore_value_info(true).model_for_path(path)?;
    let model = model.with_input_fact(0, f32::fact(shape).into())?.into_optimized()?.into_runnable()?;
    let input = Tensor::from_shape(&shape, &values(shape))?;
    Ok(Box::new(move || {
        black_box(model.run(tvec!(input.clone().into()))?);
        Ok(())
    }))
}

/// Numbers in [-1, 1).
fn values(shape: InputShape) -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / 2f32.powi(31) - 1.0
    };
    std::iter::repeat_with(next).take(shape.iter().product()).collect()
}

/// A line of `/proc/self/status` in MB; 0 where the system has none.
fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0.0);
    kib * 1024.0 / 1e6
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, model, batch, side, threads] = arguments.as_slice() else {
        return Err("usage: peer ENGINE MODEL.onnx BATCH SIDE THREADS".into());
    };
    let (batch, side, threads) = (batch.parse()?, side.parse()?, threads.parse()?);
    let shape = [batch, 3, side, side];
    let start = Instant::now();
    let mut run = match engine.as_str() {
        "rten" => rten(model, shape, threads)?,
        "tract" => tract(model, shape, threads)?,
        other => return Err(format!("there is no engine {other:?}").into()),
    };
    let load = milliseconds(start);
    run()?;
    println!("{{\"load_ms\":{load:.3},\"first_ms\":{:.3}}}", milliseconds(start));
    for line in std::io::stdin().lock().lines() {
        let mut times = Vec::new();
        for _ in 0..line?.trim().parse()? {
            let start = Instant::now();
            run()?;
            times.push(format!("{:.5}", milliseconds(start)));
        }
        println!("{{\"ms\":[{}],\"peak_mb\":{:.3}}}", times.join(","), status("VmHWM"));
    }
    Ok(())
}
