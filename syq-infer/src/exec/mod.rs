//! Runs a plan: one image after another, or several at once, on the session's own threads.

mod buffers;
mod image;
mod rows;
mod sinks;

pub(crate) use buffers::Buffers;
pub(crate) use image::run_image;

use crate::kernels::KernelError;
use crate::plan::Plan;
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
        if states.is_empty() {
            states.push(Buffers::new(plan));
        }
        for (input, logits) in input.chunks_exact(image).zip(logits.chunks_exact_mut(classes)) {
            run_image(plan, pool.as_ref(), &mut states[0], input, logits)?;
        }
        return Ok(());
    };
    while states.len() < threads {
        states.push(Buffers::new(plan));
    }
    let share = count.div_ceil(threads);
    let parts = input.par_chunks(share * image).zip(logits.par_chunks_mut(share * classes));
    pool.install(|| {
        parts.zip(states.par_iter_mut()).try_for_each(|((input, logits), buffers)| {
            let images = input.chunks_exact(image).zip(logits.chunks_exact_mut(classes));
            images.into_iter().try_for_each(|(input, logits)| run_image(plan, None, buffers, input, logits))
        })
    })
}
