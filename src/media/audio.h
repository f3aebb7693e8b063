/* audio: sound from outside, decoded, mixed to one channel, at the rate that is asked for.
 *
 *   bytes -> libsndfile (WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, AU ...) -> mean of the channels
 *         -> resample -> float samples, full scale 1
 *
 * Decoding runs in a child process with limits (sandbox.h), a block at a time: what a header
 * promises is never allocated. Sound that is shorter than its header says is read as far as it
 * goes and marked. Errors name the file and the numbers. */
#ifndef FAB_MEDIA_AUDIO_H
#define FAB_MEDIA_AUDIO_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum {
    FAB_AUDIO_MAX_SECONDS = 4 * 3600, /* longer: FAB_ELIMIT */
    FAB_AUDIO_MAX_CHANNELS = 64,
};
#define FAB_AUDIO_MAX_BYTES (UINT64_C(4) << 30) /* of a file */

typedef struct {
    float *samples; /* [n] one channel; finite */
    int64_t n;
    int rate; /* of samples, Hz */
    /* of the file */
    char format[64]; /* "WAV (Microsoft)", "FLAC (Free Lossless Audio Codec)" */
    int source_rate, channels;
    int64_t frames;   /* samples per channel that were read */
    int64_t promised; /* that its header says; -1: it does not say */
    bool cut;         /* fewer were read than promised */
} fab_audio;

typedef struct {
    int rate;     /* 0: 16000 */
    bool trusted; /* our own files: decode in this process, no child */
} fab_audio_opts;

/* NULL with err set: not sound, no samples, a sample that is no number, a rate or a number of
 * channels outside the limits. opts may be NULL; "-" is standard input. The caller frees. */
fab_audio *fab_audio_open(const char *path, const fab_audio_opts *opts, fab_err *err);
fab_audio *fab_audio_parse(const void *bytes, size_t size, const fab_audio_opts *opts,
                           fab_err *err);
void fab_audio_free(fab_audio *a); /* NULL is fine */

#endif
