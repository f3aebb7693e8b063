/* hash: see hash.h. fab_hash64 is for tables and caches inside one program, not for anything
 * hostile:
 *
 *   h = seed ^ size;   h = mix(h ^ word) per 8 bytes (the last one zero-padded);   mix = xor-shift, multiply, twice
 */
#include "base/hash.h"

#include <openssl/sha.h>
#include "base/bytes.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

uint64_t fab_hash64(const void *data, size_t size, uint64_t seed)
{
    const uint8_t *p = data;
    uint64_t h = mix(seed ^ size * 0x9e3779b97f4a7c15u);
    for (; size >= 8; size -= 8, p += 8) h = mix(h ^ fab_le64(p)) + 0x9e3779b97f4a7c15u;
    if (size) {
        uint8_t last[8] = { 0 };
        memcpy(last, p, size);
        h = mix(h ^ fab_le64(last));
    }
    return mix(h);
}

static void to_hex(const unsigned char *digest, int n, char *hex)
{
    for (int i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * n] = 0;
}

void fab_sha1_hex(const void *data, size_t size, char hex[41])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(data, size, digest);
    to_hex(digest, SHA_DIGEST_LENGTH, hex);
}

void fab_sha256_hex(const void *data, size_t size, char hex[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(data, size, digest);
    to_hex(digest, SHA256_DIGEST_LENGTH, hex);
}
