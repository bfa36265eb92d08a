//! The threads of a session: a pool of its own, or the calling thread alone. All of `rayon` that the engine uses is here.

use crate::session::SessionError;

/// A pool, or the calling thread alone.
#[derive(Debug)]
pub(crate) struct Threads {
    #[cfg(feature = "threads")]
    pool: Option<rayon::ThreadPool>,
}

#[cfg(feature = "threads")]
impl Threads {
    /// That many threads; 0 means one for each core, 1 the calling thread.
    pub(crate) fn start(threads: usize) -> Result<Self, SessionError> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        if threads == 1 {
            return Ok(Self { pool: None });
        }
        let name = |index| format!("syq-{index}");
        match rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build() {
            Ok(pool) => Ok(Self { pool: Some(pool) }),
            Err(error) => Err(SessionError::Threads { threads, reason: error.to_string() }),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs `run` inside the pool if it needs `threads`: what it shares need not be handed over one by one then.
    pub(crate) fn install<R: Send>(&self, threads: usize, run: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) if threads > 1 => pool.install(run),
            _ => run(),
        }
    }
}

#[cfg(not(feature = "threads"))]
impl Threads {
    /// The calling thread, if no more is asked for: 0 leaves the number to the library.
    pub(crate) fn start(threads: usize) -> Result<Self, SessionError> {
        match threads {
            0 | 1 => Ok(Self {}),
            threads => {
                Err(SessionError::Threads { threads, reason: "the library was built without threads".to_owned() })
            }
        }
    }

    pub(crate) fn count(&self) -> usize {
        1
    }

    pub(crate) fn install<R>(&self, _: usize, run: impl FnOnce() -> R) -> R {
        run()
    }
}

/// Both, at the same time inside a pool.
#[cfg(feature = "threads")]
pub(super) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(a, b)
}

/// Both, one after the other.
#[cfg(not(feature = "threads"))]
pub(super) fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    (a(), b())
}
