//! The trainer's threads: a rayon pool of its own, and no pool at all for one thread.

use rayon::prelude::*;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use syq_pack::Aligned;
use thiserror::Error;

/// Threads that work on chunks of slices, and the buffers that they use again and again.
#[derive(Debug)]
pub struct Workers {
    pool: Option<rayon::ThreadPool>,
    scratch: Mutex<Vec<Aligned<f32>>>,
}

/// A buffer that goes back to its [`Workers`] when it is dropped.
#[derive(Debug)]
pub struct Scratch<'a> {
    values: Aligned<f32>,
    home: &'a Mutex<Vec<Aligned<f32>>>,
}

impl Scratch<'_> {
    /// Makes it `len` zeros.
    pub fn reset(&mut self, len: usize) {
        self.values.resize(len);
        self.values.fill(0.0);
    }
}

impl Deref for Scratch<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Scratch<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

/// The threads could not be started.
#[derive(Debug, Error)]
#[error("cannot start {threads} threads")]
pub struct WorkersError {
    /// Threads asked for.
    pub threads: usize,
    /// The system's reason.
    #[source]
    pub source: rayon::ThreadPoolBuildError,
}

impl Workers {
    /// `threads` threads; 0 and 1 mean the calling thread alone.
    ///
    /// # Errors
    /// The system refuses to start them.
    pub fn new(threads: usize) -> Result<Self, WorkersError> {
        if threads <= 1 {
            return Ok(Self { pool: None, scratch: Mutex::default() });
        }
        let name = |index| format!("syq-train-{index}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
        let pool = pool.map_err(|source| WorkersError { threads, source })?;
        Ok(Self { pool: Some(pool), scratch: Mutex::default() })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// A buffer of `len` zeros, an earlier one if one is free.
    pub fn scratch(&self, len: usize) -> Scratch<'_> {
        let mut scratch = self.free(len);
        scratch.reset(len);
        scratch
    }

    /// A buffer of `len` values that earlier users left, for one who overwrites them.
    pub fn room(&self, len: usize) -> Scratch<'_> {
        let mut scratch = self.free(len);
        scratch.values.resize(len);
        scratch
    }

    /// The smallest free buffer that is large enough, else the largest, which then grows.
    fn free(&self, len: usize) -> Scratch<'_> {
        let mut free = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = (0..free.len()).filter(|i| free[*i].capacity() >= len).min_by_key(|i| free[*i].capacity());
        let best = fits.or_else(|| (0..free.len()).max_by_key(|i| free[*i].capacity()));
        let values = best.map(|index| free.swap_remove(index)).unwrap_or_default();
        Scratch { values, home: &self.scratch }
    }

    /// Calls `work` on one of the threads. What it gives to all of them need not wake it then.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            None => work(),
            Some(pool) => pool.install(work),
        }
    }

    /// Calls `work(index, chunk)` for every chunk of `len` elements, the last as short as it must be.
    pub fn chunks<T: Send>(&self, data: &mut [T], len: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        let len = len.max(1);
        match &self.pool {
            // A single chunk is not worth waking anybody.
            _ if data.len() <= len => data.chunks_mut(len).for_each(|chunk| work(0, chunk)),
            None => data.chunks_mut(len).enumerate().for_each(|(index, chunk)| work(index, chunk)),
            Some(pool) => pool.install(|| {
                data.par_chunks_mut(len).enumerate().for_each(|(index, chunk)| work(index, chunk));
            }),
        }
    }

    /// Calls `work(index, a, b)` for every pair of chunks of `lens[0]` and `lens[1]` elements.
    pub fn chunk_pairs<A: Send, B: Send>(
        &self,
        (a, b): (&mut [A], &mut [B]),
        lens: [usize; 2],
        work: impl Fn(usize, &mut [A], &mut [B]) + Sync,
    ) {
        let lens = lens.map(|len| len.max(1));
        match &self.pool {
            None => {
                let pairs = a.chunks_mut(lens[0]).zip(b.chunks_mut(lens[1]));
                pairs.enumerate().for_each(|(index, (a, b))| work(index, a, b));
            }
            Some(pool) => pool.install(|| {
                let pairs = a.par_chunks_mut(lens[0]).zip(b.par_chunks_mut(lens[1]));
                pairs.enumerate().for_each(|(index, (a, b))| work(index, a, b));
            }),
        }
    }
}
