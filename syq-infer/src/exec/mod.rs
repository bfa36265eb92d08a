//! Runs a plan: one image after another, or several at once, on the session's own threads.

mod aligned;
mod buffers;
mod few;
mod image;
mod pooled;
mod profile;
mod sinks;
mod task;

pub(crate) use buffers::Buffers;
pub use profile::StepTimes;
use profile::{Observer, Unwatched};

use crate::kernels::KernelError;
use crate::plan::Plan;
use image::run_image;

/// Threads: a pool of one's own, or the calling thread alone.
pub(crate) type Pool = Option<rayon::ThreadPool>;

/// Runs `logits.len() / classes` images. With at least as many images as threads each thread takes
/// whole images; otherwise the pixels of each image are shared out. The bits are the same either way.
/// Once `states` has grown to what this needs, one thread allocates nothing, and several only what
/// rayon needs to be called from outside.
pub(crate) fn run_batch(
    plan: &Plan,
    pool: &Pool,
    states: &mut Vec<Buffers>,
    input: &[f32],
    logits: &mut [f32],
) -> Result<(), KernelError> {
    let count = logits.len() / plan.classes.max(1);
    let threads = pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads);
    // Small networks are run by the caller alone, unless there is an image for every thread.
    let threads = if count >= threads || plan.is_worth_sharing() { threads } else { 1 };
    let tasks = if count >= threads { threads } else { 1 };
    while states.len() < tasks {
        states.push(Buffers::new(plan));
    }
    let images = Images { plan, threads: if tasks > 1 { 1 } else { threads }, input, logits };
    let states = &mut states[..tasks];
    // Inside the pool from here on: steps that are shared need not be handed over one by one.
    match pool {
        Some(pool) if threads > 1 => pool.install(|| images.share(states)),
        _ => images.share(states),
    }
}

/// Consecutive images, each on `threads` threads.
struct Images<'a> {
    plan: &'a Plan,
    threads: usize,
    input: &'a [f32],
    logits: &'a mut [f32],
}

impl Images<'_> {
    /// Halves the images until there is a part for each state.
    fn share(self, states: &mut [Buffers]) -> Result<(), KernelError> {
        let Self { plan, threads, input, logits } = self;
        let (image, classes) = (plan.input_shape.len(), plan.classes);
        if let [buffers] = states {
            let mut images = input.chunks_exact(image).zip(logits.chunks_exact_mut(classes));
            return images
                .try_for_each(|(input, logits)| run_image(plan, threads, buffers, input, logits, &mut Unwatched));
        }
        let count = input.len() / image;
        let (left_states, right_states) = states.split_at_mut(states.len() / 2);
        let left = count * left_states.len() / (left_states.len() + right_states.len());
        let (left_input, right_input) = input.split_at(left * image);
        let (left_logits, right_logits) = logits.split_at_mut(left * classes);
        let (left, right) = rayon::join(
            || Images { plan, threads, input: left_input, logits: left_logits }.share(left_states),
            || Images { plan, threads, input: right_input, logits: right_logits }.share(right_states),
        );
        left.and(right)
    }
}

/// Runs images one after another, watched, each on the threads that it would have alone.
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
    let threads = match pool {
        Some(pool) if plan.is_worth_sharing() => pool.current_num_threads(),
        _ => 1,
    };
    let buffers = &mut states[0];
    let mut run = || {
        let mut images = input.chunks_exact(plan.input_shape.len()).zip(logits.chunks_exact_mut(plan.classes));
        images.try_for_each(|(input, logits)| run_image(plan, threads, buffers, input, logits, observer))
    };
    match pool {
        Some(pool) if threads > 1 => pool.install(run),
        _ => run(),
    }
}
