//! Runs a plan: one image after another, or several at once, on the session's own threads.

mod buffers;
mod image;
mod profile;
mod rows;
mod sinks;

pub(crate) use buffers::Buffers;
pub use profile::StepTimes;
use profile::{Observer, Unwatched};

use crate::kernels::KernelError;
use crate::plan::Plan;
use image::run_image;
use rayon::prelude::*;

/// Threads: a pool of one's own, or the calling thread alone.
pub(crate) type Pool = Option<rayon::ThreadPool>;

/// Runs `logits.len() / classes` images. With at least as many images as threads each thread takes
/// whole images; otherwise the rows of each image are shared out. The bits are the same either way.
pub(crate) fn run_batch(
    plan: &Plan,
    pool: &Pool,
    states: &mut Vec<Buffers>,
    input: &[f32],
    logits: &mut [f32],
) -> Result<(), KernelError> {
    let (image, classes) = (plan.input_shape.len(), plan.classes);
    let count = logits.len() / classes.max(1);
    let threads = pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads);
    let Some(pool) = pool.as_ref().filter(|_| count >= threads && threads > 1) else {
        return run_in_turn(plan, pool, states, input, logits, &mut Unwatched);
    };
    while states.len() < threads {
        states.push(Buffers::new(plan));
    }
    let share = count.div_ceil(threads);
    let parts = input.par_chunks(share * image).zip(logits.par_chunks_mut(share * classes));
    pool.install(|| {
        parts.zip(states.par_iter_mut()).try_for_each(|((input, logits), buffers)| {
            let images = input.chunks_exact(image).zip(logits.chunks_exact_mut(classes));
            images
                .into_iter()
                .try_for_each(|(input, logits)| run_image(plan, None, buffers, input, logits, &mut Unwatched))
        })
    })
}

/// Runs images one after another, the rows of each shared out among the threads.
pub(crate) fn run_in_turn(
    plan: &Plan,
    pool: &Pool,
    states: &mut Vec<Buffers>,
    input: &[f32],
    logits: &mut [f32],
    observer: &mut impl Observer,
) -> Result<(), KernelError> {
    if states.is_empty() {
        states.push(Buffers::new(plan));
    }
    let images = input.chunks_exact(plan.input_shape.len()).zip(logits.chunks_exact_mut(plan.classes));
    for (input, logits) in images {
        run_image(plan, pool.as_ref(), &mut states[0], input, logits, observer)?;
    }
    Ok(())
}
