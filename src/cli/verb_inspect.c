/* fabrica inspect: what a file is, found by its first bytes: weights (safetensors, GGUF) or an
 * image (PNG, JPEG, DICOM).
 *
 * For an image the JSON has rows, cols, frames, samples, transfer_syntax, photometric, min, max,
 * mean and the sha1 of the raw little-endian samples. A patient's name is printed only when asked
 * for. */
#include <stddef.h>
#include <string.h>
#include "base/file.h"
#include "cli/verb.h"
#include "format/weights.h"
#include "media/describe.h"
#include "media/image.h"
#include "zoo/decoder.h"
#include "zoo/encoder.h"
#include "zoo/skills.h"

typedef struct {
    const char *file;
    int64_t frame;
    bool header, tensors, identity;
} opts;

static json_t *describe_image(const fab_file *f, const opts *o, fab_err *err)
{
    fab_image_opts how = { .frame = (int)o->frame, .facts_only = o->header };
    fab_image *im = fab_image_parse(f->data, f->size, &how, err);
    json_t *v = im ? fab_image_describe(im, o->identity, err) : NULL;
    fab_image_free(im);
    return v;
}

/* A model of ours tells what each row of the report's protocol is worth. */
static bool add_skills(json_t *v, const fab_weights *w, fab_arena *a, fab_err *err)
{
    fab_skills s;
    if (!fab_skills_read(w, a, &s, err)) return false;
    return !s.n || json_object_set_new(v, "skills", fab_skills_json(&s)) == 0 ||
           fab_fail(err, FAB_ENOMEM, "no memory for the list of skills");
}

static json_t *describe_weights(fab_run *r, const opts *o, fab_err *err)
{
    fab_weights *w = fab_weights_open(o->file, err);
    json_t *v = w ? fab_weights_describe(w, o->tensors, err) : NULL;
    if (v && !add_skills(v, w, r->arena, err)) {
        fab_while(err, "%s", o->file);
        json_decref(v);
        v = NULL;
    }
    fab_weights_close(w);
    return v;
}

/* A folder whose config.json names a text decoder. */
static bool holds_decoder(const char *folder, fab_arena *a, fab_err *err)
{
    const char *path = fab_path_join(a, folder, "config.json", err);
    json_t *o = path && fab_exists(path) ? fab_json_open(path, err) : NULL;
    const char *type = fab_json_str(o, "model_type", NULL);
    bool is = type && fab_decoder_kind_find(type);
    json_decref(o);
    return is;
}

static json_t *describe_decoder(const char *folder, fab_err *err)
{
    const fab_decoder_opts o = { 0 };
    fab_decoder *d = fab_decoder_open(folder, &o, err);
    if (!d) return NULL;
    const fab_decoder_config *c = &d->cfg;
    json_t *v = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "family", c->kind->type, "layers",
                          (json_int_t)c->layers, "width", (json_int_t)c->dim, "heads",
                          (json_int_t)c->heads, "kv_heads", (json_int_t)c->kv_heads, "vocabulary",
                          (json_int_t)c->vocab, "context", (json_int_t)c->context);
    fab_decoder_close(d);
    return v;
}

/* A folder is a published model: its family, and by opening it whether all of it fits. */
static json_t *describe_folder(fab_run *r, const char *folder, fab_err *err)
{
    if (holds_decoder(folder, r->arena, err)) return describe_decoder(folder, err);
    fab_encoder *e = err->code ? NULL : fab_encoder_open(folder, r->pool, false, err);
    json_t *v = e ? fab_encoder_describe(e, err) : NULL;
    fab_encoder_close(e);
    return v;
}

/* What a value reads like on one line: numbers and words bare, lists and objects as JSON. */
static char *line_of(const json_t *v)
{
    if (json_is_string(v)) return fab_strdup(json_string_value(v), NULL);
    return json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
}

static void print_lines(fab_run *r, const json_t *v)
{
    const char *key;
    json_t *one;
    json_object_foreach((json_t *)v, key, one)
    {
        if (json_is_array(one) && json_array_size(one) && json_is_object(json_array_get(one, 0))) {
            size_t i;
            json_t *item;
            fprintf(r->out, "%s\n", key);
            json_array_foreach(one, i, item)
            {
                char *text = line_of(item);
                fprintf(r->out, "  %s\n", text ? text : "");
                fab_free(text);
            }
            continue;
        }
        char *text = line_of(one);
        fprintf(r->out, "%-20s %s\n", key, text ? text : "");
        fab_free(text);
    }
}

static bool show(fab_run *r, json_t *v, fab_err *err)
{
    if (!v) return false;
    if (r->json) return fab_run_json(r, v, err);
    print_lines(r, v);
    json_decref(v);
    return true;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    if (fab_encoder_folder_at(o->file)) return show(r, describe_folder(r, o->file, err), err);
    fab_file f = { 0 };
    if (!fab_file_map(&f, o->file, 0, err)) return false;
    bool image = fab_image_kind(f.data, f.size) != NULL;
    json_t *v = image ? describe_image(&f, o, err) : NULL;
    if (image && !v) fab_while(err, "%s", o->file);
    fab_file_unmap(&f);
    if (!image) v = describe_weights(r, o, err);
    return show(r, v, err);
}

const fab_verb fab_verb_inspect = {
    .name = "inspect",
    .summary = "say what a file of weights or an image is",
    .about =
        "Safetensors and GGUF: tensors and metadata; for a model of ours what each question of a "
        "report is worth on held-out pictures. A folder: the published model in it, and "
        "whether all of it fits. PNG, JPEG and DICOM: size, samples, "
        "checksum of the decoded "
        "pixels, geometry and windows. The kind is found by the first bytes, not by the name.",
    .example = "fabrica inspect slice.dcm --json",
    .opts_size = sizeof(opts),
    .run = run,
    .opts = (const fab_opt[]){ { "FILE", FAB_FILE_IN, offsetof(opts, file), NULL,
                                 "the file, or a published model's folder" },
                               { "frame", FAB_INT, offsetof(opts, frame), "0",
                                 "the frame whose window is shown, from 0", .min = 0, .max = 1e9 },
                               { "header", FAB_FLAG, offsetof(opts, header), NULL,
                                 "do not decode the pixels" },
                               { "tensors", FAB_FLAG, offsetof(opts, tensors), NULL,
                                 "list every tensor of a weight file" },
                               { "identity", FAB_FLAG, offsetof(opts, identity), NULL,
                                 "print the patient's name, age and sex, else withheld" },
                               { 0 } },
};
