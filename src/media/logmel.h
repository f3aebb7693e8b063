/* logmel: what Whisper hears: the log-mel spectrogram of 16 kHz sound (Radford et al. 2022,
 * section 2.2; SYSTEMS.md 12.1).
 *
 *   frame t: samples 160 t - 200 .. 160 t + 199, times a periodic Hann window, mirrored at the ends
 *   power[f] = |sum_i w_i x_i exp(-2 pi j f i / 400)|^2,  f = 0..200 (40 Hz each)
 *   v[t,m]   = log10(max(sum_f filter[m,f] power[f], 1e-10))
 *   out      = (max(v, top - 8) + 4) / 4        top: the largest v of the sound
 *
 * filter: Slaney's mel scale, 0 to 8000 Hz, each triangle of equal area. */
#ifndef FAB_MEDIA_LOGMEL_H
#define FAB_MEDIA_LOGMEL_H

#include <stdint.h>
#include "base/err.h"

enum { FAB_LOGMEL_RATE = 16000, FAB_LOGMEL_HOP = 160, FAB_LOGMEL_FFT = 400, FAB_LOGMEL_BINS = 201 };

typedef struct fab_logmel fab_logmel; /* tables; does not change: threads may share it */

fab_logmel *fab_logmel_new(int mels, fab_err *err);
void fab_logmel_free(fab_logmel *p);                         /* NULL is fine */
const double *fab_logmel_filter(const fab_logmel *p, int m); /* [201], lent */

/* v of frames first .. first + frames - 1 -> out [frames,mels]. The sound is x[0..n), then silence
 * up to `length` samples, mirrored at 0 and at length - 1; frames further out are silence. */
void fab_logmel_frames(const fab_logmel *p, const float *x, int64_t n, int64_t length,
                       int64_t first, int64_t frames, float *out);
/* The last step, in place. */
void fab_logmel_scale(float *v, int64_t n, float top);

#endif
