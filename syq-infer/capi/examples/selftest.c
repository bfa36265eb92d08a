/* Calls every function of the interface, also in the ways that it must refuse. */

#include "syq.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES 9
#define SIDE 7

int selftest(const char *model, const char *picture, size_t threads);
int read_file(const char *path, uint8_t **bytes, size_t *len);

static int failures;

static void check(int holds, const char *what, int line)
{
    if (!holds) {
        failures++;
        fprintf(stderr, "selftest.c:%d: %s\n  last error: %s\n", line, what, syq_last_error());
    }
}

#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
/* The status, and that the text of the error says so. */
#define FAILS(call, status, text) \
    CHECK((call) == SYQ_STATUS_##status && strstr(syq_last_error(), text) != NULL)
#define SUCCEEDS(call) CHECK((call) == SYQ_STATUS_OK)

/* A place that is not NULL, to see that a failure makes it NULL. */
#define SOMETHING ((void *)&failures)

struct watch {
    SyqSession *session;
    const float *input;
    size_t input_len, classes;
    size_t calls, cancel_at;
    int ascending, busy;
};

static int progress(size_t done, size_t total, void *user)
{
    struct watch *watch = user;
    float logits[16];

    watch->calls++;
    watch->ascending &= done == watch->calls && total == IMAGES;
    watch->busy += syq_session_logits(watch->session, watch->input, watch->input_len, logits, watch->classes)
        == SYQ_STATUS_BUSY;
    return done == watch->cancel_at;
}

static void test_nulls(const SyqEngine *engine, SyqSession *session, const uint8_t *bytes, size_t len)
{
    SyqEngine *no_engine = SOMETHING;
    SyqSession *no_session = SOMETHING;
    SyqCandidate best[1];
    SyqShape shape;
    uint8_t pixel[3] = {0, 0, 0};
    float values[16];
    size_t count = 77;

    syq_engine_free(NULL);
    syq_session_free(NULL);
    FAILS(syq_engine_builtin(NULL), POINTER, "engine is NULL");
    FAILS(syq_engine_from_bytes(NULL, 4, &no_engine), POINTER, "bytes is NULL");
    CHECK(no_engine == NULL);
    FAILS(syq_engine_from_bytes(bytes, len, NULL), POINTER, "engine is NULL");
    FAILS(syq_engine_from_bytes_with(bytes, len, NULL, NULL, NULL), POINTER, "engine is NULL");
    no_engine = SOMETHING;
    FAILS(syq_engine_from_file(NULL, &no_engine), POINTER, "path is NULL");
    CHECK(no_engine == NULL);
    FAILS(syq_engine_from_file_with("x", NULL, NULL, NULL), POINTER, "engine is NULL");
    FAILS(syq_engine_input_shape(NULL, &shape), POINTER, "engine is NULL");
    CHECK(shape.height == 0 && shape.width == 0 && shape.channels == 0);
    FAILS(syq_engine_input_shape(engine, NULL), POINTER, "shape is NULL");
    CHECK(syq_engine_classes(NULL) == 0 && !syq_engine_label(NULL, 0) && !syq_engine_isa(NULL));
    FAILS(syq_session_new(NULL, 1, &no_session), POINTER, "engine is NULL");
    CHECK(no_session == NULL);
    FAILS(syq_session_new(engine, 1, NULL), POINTER, "session is NULL");
    FAILS(syq_session_logits(NULL, values, 16, values, 0), POINTER, "session is NULL");
    FAILS(syq_session_logits(session, NULL, 3072, values, 10), POINTER, "input is NULL");
    FAILS(syq_session_logits(session, values, 16, NULL, 10), POINTER, "logits is NULL");
    FAILS(syq_session_logits(session, (float *)((char *)values + 1), 3, values, 10), POINTER, "not aligned");
    FAILS(syq_session_classify_rgb(session, NULL, 1, 1, best, 1, &count), POINTER, "rgb is NULL");
    CHECK(count == 0);
    FAILS(syq_session_classify_rgb(NULL, pixel, 1, 1, best, 1, &count), POINTER, "session is NULL");
    FAILS(syq_session_classify_rgb(session, pixel, 1, 1, NULL, 1, &count), POINTER, "candidates is NULL");
    FAILS(syq_session_classify_rgb(session, pixel, 1, 1, best, 1, NULL), POINTER, "written is NULL");
    FAILS(syq_session_classify_encoded(session, NULL, 9, best, 1, &count), POINTER, "bytes is NULL");
    FAILS(syq_session_classify_encoded(session, bytes, len, best, 1, NULL), POINTER, "written is NULL");
    FAILS(syq_engine_prepare_rgb(NULL, pixel, 1, 1, values, 16), POINTER, "engine is NULL");
    FAILS(syq_engine_prepare_rgb(engine, pixel, 1, 1, NULL, 16), POINTER, "input is NULL");
    FAILS(syq_engine_prepare_encoded(engine, NULL, 9, values, 16), POINTER, "bytes is NULL");
}

static void test_refusals(const SyqEngine *engine, SyqSession *session, const char *model, const char *picture)
{
    SyqEngine *none = SOMETHING;
    SyqLimits limits = syq_limits_default();
    SyqPictureLimits small = syq_picture_limits_default();
    SyqCandidate best[1];
    uint8_t *bytes, *encoded;
    size_t len, encoded_len, count = 77;
    float values[16] = {0};

    if (!read_file(model, &bytes, &len) || !read_file(picture, &encoded, &encoded_len)) {
        CHECK(!"the model and the picture can be read");
        return;
    }
    FAILS(syq_engine_from_file("no such file", &none), FILE, "no such file: ");
    CHECK(none == NULL);
    FAILS(syq_engine_from_file(picture, &none), MODEL, picture);
    FAILS(syq_engine_from_bytes(NULL, 0, &none), MODEL, "ends early");
    FAILS(syq_engine_from_bytes_with(bytes, len, NULL, "z80", &none), ISA, "z80");
    FAILS(syq_engine_from_file_with(model, NULL, "", &none), ISA, "available here");
    limits.file = len - 1;
    FAILS(syq_engine_from_bytes_with(bytes, len, &limits, NULL, &none), MODEL, "more than the");
    FAILS(syq_engine_from_file_with(model, &limits, NULL, &none), MODEL, "more than the");
    limits = syq_limits_default();
    limits.layers = 3;
    FAILS(syq_engine_from_bytes_with(bytes, len, &limits, NULL, &none), MODEL, "3");
    bytes[len - 10] ^= 1;
    none = SOMETHING;
    FAILS(syq_engine_from_bytes(bytes, len, &none), MODEL, "is damaged");
    CHECK(none == NULL);
    FAILS(syq_engine_from_bytes(bytes, len / 2, &none), MODEL, "");

    FAILS(syq_session_classify_encoded(session, encoded, encoded_len / 2, best, 1, &count), PICTURE, "truncated");
    CHECK(count == 0);
    FAILS(syq_session_classify_encoded(session, bytes, len, best, 1, &count), PICTURE, "neither a JPEG nor a PNG");
    FAILS(syq_session_classify_encoded(session, NULL, 0, best, 1, &count), PICTURE, "empty");
    SUCCEEDS(syq_session_classify_encoded_with(session, encoded, encoded_len, NULL, best, 1, &count));
    SUCCEEDS(syq_session_classify_encoded_with(session, encoded, encoded_len, &small, best, 1, &count));
    CHECK(count == 1);
    small.bytes = encoded_len - 1;
    FAILS(syq_session_classify_encoded_with(session, encoded, encoded_len, &small, best, 1, &count), PICTURE, "bytes");
    CHECK(count == 0);
    small = syq_picture_limits_default();
    small.pixels = 3;
    FAILS(syq_engine_prepare_encoded_with(engine, encoded, encoded_len, &small, values, 16), PICTURE, "3");
    FAILS(syq_session_classify_rgb(session, encoded, 0, 5, best, 1, &count), PICTURE, "0 rows");
    FAILS(syq_session_classify_rgb(session, encoded, SIZE_MAX, SIZE_MAX, best, 1, &count), PICTURE, "cannot have");
    FAILS(syq_session_classify_rgb(session, encoded, SIZE_MAX / 3, 1, best, 1, &count), LENGTH, "cannot have");
    FAILS(syq_session_logits(session, values, 16, values, 0), LENGTH, "the input has 16 values");
    FAILS(syq_session_logits(session, NULL, 0, values, 10), LENGTH, "the input has 0 values");
    FAILS(syq_engine_prepare_encoded(engine, encoded, encoded_len, values, 16), LENGTH, "16 elements");
    free(bytes);
    free(encoded);
}

/* A picture in memory, the likeliest classes of which are those of its tensor's logits. */
static void test_rgb(const SyqEngine *engine, SyqSession *session, float *input, size_t input_len)
{
    SyqCandidate all[16], best[1];
    uint8_t rgb[SIDE * (SIDE + 1) * 3];
    float logits[16];
    double sum = 0.0;
    size_t count, classes = syq_engine_classes(engine);

    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 37);
    SUCCEEDS(syq_engine_prepare_rgb(engine, rgb, SIDE, SIDE + 1, input, input_len));
    SUCCEEDS(syq_session_logits(session, input, input_len, logits, classes));
    SUCCEEDS(syq_session_classify_rgb(session, rgb, SIDE, SIDE + 1, all, 16, &count));
    CHECK(count == classes);
    for (size_t i = 0; i < count; i++) {
        CHECK(memcmp(&all[i].logit, &logits[all[i].index], sizeof(float)) == 0);
        CHECK(i == 0 || all[i].logit <= all[i - 1].logit);
        sum += all[i].probability;
    }
    CHECK(sum > 0.999999 && sum < 1.000001);
    SUCCEEDS(syq_session_classify_rgb(session, rgb, SIDE, SIDE + 1, best, 1, &count));
    CHECK(count == 1 && best[0].index == all[0].index);
    SUCCEEDS(syq_session_classify_rgb(session, rgb, SIDE, SIDE + 1, NULL, 0, &count));
    CHECK(count == 0);
}

static void test_progress(SyqSession *session, const float *input, size_t input_len, size_t classes)
{
    float *expected = malloc(IMAGES * classes * sizeof *expected);
    float *logits = malloc(IMAGES * classes * sizeof *logits);
    struct watch watch = {session, input, input_len / IMAGES, classes, 0, 0, 1, 0};

    SUCCEEDS(syq_session_logits(session, input, input_len, expected, IMAGES * classes));
    SUCCEEDS(syq_session_logits_with(session, input, input_len, logits, IMAGES * classes, progress, &watch));
    CHECK(watch.calls == IMAGES && watch.ascending && watch.busy == IMAGES);
    CHECK(memcmp(expected, logits, IMAGES * classes * sizeof *logits) == 0);

    watch.calls = 0;
    watch.cancel_at = 3;
    FAILS(syq_session_logits_with(session, input, input_len, logits, IMAGES * classes, progress, &watch), CANCELLED,
          "of 9 images");
    CHECK(watch.calls == 3 && watch.ascending);

    memset(logits, 0, IMAGES * classes * sizeof *logits);
    SUCCEEDS(syq_session_logits_with(session, input, input_len, logits, IMAGES * classes, NULL, NULL));
    CHECK(memcmp(expected, logits, IMAGES * classes * sizeof *logits) == 0);
    FAILS(syq_session_logits(session, input, input_len, logits, IMAGES * classes - 1), LENGTH, "89 elements");
    free(expected);
    free(logits);
}

struct job {
    const SyqEngine *engine;
    const float *input;
    size_t input_len, classes;
    float logits[16];
    int own_error, own_session;
};

static void *run_job(void *argument)
{
    struct job *job = argument;
    SyqSession *session = NULL;

    job->own_error = strcmp(syq_last_error(), "") == 0;
    job->own_session = syq_session_new(job->engine, 1, &session) == SYQ_STATUS_OK
        && syq_session_logits(session, job->input, job->input_len, job->logits, job->classes) == SYQ_STATUS_OK;
    /* The text of an error that nobody asks for is freed with the thread. */
    syq_session_logits(session, NULL, 0, NULL, 0);
    job->own_error &= strcmp(syq_last_error(), "") != 0;
    syq_session_free(session);
    return NULL;
}

/* Two threads, a session each, one engine. */
static void test_threads(const SyqEngine *engine, const float *input, size_t input_len, size_t classes)
{
    struct job jobs[2];
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        struct job job = {engine, input, input_len, classes, {0}, 0, 0};
        jobs[i] = job;
        if (pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0) {
            CHECK(!"a thread can be started");
            abort();
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        CHECK(jobs[i].own_error && jobs[i].own_session);
        CHECK(memcmp(jobs[i].logits, jobs[0].logits, classes * sizeof(float)) == 0);
    }
}

/* Of the built-in network, in `model` as a file: a session of `threads` threads. */
int selftest(const char *model, const char *picture, size_t threads)
{
    SyqEngine *engine = NULL, *portable = NULL;
    SyqSession *session = NULL, *other = NULL;
    SyqShape shape = {0, 0, 0};
    float logits[2][16];
    uint8_t *bytes;
    size_t len;

    CHECK(strcmp(syq_last_error(), "") == 0);
    CHECK(strchr(syq_version(), '.') != NULL);
    SUCCEEDS(syq_engine_builtin(&engine));
    SUCCEEDS(syq_session_new(engine, threads, &session));
    SUCCEEDS(syq_engine_input_shape(engine, &shape));
    CHECK(shape.height == 32 && shape.width == 32 && shape.channels == 3);
    size_t classes = syq_engine_classes(engine), image = shape.height * shape.width * shape.channels;
    CHECK(classes == 10 && strcmp(syq_engine_label(engine, 3), "cat") == 0);
    CHECK(!syq_engine_label(engine, classes) && !syq_engine_label(engine, SIZE_MAX));

    float *input = malloc(IMAGES * image * sizeof *input);
    if (failures != 0 || !input || !read_file(picture, &bytes, &len)) {
        fprintf(stderr, "selftest: nothing to test with\n");
        return 0;
    }
    for (size_t i = 0; i < IMAGES * image; i++)
        input[i] = (float)(i * 7919 % 1013) / 506.5f - 1.0f;
    test_nulls(engine, session, bytes, len);
    test_refusals(engine, session, model, picture);
    test_progress(session, input, IMAGES * image, classes);
    test_threads(engine, input, image, classes);
    test_rgb(engine, session, input, image);

    /* Another engine, from the file and for another instruction set, has the same bits. */
    SUCCEEDS(syq_engine_from_file_with(model, NULL, "portable", &portable));
    CHECK(strcmp(syq_engine_isa(portable), "portable") == 0);
    SUCCEEDS(syq_session_new(portable, 1, &other));
    SUCCEEDS(syq_session_logits(other, input, image, logits[1], classes));
    syq_session_free(other);
    syq_engine_free(portable);

    /* A session goes on without the handle of its engine. */
    char isa[16] = "";
    strncat(isa, syq_engine_isa(engine), sizeof isa - 1);
    syq_engine_free(engine);
    SUCCEEDS(syq_session_logits(session, input, image, logits[0], classes));
    CHECK(memcmp(logits[0], logits[1], classes * sizeof(float)) == 0);
    syq_session_free(session);
    free(input);
    free(bytes);
    if (failures == 0)
        printf("selftest passed: %s, %zu threads\n", isa, threads);
    return failures == 0;
}
