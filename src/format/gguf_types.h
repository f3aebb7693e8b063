/* gguf_types: what the reader and the writer of GGUF share. */
#ifndef FAB_FORMAT_GGUF_TYPES_H
#define FAB_FORMAT_GGUF_TYPES_H

#include "base/dtype.h"

#define FAB_GGUF_ALIGNMENT 32
#define FAB_GGUF_MAX_DIM   4
#define FAB_GGUF_MAX_NAME  64 /* bytes; the writer keeps one free for readers that count a NUL */

bool fab_gguf_number(fab_dtype t, uint32_t *number); /* false: GGUF has no such type */

#endif
