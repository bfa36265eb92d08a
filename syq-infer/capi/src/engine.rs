//! Compiled models: made from the built-in network, from bytes or from a file, and asked about.

use crate::guard;
use crate::limits::SyqLimits;
use crate::pointers::{self, required};
use crate::status::{Failure, SyqStatus};
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;
use syq_infer::{Engine, Isa, builtin};
use syq_pack::{Model, ModelLimits};

/// A compiled model. It never changes, and any number of threads may use it at the same time.
#[derive(Debug)]
pub struct SyqEngine {
    pub(crate) engine: Engine,
    labels: Vec<CString>,
}

/// The shape of an image's tensor, which lies in memory as `[row][column][channel]`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SyqShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl SyqEngine {
    fn new(model: &Model, isa: Option<Isa>) -> Result<Option<Box<Self>>, Failure> {
        let engine = Engine::new(model, isa)?;
        // A label with a NUL would end there for C.
        let label = |label: &String| CString::new(label.replace('\0', "\u{FFFD}")).unwrap_or_default();
        let labels = engine.labels().iter().map(label).collect();
        Ok(Some(Box::new(Self { engine, labels })))
    }
}

/// The instruction set of that name; without a name, the best that the machine has.
fn chosen(isa: Option<&CStr>) -> Result<Option<Isa>, Failure> {
    Ok(isa.map(|name| Isa::from_name(&name.to_string_lossy())).transpose()?)
}

/// The name as C takes it.
const fn c_name(isa: Isa) -> &'static CStr {
    match isa {
        Isa::Avx512 => c"avx512",
        Isa::Avx2 => c"avx2",
        Isa::Neon => c"neon",
        Isa::Portable => c"portable",
    }
}

/// Compiles the model that `read` gives, for the instruction set of a name.
///
/// # Safety
/// Unless it is NULL, `isa` points to a string, which nobody writes during the call.
unsafe fn compile(
    limits: Option<&SyqLimits>,
    isa: *const c_char,
    engine: Option<&mut MaybeUninit<Option<Box<SyqEngine>>>>,
    read: impl FnOnce(&ModelLimits) -> Result<Model, Failure>,
) -> SyqStatus {
    guard::status(|| {
        pointers::write("engine", engine, None, || {
            let model = read(&SyqLimits::or_default(limits))?;
            // SAFETY: the caller's promise.
            let isa = unsafe { pointers::text(isa) };
            SyqEngine::new(&model, chosen(isa)?)
        })
    })
}

/// Compiles the network that is built into the library, ResNet-20 for the ten classes of CIFAR-10, for the best
/// instruction set of the machine. On failure `*engine` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn syq_engine_builtin(engine: Option<&mut MaybeUninit<Option<Box<SyqEngine>>>>) -> SyqStatus {
    guard::status(|| pointers::write("engine", engine, None, || SyqEngine::new(&Model::from_bytes(builtin())?, None)))
}

/// Compiles the model in the `len` bytes of a model file, for the best instruction set of the machine. The bytes are
/// not needed afterwards. On failure `*engine` is NULL.
///
/// # Safety
/// `bytes` points to `len` bytes, and `engine` to room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_from_bytes(
    bytes: *const u8,
    len: usize,
    engine: Option<&mut MaybeUninit<Option<Box<SyqEngine>>>>,
) -> SyqStatus {
    // SAFETY: this function asks for the same; without limits and a name there is nothing to promise of them.
    unsafe { syq_engine_from_bytes_with(bytes, len, None, ptr::null(), engine) }
}

/// As `syq_engine_from_bytes`, within `limits` (NULL: the defaults) and for the instruction set of the name `isa`:
/// "avx512", "avx2", "neon" or "portable" (NULL: the best of the machine). The instruction set changes the speed, never
/// a logit.
///
/// # Safety
/// `bytes` points to `len` bytes, `limits` to limits or nowhere, `isa` to a string or nowhere, and `engine` to room for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_from_bytes_with(
    bytes: *const u8,
    len: usize,
    limits: Option<&SyqLimits>,
    isa: *const c_char,
    engine: Option<&mut MaybeUninit<Option<Box<SyqEngine>>>>,
) -> SyqStatus {
    let read = |limits: &ModelLimits| {
        // SAFETY: the caller's promise.
        let bytes = unsafe { pointers::input("bytes", bytes, len) }?;
        Ok(Model::from_bytes_within(bytes, limits)?)
    };
    // SAFETY: the caller's promise.
    unsafe { compile(limits, isa, engine, read) }
}

/// Compiles the model in the file `path`, for the best instruction set of the machine. On failure `*engine` is NULL.
///
/// # Safety
/// `path` points to a string, and `engine` to room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_from_file(
    path: *const c_char,
    engine: Option<&mut MaybeUninit<Option<Box<SyqEngine>>>>,
) -> SyqStatus {
    // SAFETY: this function asks for the same; without limits and a name there is nothing to promise of them.
    unsafe { syq_engine_from_file_with(path, None, ptr::null(), engine) }
}

/// As `syq_engine_from_file`, within `limits` and for the instruction set of the name `isa`, either of which may be NULL
/// as in `syq_engine_from_bytes_with`.
///
/// # Safety
/// `path` points to a string, `limits` to limits or nowhere, `isa` to a string or nowhere, and `engine` to room for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_from_file_with(
    path: *const c_char,
    limits: Option<&SyqLimits>,
    isa: *const c_char,
    engine: Option<&mut MaybeUninit<Option<Box<SyqEngine>>>>,
) -> SyqStatus {
    let read = |limits: &ModelLimits| {
        // SAFETY: the caller's promise.
        let path = required("path", unsafe { pointers::text(path) })?;
        Ok(Model::read_within(pointers::path(path)?, limits)?)
    };
    // SAFETY: the caller's promise.
    unsafe { compile(limits, isa, engine, read) }
}

/// Frees an engine; NULL is nothing to free. Sessions of the engine go on: they keep what they need. Its labels are gone.
#[unsafe(no_mangle)]
pub extern "C" fn syq_engine_free(engine: Option<Box<SyqEngine>>) {
    // A status has nowhere to go.
    let _ = guard::status(|| {
        drop(engine);
        Ok(())
    });
}

/// The shape of the input of one image: `height * width * channels` floats. On failure `*shape` is all zeros.
#[unsafe(no_mangle)]
pub extern "C" fn syq_engine_input_shape(
    engine: Option<&SyqEngine>,
    shape: Option<&mut MaybeUninit<SyqShape>>,
) -> SyqStatus {
    guard::status(|| {
        pointers::write("shape", shape, SyqShape::default(), || {
            let input = required("engine", engine)?.engine.plan().input();
            Ok(SyqShape { height: input.height, width: input.width, channels: input.channels })
        })
    })
}

/// The number of classes, which is the number of logits of one image; 0 if `engine` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn syq_engine_classes(engine: Option<&SyqEngine>) -> usize {
    guard::answer(|| Ok(required("engine", engine)?.engine.plan().classes())).unwrap_or(0)
}

/// The name of a class, UTF-8, which lives as long as the engine; NULL if the model does not name that class, or if
/// `engine` is NULL. The classes are counted from 0, in the order of the logits.
#[unsafe(no_mangle)]
pub extern "C" fn syq_engine_label(engine: Option<&SyqEngine>, index: usize) -> *const c_char {
    let label = guard::answer(|| Ok(required("engine", engine)?.labels.get(index)));
    label.ok().flatten().map_or(ptr::null(), |label| label.as_ptr())
}

/// The name of the instruction set that the engine uses, which lives as long as the program; NULL if `engine` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn syq_engine_isa(engine: Option<&SyqEngine>) -> *const c_char {
    let isa = guard::answer(|| Ok(required("engine", engine)?.engine.plan().isa()));
    isa.map_or(ptr::null(), |isa| c_name(isa).as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_librarys_and_labels_are_strings() {
        for isa in Isa::ALL {
            assert_eq!(c_name(isa).to_str(), Ok(isa.name()));
        }
        let mut model = Model::from_bytes(builtin()).unwrap();
        model.labels[3] = "c\0t".to_owned();
        let engine = SyqEngine::new(&model, None).unwrap().unwrap();
        assert_eq!(engine.labels[3].to_str(), Ok("c\u{FFFD}t"));
        assert_eq!(engine.labels[5].to_str(), Ok("dog"));
    }
}
