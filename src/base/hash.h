/* hash: fingerprints. SHA-1 and SHA-256 through libcrypto, a fast 64-bit mix for tables. */
#ifndef FAB_BASE_HASH_H
#define FAB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t fab_hash64(const void *data, size_t size, uint64_t seed);
void fab_sha1_hex(const void *data, size_t size, char hex[41]);
void fab_sha256_hex(const void *data, size_t size, char hex[65]);

#endif
