/* stats_arm: cases to arms by a hash: no list to keep, nothing to coordinate. See sequential.h. */
#include <string.h>
#include "base/arena.h"
#include "base/hash.h"
#include "metrics/sequential.h"

int fab_bucket(const char *user, const char *experiment)
{
    char hex[65], small[512], *text = small;
    size_t n = strlen(user), m = strlen(experiment);
    int bucket = 0;
    if (n + m > sizeof small && !(text = fab_new(n + m, NULL))) return -1;
    memcpy(text, user, n);
    memcpy(text + n, experiment, m);
    fab_sha256_hex(text, n + m, hex);
    if (text != small) fab_free(text);
    for (int i = 0; i < 64; i++) {
        int digit = hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10;
        bucket = (bucket * 16 + digit) % FAB_BUCKETS;
    }
    return bucket;
}

int fab_arm_of(int bucket, const int *shares, int n)
{
    for (int i = 0, end = 0; bucket >= 0 && i < n; i++) {
        end += shares[i];
        if (bucket < end) return i;
    }
    return -1;
}
