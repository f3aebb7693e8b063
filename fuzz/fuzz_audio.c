/* One sound decoded in this process (the cage would hide the findings), to what Whisper hears. */
#include <math.h>
#include "fuzz.h"
#include "media/audio.h"
#include "media/logmel.h"

/* libsndfile gives up on a damaged Ogg without clearing what vorbis_info_init took. The decoder
 * runs in a child that ends after its file (media/sandbox.h): the leak lives as long as one file. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libvorbis\n"; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_audio *a = fab_audio_parse(data, size, &(fab_audio_opts){ .trusted = true }, &err);
    if (!a && (err.code == FAB_OK || !err.text[0])) __builtin_trap(); /* failed without a message */
    fab_logmel *p = a ? fab_logmel_new(80, NULL) : NULL;
    float v[80 * 4];
    if (p) fab_logmel_frames(p, a->samples, a->n, a->n + 480000, 0, 4, v);
    for (int i = 0; p && i < 80 * 4; i++)
        if (!isfinite(v[i])) __builtin_trap();
    fab_logmel_free(p);
    fab_audio_free(a);
    return 0;
}
