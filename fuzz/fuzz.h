/* fuzz: what every target file defines. Bytes in; a crash, a leak or a sanitizer's finding is the
 * failure. */
#ifndef FAB_FUZZ_H
#define FAB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
