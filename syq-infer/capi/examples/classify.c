/* Classifies a picture and prints the likeliest classes, as `syq classify` does.
 *
 *     classify [--threads N] [--logits] [MODEL] PICTURE
 *     classify [--threads N] --selftest MODEL PICTURE
 *
 * Without MODEL it is the network that is built into the library. --logits adds the probabilities in
 * full, and all logits, each behind the digits of its bits. --selftest calls what this program does
 * not (selftest.c). */

#include "syq.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP 3

int selftest(const char *model, const char *picture, size_t threads);
int read_file(const char *path, uint8_t **bytes, size_t *len);

/* Reads a whole file into memory that the caller frees. */
int read_file(const char *path, uint8_t **bytes, size_t *len)
{
    size_t room = 1 << 16;
    FILE *file = fopen(path, "rb");

    *bytes = NULL;
    *len = 0;
    if (!file)
        return 0;
    for (;;) {
        uint8_t *more = realloc(*bytes, room);
        if (!more)
            break;
        *bytes = more;
        *len += fread(*bytes + *len, 1, room - *len, file);
        if (*len < room)
            break;
        room *= 2;
    }
    if (*len == room || ferror(file)) {
        free(*bytes);
        *bytes = NULL;
    }
    fclose(file);
    return *bytes != NULL;
}

static int failed(const char *what)
{
    fprintf(stderr, "classify: %s: %s\n", what, syq_last_error());
    return 0;
}

static void print_classes(const SyqEngine *engine, const SyqCandidate *best, size_t count, int in_full)
{
    for (size_t i = 0; i < count; i++) {
        const char *label = syq_engine_label(engine, best[i].index);
        printf("%4zu  %6.2f %%  %s", i + 1, 100.0 * best[i].probability, label ? label : "");
        if (in_full)
            printf("  %.17g", best[i].probability);
        putchar('\n');
    }
}

/* The logits of the picture's tensor: another way to the same bits. */
static int print_logits(const SyqEngine *engine, SyqSession *session, const uint8_t *bytes, size_t len)
{
    SyqShape shape;
    size_t classes = syq_engine_classes(engine);
    float *input, *logits;
    int ok;

    if (syq_engine_input_shape(engine, &shape) != SYQ_STATUS_OK)
        return failed("the input");
    size_t input_len = shape.height * shape.width * shape.channels;
    input = malloc(input_len * sizeof *input);
    logits = malloc(classes * sizeof *logits);
    ok = input && logits
        && syq_engine_prepare_encoded(engine, bytes, len, input, input_len) == SYQ_STATUS_OK
        && syq_session_logits(session, input, input_len, logits, classes) == SYQ_STATUS_OK;
    for (size_t i = 0; ok && i < classes; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        printf("%4zu  %08" PRIx32 "  %.9g\n", i, bits, logits[i]);
    }
    free(input);
    free(logits);
    return ok ? ok : failed("the logits");
}

static int classify(const char *model, const char *picture, size_t threads, int with_logits)
{
    SyqEngine *engine = NULL;
    SyqSession *session = NULL;
    SyqCandidate best[TOP];
    uint8_t *bytes = NULL;
    size_t len, count;
    int ok = 0;

    if (!read_file(picture, &bytes, &len))
        fprintf(stderr, "classify: cannot read %s\n", picture);
    else if ((model ? syq_engine_from_file(model, &engine) : syq_engine_builtin(&engine)) != SYQ_STATUS_OK)
        failed("the model");
    else if (syq_session_new(engine, threads, &session) != SYQ_STATUS_OK)
        failed("the session");
    else if (syq_session_classify_encoded(session, bytes, len, best, TOP, &count) != SYQ_STATUS_OK)
        failed(picture);
    else {
        printf("%s\n", picture);
        print_classes(engine, best, count, with_logits);
        ok = !with_logits || print_logits(engine, session, bytes, len);
    }
    syq_session_free(session);
    syq_engine_free(engine);
    free(bytes);
    return ok;
}

int main(int argc, char **argv)
{
    size_t threads = 0;
    int with_logits = 0, with_selftest = 0, i = 1;

    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--logits") == 0)
            with_logits = 1;
        else if (strcmp(argv[i], "--selftest") == 0)
            with_selftest = 1;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = strtoul(argv[++i], NULL, 10);
        else
            i = argc;
    }
    if (with_selftest && argc - i == 2)
        return selftest(argv[i], argv[i + 1], threads) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (!with_selftest && (argc - i == 1 || argc - i == 2)) {
        const char *model = argc - i == 2 ? argv[i] : NULL;
        return classify(model, argv[argc - 1], threads, with_logits) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    fprintf(stderr, "usage: classify [--threads N] [--logits] [MODEL] PICTURE\n");
    return 2;
}
