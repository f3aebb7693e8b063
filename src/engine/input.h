/* input: a picture from a path or stdin ("-"), decoded, with the fingerprint of its bytes: what
 * every verb starts from. */
#ifndef FAB_ENGINE_INPUT_H
#define FAB_ENGINE_INPUT_H

#include "base/file.h"
#include "media/image.h"

typedef struct {
    fab_file file;
    fab_image *image;
    char sha256[65];
} fab_input;

/* opts may be NULL. False with err set, naming the path: missing, a directory, unreadable, empty,
 * not an image, broken. */
bool fab_input_open(fab_input *in, const char *path, const fab_image_opts *opts, fab_err *err);
void fab_input_close(fab_input *in); /* cleared and half-built are fine */

#endif
