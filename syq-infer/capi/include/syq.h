/*
 * The C interface of the SYQ inference engine: binary and ternary networks on ordinary CPUs.
 *
 * Whoever creates a handle (SyqEngine, SyqSession) frees it, once, in any order. Strings that are
 * returned belong to the library. Arrays belong to the caller and are not kept beyond the call.
 * Any thread may use an engine at any time; a session does one thing at a time.
 * A NULL pointer where there must be something is a status, and no function prints.
 *
 * Generated from the Rust sources by `cargo xtask header`; not to be edited.
 */

#ifndef SYQ_H
#define SYQ_H

#include <stddef.h>
#include <stdint.h>

/**
 * What a function answers. `syq_last_error` has the details in words.
 */
typedef enum {
    /**
     * All went well.
     */
    SYQ_STATUS_OK = 0,
    /**
     * A pointer that must not be NULL is NULL, or an array is not aligned for its elements.
     */
    SYQ_STATUS_POINTER = 1,
    /**
     * A path that is not UTF-8, on a system whose paths are not bytes.
     */
    SYQ_STATUS_PATH = 2,
    /**
     * A model file that the system cannot read: it does not exist, or may not be opened.
     */
    SYQ_STATUS_FILE = 3,
    /**
     * Bytes that are no model, that are damaged, or that go beyond the limits; or a model that cannot be run.
     */
    SYQ_STATUS_MODEL = 4,
    /**
     * An instruction set that does not exist, or that this machine does not have.
     */
    SYQ_STATUS_ISA = 5,
    /**
     * A picture that cannot be decoded, or that does not fit the model.
     */
    SYQ_STATUS_PICTURE = 6,
    /**
     * An array of the wrong length.
     */
    SYQ_STATUS_LENGTH = 7,
    /**
     * The model was given a picture and has no recipe for preparing one: it takes tensors alone.
     */
    SYQ_STATUS_NO_RECIPE = 8,
    /**
     * Threads that cannot be started.
     */
    SYQ_STATUS_THREADS = 9,
    /**
     * The run was cancelled by its progress function.
     */
    SYQ_STATUS_CANCELLED = 10,
    /**
     * The session is in use by another call, or a progress function tried to run a session.
     */
    SYQ_STATUS_BUSY = 11,
    /**
     * A defect of the library. The handles can still be used, and be freed.
     */
    SYQ_STATUS_INTERNAL = 12,
} SyqStatus;

/**
 * A compiled model. It never changes, and any number of threads may use it at the same time.
 */
typedef struct SyqEngine SyqEngine;

/**
 * What runs an engine, with threads and memory of its own. A session does one thing at a time: each thread of a
 * program that classifies should have one. It is made once and used for many pictures.
 */
typedef struct SyqSession SyqSession;

/**
 * How much a model may ask for. A program that reads models of strangers may lower the defaults; raising them has no
 * effect where it comes to running the model.
 */
typedef struct {
    /**
     * Bytes of the file.
     */
    uint64_t file;
    /**
     * Bytes of its header.
     */
    uint64_t header;
    /**
     * Layers of the network.
     */
    size_t layers;
    /**
     * Elements of the input, of a feature map and of a weight tensor.
     */
    size_t elements;
    /**
     * Multiply-accumulates of one picture.
     */
    uint64_t macs;
} SyqLimits;

/**
 * The shape of an image's tensor, which lies in memory as `[row][column][channel]`.
 */
typedef struct {
    /**
     * Rows.
     */
    size_t height;
    /**
     * Columns.
     */
    size_t width;
    /**
     * Channels.
     */
    size_t channels;
} SyqShape;

/**
 * How much a picture in the bytes of a file may ask for. Decoding takes up to eight bytes a pixel.
 */
typedef struct {
    /**
     * Bytes of the file.
     */
    size_t bytes;
    /**
     * Rows, and columns.
     */
    size_t side;
    /**
     * Pixels.
     */
    size_t pixels;
} SyqPictureLimits;

/**
 * One class of an answer.
 */
typedef struct {
    /**
     * The class, from 0, as `syq_engine_label` counts.
     */
    size_t index;
    /**
     * Its softmax probability, within 0 to 1. Unlike the logit it may differ in its last bits between systems.
     */
    double probability;
    /**
     * Its logit.
     */
    float logit;
} SyqCandidate;

/**
 * Is told that `done` of `total` images are done, and answers 0 to go on or anything else to cancel: then no image is
 * begun any more, and the function is not called again. The calls of a run come one at a time, with `done` counting
 * from 1, but from whichever thread ran the image. The function must return (no longjmp, no exception), and it cannot
 * run sessions: those calls give `SYQ_STATUS_BUSY`.
 */
typedef int (*SyqProgress)(size_t done, size_t total, void *user);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Compiles the network that is built into the library, ResNet-20 for the ten classes of CIFAR-10, for the best
 * instruction set of the machine. On failure `*engine` is NULL.
 */
SyqStatus syq_engine_builtin(SyqEngine **engine);

/**
 * Compiles the model in the `len` bytes of a model file, for the best instruction set of the machine. The bytes are
 * not needed afterwards. On failure `*engine` is NULL.
 *
 * # Safety
 * `bytes` points to `len` bytes, and `engine` to room for a pointer.
 */
SyqStatus syq_engine_from_bytes(const uint8_t *bytes,
                                size_t len,
                                SyqEngine **engine);

/**
 * As `syq_engine_from_bytes`, within `limits` (NULL: the defaults) and for the instruction set of the name `isa`:
 * "avx512", "avx2", "neon" or "portable" (NULL: the best of the machine). The instruction set changes the speed, never
 * a logit.
 *
 * # Safety
 * `bytes` points to `len` bytes, `limits` to limits or nowhere, `isa` to a string or nowhere, and `engine` to room for
 * a pointer.
 */
SyqStatus syq_engine_from_bytes_with(const uint8_t *bytes,
                                     size_t len,
                                     const SyqLimits *limits,
                                     const char *isa,
                                     SyqEngine **engine);

/**
 * Compiles the model in the file `path`, for the best instruction set of the machine. On failure `*engine` is NULL.
 *
 * # Safety
 * `path` points to a string, and `engine` to room for a pointer.
 */
SyqStatus syq_engine_from_file(const char *path,
                               SyqEngine **engine);

/**
 * As `syq_engine_from_file`, within `limits` and for the instruction set of the name `isa`, either of which may be NULL
 * as in `syq_engine_from_bytes_with`.
 *
 * # Safety
 * `path` points to a string, `limits` to limits or nowhere, `isa` to a string or nowhere, and `engine` to room for a
 * pointer.
 */
SyqStatus syq_engine_from_file_with(const char *path,
                                    const SyqLimits *limits,
                                    const char *isa,
                                    SyqEngine **engine);

/**
 * Frees an engine; NULL is nothing to free. Sessions of the engine go on: they keep what they need. Its labels are gone.
 */
void syq_engine_free(SyqEngine *engine);

/**
 * The shape of the input of one image: `height * width * channels` floats. On failure `*shape` is all zeros.
 */
SyqStatus syq_engine_input_shape(const SyqEngine *engine,
                                 SyqShape *shape);

/**
 * The number of classes, which is the number of logits of one image; 0 if `engine` is NULL.
 */
size_t syq_engine_classes(const SyqEngine *engine);

/**
 * The name of a class, UTF-8, which lives as long as the engine; NULL if the model does not name that class, or if
 * `engine` is NULL. The classes are counted from 0, in the order of the logits.
 */
const char *syq_engine_label(const SyqEngine *engine,
                             size_t index);

/**
 * The name of the instruction set that the engine uses, which lives as long as the program; NULL if `engine` is NULL.
 */
const char *syq_engine_isa(const SyqEngine *engine);

/**
 * The text of the last error of the calling thread, UTF-8 on one line; "" if it had none. It is for people: programs
 * should look at the status. The text stays until the next call of this library on the same thread; a call that
 * succeeds leaves it as it was.
 */
const char *syq_last_error(void);

/**
 * The default limits, which are larger than any real network: a place to start from.
 */
SyqLimits syq_limits_default(void);

/**
 * The default limits of pictures: 256 MiB, 20,000 rows and columns, 64 million pixels. A service that decodes pictures
 * of strangers should have lower ones: with 4 million pixels none takes more than some tens of megabytes.
 */
SyqPictureLimits syq_picture_limits_default(void);

/**
 * The `k` likeliest classes of an RGB picture of any size, likeliest first. `rgb` has a byte a channel, as
 * `[row][column][red, green, blue]` from the top, with nothing between the rows. `candidates` has room for `k`; how many
 * were written, at most the number of classes, goes to `*written`, which is 0 on failure.
 *
 * # Safety
 * `session` is a session, `rgb` points to `height * width * 3` bytes, `candidates` to room for `k` candidates, and
 * `written` to room for a number.
 */
SyqStatus syq_session_classify_rgb(const SyqSession *session,
                                   const uint8_t *rgb,
                                   size_t height,
                                   size_t width,
                                   SyqCandidate *candidates,
                                   size_t k,
                                   size_t *written);

/**
 * As `syq_session_classify_rgb`, of the picture in the `len` bytes of a JPEG or PNG file. Which of them it is follows
 * from the bytes. At most 64 million pixels are decoded: see `syq_session_classify_encoded_with`.
 *
 * # Safety
 * `session` is a session, `bytes` points to `len` bytes, `candidates` to room for `k` candidates, and `written` to room
 * for a number.
 */
SyqStatus syq_session_classify_encoded(const SyqSession *session,
                                       const uint8_t *bytes,
                                       size_t len,
                                       SyqCandidate *candidates,
                                       size_t k,
                                       size_t *written);

/**
 * As `syq_session_classify_encoded`, within `limits` (NULL: the defaults), which are checked before anything is decoded.
 *
 * # Safety
 * `session` is a session, `bytes` points to `len` bytes, `limits` to limits or nowhere, `candidates` to room for `k`
 * candidates, and `written` to room for a number.
 */
SyqStatus syq_session_classify_encoded_with(const SyqSession *session,
                                            const uint8_t *bytes,
                                            size_t len,
                                            const SyqPictureLimits *limits,
                                            SyqCandidate *candidates,
                                            size_t k,
                                            size_t *written);

/**
 * Prepares an RGB picture by the model's own recipe (size, crop, normalisation) for `syq_session_logits`: writes one
 * image's tensor of `input_len` floats to `input`. `rgb` is as in `syq_session_classify_rgb`. On failure what `input`
 * holds is not defined.
 *
 * # Safety
 * `engine` is an engine, `rgb` points to `height * width * 3` bytes, and `input` to room for `input_len` floats.
 */
SyqStatus syq_engine_prepare_rgb(const SyqEngine *engine,
                                 const uint8_t *rgb,
                                 size_t height,
                                 size_t width,
                                 float *input,
                                 size_t input_len);

/**
 * As `syq_engine_prepare_rgb`, of the picture in the `len` bytes of a JPEG or PNG file.
 *
 * # Safety
 * `engine` is an engine, `bytes` points to `len` bytes, and `input` to room for `input_len` floats.
 */
SyqStatus syq_engine_prepare_encoded(const SyqEngine *engine,
                                     const uint8_t *bytes,
                                     size_t len,
                                     float *input,
                                     size_t input_len);

/**
 * As `syq_engine_prepare_encoded`, within `limits` (NULL: the defaults), which are checked before anything is decoded.
 *
 * # Safety
 * `engine` is an engine, `bytes` points to `len` bytes, `limits` to limits or nowhere, and `input` to room for
 * `input_len` floats.
 */
SyqStatus syq_engine_prepare_encoded_with(const SyqEngine *engine,
                                          const uint8_t *bytes,
                                          size_t len,
                                          const SyqPictureLimits *limits,
                                          float *input,
                                          size_t input_len);

/**
 * Makes a session that runs `engine` on `threads` threads: 0 means one for each core, 1 means the calling thread
 * alone. The engine may be freed before the session. On failure `*session` is NULL.
 */
SyqStatus syq_session_new(const SyqEngine *engine,
                          size_t threads,
                          SyqSession **session);

/**
 * Frees a session; NULL is nothing to free. No call may be using it.
 */
void syq_session_free(SyqSession *session);

/**
 * The logits of one or more images. `input` has `input_len` floats: the images' tensors one after another, each of
 * `height * width * channels` floats as `syq_engine_input_shape` says, normalised as the model expects it (see
 * `syq_engine_prepare_rgb`). So `input_len` is a multiple of that, at least one, and tells the number of images.
 * `logits` has room for `logits_len` floats, which is that number times `syq_engine_classes`; they are written image
 * by image. On failure what `logits` holds is not defined.
 *
 * # Safety
 * `session` is a session, `input` points to `input_len` floats, and `logits` to room for `logits_len` others.
 */
SyqStatus syq_session_logits(const SyqSession *session,
                             const float *input,
                             size_t input_len,
                             float *logits,
                             size_t logits_len);

/**
 * As `syq_session_logits`, watched by `progress` (NULL: by nobody), which is called after each image and may cancel the
 * run. Then the status is `SYQ_STATUS_CANCELLED`, unless all images were done by then, and the session can be used for
 * other runs. `user` is passed to `progress` as it is.
 *
 * # Safety
 * As for `syq_session_logits`; and `progress` may be called with `user` on any thread until this function returns.
 */
SyqStatus syq_session_logits_with(const SyqSession *session,
                                  const float *input,
                                  size_t input_len,
                                  float *logits,
                                  size_t logits_len,
                                  SyqProgress progress,
                                  void *user);

/**
 * The version of the library, such as "0.1.0". The string lives as long as the program.
 */
const char *syq_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SYQ_H */
