//! Class folders of made pictures: noise over a colour for each class, PNG, the same on every machine.

use super::config::{CLASSES, Trial};
use crate::bench::say;
use anyhow::Context;
use image::{Rgb, RgbImage};
use std::path::{Path, PathBuf};

/// The file that says that a folder is whole.
const DONE: &str = ".whole";

/// Makes the pictures of a trial in `dir`, where they are not there yet; returns their folder.
pub(super) fn make(dir: &Path, trial: &Trial) -> anyhow::Result<PathBuf> {
    let folder = dir.join("pictures").join(format!("{}x{}", trial.side, trial.images));
    if folder.join(DONE).exists() {
        return Ok(folder);
    }
    say(&format!("making {} pictures in {}", trial.images * CLASSES, folder.display()))?;
    let mut state = 1u64;
    for class in 0..CLASSES {
        let place = folder.join(format!("class-{class}"));
        std::fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
        let colour = [class * 20, 200 - class * 20, class * 53 % 200].map(|value| value as u8);
        for number in 0..trial.images {
            let side = trial.side as u32;
            let picture = RgbImage::from_fn(side, side, |_, _| Rgb(colour.map(|value| value + noise(&mut state))));
            let path = place.join(format!("{number:05}.png"));
            picture.save(&path).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    std::fs::write(folder.join(DONE), "").with_context(|| format!("cannot write in {}", folder.display()))?;
    Ok(folder)
}

/// Below 56, by a linear congruential generator (Knuth's MMIX).
fn noise(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 56) as u8) % 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_pack::zoo::Architecture;

    #[test]
    fn pictures_are_made_once_and_are_the_same() {
        let trial = Trial { network: Architecture::ResNet20, side: 8, padding: 1, batch: 2, steps: 1, images: 2 };
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let folders = dirs.each_ref().map(|dir| make(dir.path(), &trial).unwrap());
        let bytes = |folder: &Path| std::fs::read(folder.join("class-9/00001.png")).unwrap();
        assert_eq!(bytes(&folders[0]), bytes(&folders[1]));
        std::fs::write(folders[0].join("class-9/00001.png"), "kept").unwrap();
        make(dirs[0].path(), &trial).unwrap();
        assert_eq!(bytes(&folders[0]), b"kept");
    }
}
