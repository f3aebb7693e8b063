/* audio: see audio.h. The bytes are read through libsndfile's virtual files. */
#include "media/audio.h"

#include <math.h>
#include <sndfile.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"
#include "media/resample.h"
#include "media/sandbox.h"

enum { RATE = 16000, BLOCK = 4096 };
#define LOUDEST 1e6f /* a float sample beyond this is no sound: full scale is 1 */

typedef struct {
    const uint8_t *bytes;
    size_t size;
    int rate;
} job;

/* ---- bytes as a file ------------------------------------------------------------------------- */
typedef struct {
    const uint8_t *data;
    sf_count_t size, at;
} memory;

static sf_count_t length(void *user) { return ((memory *)user)->size; }
static sf_count_t tell(void *user) { return ((memory *)user)->at; }

static sf_count_t seek(sf_count_t offset, int whence, void *user)
{
    memory *m = user;
    sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : m->size;
    if (offset < -base || offset > m->size - base) return -1;
    return m->at = base + offset;
}

static sf_count_t read_bytes(void *to, sf_count_t n, void *user)
{
    memory *m = user;
    if (n > m->size - m->at) n = m->size - m->at;
    if (n <= 0) return 0;
    memcpy(to, m->data + m->at, (size_t)n);
    m->at += n;
    return n;
}

static sf_count_t write_nothing(const void *from, sf_count_t n, void *user)
{
    (void)from, (void)n, (void)user;
    return 0;
}

/* ---- what the header says -------------------------------------------------------------------- */
/* A WAV's own words: libsndfile quietly corrects a length, and names no number of a bad rate. */
typedef struct {
    uint32_t rate;
    int64_t data; /* bytes of sound; -1: it does not say (0 and 2^32 - 1, as a pipe leaves them) */
    bool is_wav;
} wav_head;

static wav_head read_wav_head(const uint8_t *d, size_t size)
{
    wav_head h = { .data = -1 };
    if (size < 12 || memcmp(d, "RIFF", 4) || memcmp(d + 8, "WAVE", 4)) return h;
    for (size_t at = 12; size - at >= 8;) {
        uint32_t n = fab_le32(d + at + 4);
        if (!memcmp(d + at, "data", 4)) {
            h.data = n == 0 || n >= 0xffffff00u ? -1 : (int64_t)n;
            break;
        }
        if (n > size - at - 8) break;
        if (!memcmp(d + at, "fmt ", 4) && n >= 8) {
            h.is_wav = true;
            h.rate = fab_le32(d + at + 12);
        }
        at += 8 + (size_t)n + (n & 1);
        if (at > size) break;
    }
    return h;
}

/* Bytes of one frame of uncompressed samples; 0: another coding. */
static int frame_bytes(const SF_INFO *info)
{
    switch (info->format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_ULAW:
    case SF_FORMAT_ALAW: return info->channels;
    case SF_FORMAT_PCM_16: return 2 * info->channels;
    case SF_FORMAT_PCM_24: return 3 * info->channels;
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT: return 4 * info->channels;
    case SF_FORMAT_DOUBLE: return 8 * info->channels;
    default: return 0;
    }
}

static int64_t promised(const SF_INFO *info, const job *j)
{
    int64_t said = read_wav_head(j->bytes, j->size).data;
    int unit = frame_bytes(info);
    if (said >= 0 && unit) return said / unit;
    return info->frames > 0 && info->frames < SF_COUNT_MAX ? info->frames : -1;
}

/* ---- decoding -------------------------------------------------------------------------------- */
static bool known_rate(int64_t rate, fab_err *err)
{
    return (rate >= FAB_RATE_MIN && rate <= FAB_RATE_MAX) ||
           fab_fail(err, FAB_EUNSUPPORTED, "a sampling rate of %lld Hz; %d to %d are known",
                    (long long)rate, FAB_RATE_MIN, FAB_RATE_MAX);
}

static bool check_info(const SF_INFO *info, fab_err *err)
{
    if (!known_rate(info->samplerate, err)) return false;
    if (info->channels < 1 || info->channels > FAB_AUDIO_MAX_CHANNELS)
        return fab_fail(err, FAB_EUNSUPPORTED, "%d channels; 1 to %d are known", info->channels,
                        FAB_AUDIO_MAX_CHANNELS);
    return true;
}

/* The mean of the channels, in place of the first n values of x. */
static bool mix(float *x, int64_t n, int channels, int64_t from, fab_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        float sum = 0;
        for (int c = 0; c < channels; c++) {
            float v = x[i * channels + c];
            if (!(fabsf(v) <= LOUDEST))
                return fab_fail(err, FAB_EFORMAT,
                                "sample %lld of channel %d is %.3g; full scale is 1",
                                (long long)(from + i), c, (double)v);
            sum += v;
        }
        x[i] = sum / (float)channels;
    }
    return true;
}

static bool read_all(SNDFILE *f, fab_audio *a, fab_resampler *r, fab_err *err)
{
    float *block = fab_new_array((size_t)BLOCK * (size_t)a->channels, sizeof *block, err);
    int64_t most = (int64_t)FAB_AUDIO_MAX_SECONDS * a->source_rate;
    bool ok = block != NULL;
    while (ok) {
        sf_count_t n = sf_readf_float(f, block, BLOCK);
        if (n <= 0) break;
        if (n > most - a->frames)
            ok =
                fab_fail(err, FAB_ELIMIT, "more than %d seconds, the limit", FAB_AUDIO_MAX_SECONDS);
        ok = ok && mix(block, n, a->channels, a->frames, err) &&
             fab_resampler_push(r, block, n, err);
        a->frames += n;
    }
    fab_free(block);
    return ok && fab_resampler_end(r, err);
}

static bool name_format(fab_audio *a, const SF_INFO *info)
{
    SF_FORMAT_INFO name = { .format = info->format & SF_FORMAT_TYPEMASK };
    if (sf_command(NULL, SFC_GET_FORMAT_INFO, &name, sizeof name) || !name.name) return false;
    for (size_t i = 0; i + 1 < sizeof a->format && name.name[i]; i++) a->format[i] = name.name[i];
    return true;
}

static bool decode_open(SNDFILE *f, const SF_INFO *info, const job *j, fab_audio *a, fab_err *err)
{
    if (!check_info(info, err)) return false;
    a->rate = j->rate;
    a->source_rate = info->samplerate;
    a->channels = info->channels;
    name_format(a, info);
    fab_resampler *r = fab_resampler_new(info->samplerate, j->rate, err);
    bool ok = r && read_all(f, a, r, err);
    if (ok && !a->frames)
        ok = fab_fail(err, FAB_EFORMAT, "%s: it holds no sound: 0 samples", a->format);
    if (ok) {
        a->promised = promised(info, j);
        a->cut = a->promised > a->frames;
        a->n = fab_resampler_count(r);
        a->samples = fab_resampler_take(r);
    }
    fab_resampler_free(r);
    return ok;
}

static bool decode(const job *j, fab_audio *a, fab_err *err)
{
    SF_VIRTUAL_IO io = { length, seek, read_bytes, write_nothing, tell };
    memory m = { j->bytes, (sf_count_t)j->size, 0 };
    SF_INFO info = { 0 };
    wav_head wav = read_wav_head(j->bytes, j->size);
    if (wav.is_wav && !known_rate(wav.rate, err)) return false;
    SNDFILE *f = sf_open_virtual(&io, SFM_READ, &info, &m);
    if (!f)
        return fab_fail(err, FAB_EFORMAT,
                        "not sound that fabrica reads (WAV, FLAC, Ogg, MP3): %zu bytes: %.100s",
                        j->size, sf_strerror(NULL));
    bool ok = decode_open(f, &info, j, a, err);
    sf_close(f);
    return ok;
}

enum { PART_FACTS, PART_SAMPLES };

static bool decode_in_child(void *arg, fab_part parts[FAB_SANDBOX_PARTS], fab_err *err)
{
    fab_audio *a = fab_new(sizeof *a, err);
    if (!a || !decode(arg, a, err)) return false;
    parts[PART_FACTS] = (fab_part){ a, sizeof *a };
    parts[PART_SAMPLES] = (fab_part){ a->samples, (size_t)a->n * sizeof *a->samples };
    return true;
}

/* The answer of a child that may have been taken over: sizes and values are checked again. */
static bool plausible(fab_audio *a, const fab_part p[FAB_SANDBOX_PARTS], const job *j)
{
    const float *x = p[PART_SAMPLES].data;
    a->format[sizeof a->format - 1] = 0;
    if (a->rate != j->rate || a->n < 1 || (uint64_t)a->n > p[PART_SAMPLES].size / sizeof *x ||
        p[PART_SAMPLES].size != (size_t)a->n * sizeof *x || a->source_rate < 1 || a->channels < 1)
        return false;
    for (int64_t i = 0; i < a->n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

static fab_audio *decode_contained(job *j, fab_err *err)
{
    fab_part p[FAB_SANDBOX_PARTS];
    size_t most = ((size_t)FAB_AUDIO_MAX_SECONDS + 1) * (size_t)j->rate * sizeof(float);
    if (!fab_sandbox_run(decode_in_child, j, most, p, err)) return NULL;
    fab_audio *a = p[PART_FACTS].data;
    if (a && p[PART_FACTS].size == sizeof *a && plausible(a, p, j)) {
        a->samples = p[PART_SAMPLES].data;
        return a;
    }
    fab_free(a);
    fab_free(p[PART_SAMPLES].data);
    fab_fail(err, FAB_EFORMAT, "decoder's answer does not add up");
    return NULL;
}

fab_audio *fab_audio_parse(const void *bytes, size_t size, const fab_audio_opts *opts, fab_err *err)
{
    job j = { .bytes = bytes, .size = size, .rate = opts && opts->rate ? opts->rate : RATE };
    if (!size) {
        fab_fail(err, FAB_EFORMAT, "0 bytes: empty");
        return NULL;
    }
    if (!(opts && opts->trusted) && fab_sandbox_enabled()) return decode_contained(&j, err);
    fab_audio *a = fab_new(sizeof *a, err);
    if (a && decode(&j, a, err)) return a;
    fab_audio_free(a);
    return NULL;
}

fab_audio *fab_audio_open(const char *path, const fab_audio_opts *opts, fab_err *err)
{
    fab_file f = { 0 };
    if (!fab_file_map(&f, path, FAB_AUDIO_MAX_BYTES, err)) return NULL; /* names the path itself */
    fab_audio *a = fab_audio_parse(f.data, f.size, opts, err);
    if (!a) fab_while(err, "%s", path);
    fab_file_unmap(&f);
    return a;
}

void fab_audio_free(fab_audio *a)
{
    if (!a) return;
    fab_free(a->samples);
    fab_free(a);
}
