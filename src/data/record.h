/* record: question-answer records about pictures, and the table of pictures they speak of.
 *
 * A JSONL line is an object with "question" and "answer" (strings, or a number or a list of
 * strings for an answer) and optionally "image" (relative to the JSONL's folder, or to the
 * folder given), "id", "lang" (en, zh; guessed from the script when absent), "answer_type"
 * (OPEN, CLOSED; guessed when absent), "source", "content_type" or "question_type", "organ",
 * "modality", "weight". A record without "image" is text only.
 */
#ifndef FAB_DATA_RECORD_H
#define FAB_DATA_RECORD_H

#include <stdint.h>
#include "base/arena.h"

typedef enum { FAB_EN, FAB_ZH, FAB_LANGS } fab_lang;

/* Distinct paths in order of first mention; the index is what every record, case and store slot
 * refers to. */
typedef struct {
    fab_arena *arena;   /* owned: the strings */
    const char **paths; /* [n] */
    int32_t n, cap;
    int32_t *slots; /* open hash table of n_slots, -1 empty */
    int32_t n_slots;
} fab_path_list;

bool fab_paths_init(fab_path_list *p, fab_err *err);
void fab_paths_clear(fab_path_list *p); /* cleared or half-built is fine */
int32_t fab_paths_add(fab_path_list *p, const char *path,
                      fab_err *err);                              /* its index; -1: memory is out */
int32_t fab_paths_find(const fab_path_list *p, const char *path); /* -1: not there */

typedef struct {
    const char *id;
    int32_t image; /* index into the path list; -1: text only */
    const char *question, *answer;
    fab_lang lang;
    bool closed;  /* yes/no, or the choices stand in the question */
    bool flip_ok; /* the mirrored picture has the same answer: no side is in it */
    float weight; /* how often to draw it in training, 1 by default */
    const char *source, *content_type, *organ, *modality; /* "" when unknown */
} fab_qa;

typedef struct {
    fab_arena *arena;      /* owned: the strings */
    fab_path_list *images; /* borrowed */
    fab_qa *items;         /* [n] */
    int64_t n, cap;
} fab_qa_set;

bool fab_qa_init(fab_qa_set *s, fab_path_list *images, fab_err *err);
void fab_qa_clear(fab_qa_set *s);
bool fab_qa_add(fab_qa_set *s, const fab_qa *item,
                fab_err *err); /* copies the strings; flip_ok is worked out here */

/* Appends the records of a JSONL. images_dir NULL: images are relative to the JSONL's folder. An
 * error names file, line, and field; the set then holds the lines before. No record at all is an
 * error. "-" is stdin. */
bool fab_qa_read(fab_qa_set *s, const char *path, const char *images_dir, fab_err *err);
bool fab_qa_parse(fab_qa_set *s, const void *bytes, size_t size, const char *name,
                  const char *images_dir, fab_err *err);

bool fab_asks_side(const char *text,
                   fab_lang lang);         /* left, right, laterality, 左, 右 ... as words */
fab_lang fab_lang_guess(const char *text); /* FAB_ZH when any Han character is in it */
bool fab_closed_guess(const char *question,
                      const char *answer); /* yes/no answers; "A or B" with the answer inside */
/* An English question that begins with what, which, where, how .., or tells to describe or to name:
 * of SLAKE's and VQA-RAD's 3,937 such training questions none has a bare yes or no as its answer.
 * Of Chinese ones some have: "图片中包含哪些疾病?", "没有"; they are never meant. */
bool fab_asks_openly(const char *question);
bool fab_bare_yes_no(const char *answer); /* English: yes, no, in any case, nothing else */

#endif
