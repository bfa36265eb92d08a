//! The process that reads one file, as a program would that was given it by a stranger.

use super::case::Reader;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use syq_bench::memory::peak_mb;
use syq_infer::inputs::Input;
use syq_infer::picture;
use syq_infer::rgb::RgbView;
use syq_infer::{Engine, SessionError};
use syq_pack::Model;

/// What a worker says on standard output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The variants of the error from the outermost one, such as `Format/Offsets`; none of a valid file.
    pub(super) error: Option<String>,
    /// The error's message, or what a valid file is.
    pub(super) message: String,
    /// Milliseconds from the path to the answer.
    pub(super) ms: f64,
    /// The process's largest resident size in 10⁶ bytes, where the system tells.
    pub(super) peak_mb: Option<f64>,
}

/// More than this a program that knows its limits would not run: 10⁸ multiply-accumulates, 16 MB.
const RUN_MACS: u64 = 100_000_000;
const RUN_BYTES: usize = 16_000_000;

/// Reads one file and says what came of it.
pub(super) fn answer(reader: Reader, path: &Path) -> Answer {
    let start = Instant::now();
    let mut slowest = None;
    let outcome = match reader {
        Reader::Model | Reader::ServiceModel => model(reader, path),
        Reader::Swap => swap(path, &mut slowest),
        Reader::Picture | Reader::ServicePicture => picture(reader, path),
    };
    let ms = slowest.unwrap_or_else(|| start.elapsed()).as_secs_f64() * 1e3;
    let (error, message) = match outcome {
        Ok(message) => (None, message),
        Err((variants, message)) => (Some(variants), message),
    };
    // A message may quote a name of megabytes.
    let message = message.chars().take(300).collect();
    Answer { error, message, ms, peak_mb: peak_mb() }
}

/// What a valid file is, or the variants and the message of an error.
type Outcome = Result<String, (String, String)>;

fn fail<E: Debug + ToString>(error: E) -> (String, String) {
    (variants(&format!("{error:?}")), error.to_string())
}

fn model(reader: Reader, path: &Path) -> Outcome {
    let model = Model::read_within(path, &reader.model_limits()).map_err(|error| fail(error.kind))?;
    let engine = Engine::new(&model, None).map_err(fail)?;
    let mut session = engine.session(1).map_err(fail)?;
    let macs = model.network.resolve().map_err(fail)?.macs();
    let bytes = session.memory_bytes(1).saturating_add(4 * model.network.input.len());
    if macs > RUN_MACS || bytes > RUN_BYTES {
        return Ok(format!("loads, not run: {macs} multiply-accumulates, {bytes} bytes"));
    }
    let pixels: Vec<u8> = (0..5 * 7 * 3).map(|index| (index * 37) as u8).collect();
    let picture = RgbView::new(5, 7, &pixels).map_err(fail)?;
    match session.classify(picture, 3) {
        Ok(candidates) => Ok(format!("loads, {} candidates", candidates.len())),
        Err(SessionError::NoRecipe) => {
            let logits = session.run(&vec![0.5; model.network.input.len()]).map_err(fail)?;
            Ok(format!("loads, {} logits", logits.len()))
        }
        Err(error) => Err(fail(error)),
    }
}

fn picture(reader: Reader, path: &Path) -> Outcome {
    let limits = reader.picture_limits();
    let bytes = Input::File(path.to_owned()).read(&limits).map_err(|error| fail(error.reason))?;
    let picture = picture::decode(&bytes, &limits).map_err(fail)?;
    Ok(format!("a picture of {}×{}", picture.height(), picture.width()))
}

/// Reads a file for half a second while a thread rewrites, cuts, lengthens and replaces it. Whatever is read has to be
/// one of the two models that were ever whole. Gives the time of the slowest read too.
fn swap(path: &Path, slowest: &mut Option<Duration>) -> Outcome {
    let io = |error: std::io::Error| fail(error);
    let old = std::fs::read(path).map_err(io)?;
    let whole = Model::from_bytes(&old).map_err(fail)?;
    let mut other = whole.clone();
    other.labels = vec!["another label".to_owned(); other.labels.len()];
    let new = other.to_bytes().map_err(fail)?;
    let done = AtomicBool::new(false);
    let spoil = || -> std::io::Result<()> {
        let beside = path.with_extension("new");
        let set_len = |len: usize| std::fs::OpenOptions::new().write(true).open(path)?.set_len(len as u64);
        while !done.load(Ordering::Relaxed) {
            for bytes in [&new, &old] {
                std::fs::write(path, bytes)?;
                set_len(bytes.len() / 2)?;
                set_len(2 * bytes.len())?;
                std::fs::write(&beside, bytes)?;
                std::fs::rename(&beside, path)?;
                std::thread::yield_now();
            }
        }
        Ok(())
    };
    let [mut models, mut errors] = [0, 0];
    std::thread::scope(|scope| {
        let spoiler = scope.spawn(spoil);
        let start = Instant::now();
        let mut wrong = None;
        while start.elapsed() < Duration::from_millis(500) && wrong.is_none() {
            let before = Instant::now();
            let read = Model::read(path);
            *slowest = (*slowest).max(Some(before.elapsed()));
            match read {
                Ok(model) if model == whole || model == other => models += 1,
                Ok(_) => wrong = Some(("Mixture".to_owned(), "a model that never was".to_owned())),
                Err(_) => errors += 1,
            }
        }
        done.store(true, Ordering::Relaxed);
        match spoiler.join() {
            Ok(spoiled) => spoiled.map_err(io)?,
            Err(_) => return Err(("Panic".to_owned(), "the thread that changes the file".to_owned())),
        }
        wrong.map_or(Ok(()), Err)
    })?;
    Ok(format!("read whole {models} times, refused {errors} times"))
}

/// The variants' names in an error's debug form, from the outermost one.
fn variants(debug: &str) -> String {
    let mut names = Vec::new();
    let mut rest = debug;
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.starts_with(char::is_uppercase) {
            break;
        }
        names.push(name);
        let inside = after.strip_prefix('(').or_else(|| {
            let fields = after.strip_prefix(" { ")?;
            ["kind: ", "error: "].iter().find_map(|field| fields.split_once(field)).map(|(_, inside)| inside)
        });
        let Some(inside) = inside else { break };
        rest = inside;
    }
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_pack::{FormatError, PackError};

    #[test]
    fn an_errors_variants_are_found_in_its_debug_form() {
        let codes = FormatError::Codes { name: "c".to_owned(), error: PackError::Reserved { index: 1 } };
        assert_eq!(variants(&format!("{codes:?}")), "Codes/Reserved");
        assert_eq!(variants(&format!("{:?}", FormatError::NoMetadata)), "NoMetadata");
        assert_eq!(
            variants("Format(Model(Layer { layer: \"a\", kind: Core(Empty) }))"),
            "Format/Model/Layer/Core/Empty"
        );
    }
}
