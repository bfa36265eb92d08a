//! Runs a plan: one image after another, or several at once, on the session's own threads.

mod buffers;
mod few;
mod filters;
mod image;
mod operand;
mod pooled;
mod profile;
mod sinks;
mod task;
mod threads;

pub(crate) use buffers::Buffers;
pub use profile::StepTimes;
pub(crate) use threads::Threads;

use crate::kernels::KernelError;
use crate::plan::Plan;
use crate::session::Watch;
use image::run_image;
use profile::{Observer, Unwatched};
use threads::join;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum RunError {
    /// A kernel refused.
    Kernel(KernelError),
    /// The caller wanted no more.
    Cancelled,
}

/// Runs `logits.len() / classes` images. With at least as many images as threads each thread takes
/// whole images; otherwise the pixels of each image are shared out. The bits are the same either way.
/// Once `states` has grown to what this needs, one thread allocates nothing, and several only what
/// rayon needs to be called from outside.
pub(crate) fn run_batch(
    plan: &Plan,
    pool: &Threads,
    states: &mut Vec<Buffers>,
    input: &[f32],
    logits: &mut [f32],
    watch: &Watch<'_>,
) -> Result<(), RunError> {
    let count = logits.len() / plan.classes.max(1);
    let threads = pool.count();
    // Small networks are run by the caller alone, unless there is an image for every thread.
    let threads = if count >= threads || plan.is_worth_sharing() { threads } else { 1 };
    let tasks = if count >= threads { threads } else { 1 };
    while states.len() < tasks {
        states.push(Buffers::new(plan, pool.count()));
    }
    let images = Images { plan, threads: if tasks > 1 { 1 } else { threads }, input, logits, watch };
    let states = &mut states[..tasks];
    pool.install(threads, || images.share(states))
}

/// Consecutive images, each on `threads` threads.
struct Images<'a> {
    plan: &'a Plan,
    threads: usize,
    input: &'a [f32],
    logits: &'a mut [f32],
    watch: &'a Watch<'a>,
}

impl Images<'_> {
    /// Halves the images until there is a part for each state.
    fn share(self, states: &mut [Buffers]) -> Result<(), RunError> {
        let Self { plan, threads, input, logits, watch } = self;
        let (image, classes) = (plan.input_shape.len(), plan.classes);
        if let [buffers] = states {
            let mut images = input.chunks_exact(image).zip(logits.chunks_exact_mut(classes));
            return images.try_for_each(|(input, logits)| {
                if watch.is_cancelled() {
                    return Err(RunError::Cancelled);
                }
                run_image(plan, threads, buffers, input, logits, &mut Unwatched).map_err(RunError::Kernel)?;
                watch.advance();
                Ok(())
            });
        }
        let count = input.len() / image;
        let (left_states, right_states) = states.split_at_mut(states.len() / 2);
        let left = count * left_states.len() / (left_states.len() + right_states.len());
        let (left_input, right_input) = input.split_at(left * image);
        let (left_logits, right_logits) = logits.split_at_mut(left * classes);
        let (left, right) = join(
            || Images { plan, threads, input: left_input, logits: left_logits, watch }.share(left_states),
            || Images { plan, threads, input: right_input, logits: right_logits, watch }.share(right_states),
        );
        left.and(right)
    }
}

/// Runs images one after another, watched, each on the threads that it would have alone.
pub(crate) fn run_in_turn(
    plan: &Plan,
    pool: &Threads,
    states: &mut Vec<Buffers>,
    input: &[f32],
    logits: &mut [f32],
    observer: &mut impl Observer,
) -> Result<(), KernelError> {
    if states.is_empty() {
        states.push(Buffers::new(plan, pool.count()));
    }
    let threads = if plan.is_worth_sharing() { pool.count() } else { 1 };
    let buffers = &mut states[0];
    pool.install(threads, || {
        let mut images = input.chunks_exact(plan.input_shape.len()).zip(logits.chunks_exact_mut(plan.classes));
        images.try_for_each(|(input, logits)| run_image(plan, threads, buffers, input, logits, observer))
    })
}
