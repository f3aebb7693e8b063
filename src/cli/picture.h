/* picture: what verbs about one image share: the image decoded, the model opened, one function
 * called. */
#ifndef FAB_CLI_PICTURE_H
#define FAB_CLI_PICTURE_H

#include <stddef.h>
#include "cli/verb.h"
#include "engine/gate.h"
#include "engine/input.h"

typedef bool (*fab_picture_fn)(fab_run *r, const void *opts, fab_engine *e, const fab_input *in,
                               fab_err *err);

/* Opens image (how may be NULL) and model (NULL: the usual places), calls fn, closes both. A bad
 * image is told before the model is loaded. */
bool fab_run_picture(fab_run *r, const char *image, const fab_image_opts *how, const char *model,
                     fab_picture_fn fn, const void *opts, fab_err *err);

/* The answer's common last fields: model, input_sha256, research_use. o may be NULL; in NULL: no
 * input. Prints o. */
bool fab_run_result(fab_run *r, json_t *o, const fab_engine *e, const fab_input *in, fab_err *err);

#define FAB_OPT_IMAGE(type)                                                                        \
    {                                                                                              \
        "IMAGE", FAB_FILE_IN, offsetof(type, image), NULL, "a DICOM, PNG or JPEG file; - is stdin" \
    }
#define FAB_OPT_FORCE(type)                                                                        \
    {                                                                                              \
        "force", FAB_FLAG, offsetof(type, force), NULL,                                            \
            "go on although the input gate refuses the image"                                      \
    }
#define FAB_OPT_ADAPTER(type)                                                                      \
    {                                                                                              \
        "adapter", FAB_FILE_IN, offsetof(type, adapter), NULL,                                     \
            "an adapter trained on the model (fabrica adapter info)"                               \
    }
/* Of a struct with double age, const char *sex and bool picture_alone. */
#define FAB_OPT_PATIENT(type)                                                                      \
    { "age",                                                                                       \
      FAB_FLOAT,                                                                                   \
      offsetof(type, age),                                                                         \
      "0",                                                                                         \
      "the patient's age in years, which counts for skin lesions; 0: the DICOM header's, if any",  \
      .min = 0,                                                                                    \
      .max = FAB_AGE_MOST,                                                                         \
      .meta = "YEARS" },                                                                           \
        { "sex",                                                                                   \
          FAB_CHOICE,                                                                              \
          offsetof(type, sex),                                                                     \
          NULL,                                                                                    \
          "the patient's sex, which counts likewise; else the DICOM header's",                     \
          .choices = "male|female" },                                                              \
    {                                                                                              \
        "picture-alone", FAB_FLAG, offsetof(type, picture_alone), NULL,                            \
            "make nothing of age and sex, the header's neither"                                    \
    }
#define FAB_OPT_MODEL(type)                                                                        \
    {                                                                                              \
        "model", FAB_FILE_IN, offsetof(type, model), NULL,                                         \
            "the model file; else $FABRICA_MODEL, else models/mini.gguf"                           \
    }

#endif
