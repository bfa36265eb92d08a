//! The batches of one pass over (a part of) a data set, prepared ahead by a thread of their own.
//!
//! What batch b holds is a function of (seed, epoch, b) alone, see [`Pass::fill`]: neither timing nor a
//! resume in the middle of an epoch changes it.

use super::{Augmentation, Augmenter, DataError, Dataset, Normalization};
use crate::rng::{Purpose, Random};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::JoinHandle;

/// In which order, and how changed, the images come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Training: a permutation for each epoch, augmented images, the last short batch left out.
    Shuffled {
        /// The run's seed.
        seed: u64,
        /// The epoch, from 0.
        epoch: u64,
        /// Height and width to which the images are brought.
        size: [usize; 2],
        /// Random changes.
        augmentation: Augmentation,
    },
    /// Evaluation: as stored, unchanged, the last batch as short as it must be.
    Sequential,
}

/// One pass over some images of a data set.
#[derive(Clone, Debug)]
pub struct Pass {
    data: Arc<Dataset>,
    normalization: Arc<Normalization>,
    /// Images in the order in which they come.
    sequence: Vec<u32>,
    preparation: Preparation,
    /// Height and width of what comes out.
    size: [usize; 2],
    batch: usize,
    batches: usize,
}

/// What happens to each image.
#[derive(Clone, Debug)]
enum Preparation {
    Augment { seed: u64, epoch: u64, augmenter: Box<Augmenter> },
    Normalize,
}

impl Pass {
    /// A pass over the images `indices` of `data` (a part of a [`super::Split`], or all of them), in
    /// batches of `batch`.
    ///
    /// # Errors
    /// A batch of 0, an index that `data` does not have, or not one whole batch to train on.
    pub fn new(
        data: &Arc<Dataset>,
        indices: &[u32],
        normalization: &Arc<Normalization>,
        order: Order,
        batch: usize,
    ) -> Result<Self, DataError> {
        if batch == 0 {
            return Err(DataError::EmptyBatch);
        }
        let size = match order {
            Order::Shuffled { size, .. } => size,
            Order::Sequential => data.size(),
        };
        super::bytes(batch, size)?;
        if let Some(&index) = indices.iter().find(|&&index| index as usize >= data.len()) {
            let (found, expected) = (data.len(), (index as usize).saturating_add(1));
            return Err(DataError::Buffer { what: "the data set", found, expected });
        }
        let mut sequence = indices.to_vec();
        let (batches, preparation) = match order {
            Order::Shuffled { seed, epoch, augmentation, .. } => {
                Random::new(seed, Purpose::Shuffle, epoch, 0).shuffle(&mut sequence);
                if sequence.len() < batch {
                    let (found, expected) = (sequence.len(), batch);
                    return Err(DataError::Buffer { what: "the training part", found, expected });
                }
                let augmenter = Box::new(Augmenter::new(augmentation, Arc::clone(normalization), size));
                (sequence.len() / batch, Preparation::Augment { seed, epoch, augmenter })
            }
            Order::Sequential => (sequence.len().div_ceil(batch), Preparation::Normalize),
        };
        let normalization = Arc::clone(normalization);
        Ok(Self { data: Arc::clone(data), normalization, sequence, preparation, size, batch, batches })
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Writes batch `number` into `target`, whose buffers are reused.
    ///
    /// # Errors
    /// No batch of that number.
    pub fn fill(&mut self, number: usize, target: &mut Batch) -> Result<(), DataError> {
        let chosen =
            self.sequence.chunks(self.batch).nth(number).filter(|_| number < self.batches).ok_or(
                DataError::Buffer { what: "the pass", found: self.batches, expected: number.saturating_add(1) },
            )?;
        let size = self.size;
        let length = super::bytes(1, size)?;
        target.images.resize(super::bytes(chosen.len(), size)?, 0.0);
        target.labels.clear();
        // A chunk of zero elements does not exist; images without pixels have none to fill.
        let mut outputs = target.images.chunks_exact_mut(length.max(1));
        for &index in chosen {
            let image = self.data.image(index as usize).unwrap_or(&[]);
            let own = self.data.image_size(index as usize).unwrap_or(size);
            let output = outputs.next().unwrap_or_default();
            match &mut self.preparation {
                Preparation::Augment { seed, epoch, augmenter } => {
                    let mut random = Random::new(*seed, Purpose::Augmentation, *epoch, index.into());
                    augmenter.apply(image, own, &mut random, output)?;
                }
                Preparation::Normalize => self.normalization.apply(image, output)?,
            }
            target.labels.push(self.data.labels().get(index as usize).copied().unwrap_or(0));
        }
        Ok(())
    }
}

/// Normalised images and their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[image][row][column][RGB]`.
    pub images: Vec<f32>,
    /// The class of every image.
    pub labels: Vec<u32>,
}

/// Iterates over the batches of a [`Pass`]; while one is used, a thread prepares the next ones.
#[derive(Debug)]
pub struct Loader {
    ready: Option<Receiver<Result<Batch, DataError>>>,
    spare: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
    remaining: usize,
}

impl Loader {
    /// Starts at batch `first` (0, or where a resumed epoch goes on).
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(mut pass: Pass, first: usize) -> Result<Self, DataError> {
        let (send, ready) = sync_channel(1);
        let (spare, used) = channel::<Batch>();
        let remaining = pass.batches.saturating_sub(first);
        let work = move || {
            for number in first..pass.batches {
                let mut batch = used.try_recv().unwrap_or_default();
                let filled = pass.fill(number, &mut batch).map(|()| batch);
                if send.send(filled).is_err() {
                    return; // The loader was dropped.
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("syq-loader".to_owned())
            .spawn(work)
            .map_err(|error| DataError::Thread { reason: error.to_string() })?;
        Ok(Self { ready: Some(ready), spare: Some(spare), thread: Some(thread), remaining })
    }

    /// Gives a used batch back, so that its memory serves again. Optional.
    pub fn recycle(&self, batch: Batch) {
        if let Some(spare) = &self.spare {
            // The thread may have ended: then the memory is freed, which is as good.
            drop(spare.send(batch));
        }
    }
}

impl Iterator for Loader {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        match self.ready.as_ref()?.recv() {
            Ok(batch) => Some(batch),
            Err(_) => {
                self.remaining = 0;
                Some(Err(DataError::Thread { reason: "the loader's thread ended early".to_owned() }))
            }
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Closing the channel first is what lets a thread that waits in `send` end.
        self.ready = None;
        self.spare = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Flip;
    use crate::data::tests::random;
    use std::time::Duration;

    const AUGMENTATION: Augmentation = Augmentation { padding: 2, flip: Flip::Horizontal, ..Augmentation::NONE };

    fn pass(order: Order, batch: usize) -> Pass {
        let data = Arc::new(random(23, [4, 4], 5));
        let normalization = Arc::new(data.normalization().unwrap());
        Pass::new(&data, &(0..23).collect::<Vec<_>>(), &normalization, order, batch).unwrap()
    }

    fn shuffled(epoch: u64) -> Order {
        Order::Shuffled { seed: 1, epoch, size: [4, 4], augmentation: AUGMENTATION }
    }

    fn all(pass: &Pass, first: usize, pause: Duration) -> Vec<Batch> {
        let mut loader = Loader::new(pass.clone(), first).unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = loader.next() {
            let batch = batch.unwrap();
            batches.push(batch.clone());
            std::thread::sleep(pause);
            loader.recycle(batch);
        }
        batches
    }

    #[test]
    fn evaluation_keeps_order_and_the_short_batch() {
        let pass = pass(Order::Sequential, 5);
        let batches = all(&pass, 0, Duration::ZERO);
        assert_eq!(batches.iter().map(|batch| batch.labels.len()).collect::<Vec<_>>(), [5, 5, 5, 5, 3]);
        assert_eq!(batches.iter().flat_map(|batch| batch.labels.clone()).collect::<Vec<_>>(), pass.data.labels());
        let mut images = vec![0.0; 23 * 48];
        pass.normalization.apply(pass.data.pixels(), &mut images).unwrap();
        assert_eq!(batches.iter().flat_map(|batch| batch.images.clone()).collect::<Vec<_>>(), images);
    }

    #[test]
    fn training_uses_images_once_and_ignores_timing_and_resumption() {
        let epoch = pass(shuffled(3), 5);
        assert_eq!(epoch.batches(), 4);
        let slow = all(&epoch, 0, Duration::from_millis(3));
        assert_eq!(slow, all(&epoch, 0, Duration::ZERO));
        assert_eq!(slow[2..], all(&epoch, 2, Duration::ZERO));
        let mut used = epoch.sequence[..20].to_vec();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 20);
        assert_ne!(slow, all(&pass(shuffled(4), 5), 0, Duration::ZERO));
    }

    #[test]
    fn training_images_have_the_size_that_the_pass_says() {
        let Order::Shuffled { seed, epoch, augmentation, .. } = shuffled(0) else { unreachable!() };
        let mut pass = pass(Order::Shuffled { seed, epoch, size: [6, 3], augmentation }, 5);
        let mut batch = Batch::default();
        pass.fill(0, &mut batch).unwrap();
        assert_eq!(batch.images.len(), 5 * 6 * 3 * 3);
    }

    #[test]
    fn an_abandoned_loader_ends() {
        let mut loader = Loader::new(pass(shuffled(0), 2), 0).unwrap();
        loader.next().unwrap().unwrap();
        drop(loader);
    }

    #[test]
    fn bad_passes_are_refused() {
        let data = Arc::new(random(4, [2, 2], 2));
        let normalization = Arc::new(data.normalization().unwrap());
        let new = |indices: &[u32], order, batch| Pass::new(&data, indices, &normalization, order, batch);
        assert!(matches!(new(&[0], Order::Sequential, 0), Err(DataError::EmptyBatch)));
        assert!(matches!(new(&[0, 4], Order::Sequential, 1), Err(DataError::Buffer { found: 4, expected: 5, .. })));
        assert!(new(&[0, 1, 2], shuffled(0), 4).is_err());
        let mut pass = new(&[0, 1, 2], shuffled(0), 2).unwrap();
        assert!(pass.fill(1, &mut Batch::default()).is_err());
        assert_eq!(new(&[], Order::Sequential, 2).unwrap().batches(), 0);
    }
}
