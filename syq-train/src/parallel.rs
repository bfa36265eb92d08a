//! The trainer's threads: a rayon pool of its own, and no pool at all for one thread.

use rayon::prelude::*;
use thiserror::Error;

/// Threads that work on chunks of slices.
#[derive(Debug)]
pub struct Workers {
    pool: Option<rayon::ThreadPool>,
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
            return Ok(Self { pool: None });
        }
        let name = |index| format!("syq-train-{index}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
        Ok(Self { pool: Some(pool.map_err(|source| WorkersError { threads, source })?) })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Calls `work(index, chunk)` for every chunk of `len` elements, the last as short as it must be.
    pub fn chunks<T: Send>(&self, data: &mut [T], len: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        let len = len.max(1);
        match &self.pool {
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
