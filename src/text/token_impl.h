/* token_impl: what a fab_tokenizer is, for the files of this folder that fill one or use it.
 *
 * Filling: begin with the number of ids, put every piece, name the added ones, set steps and model,
 * seal. On failure: free. */
#ifndef FAB_TEXT_TOKEN_IMPL_H
#define FAB_TEXT_TOKEN_IMPL_H

#include "text/bpe_table.h"
#include "text/cut.h"
#include "text/normal.h"
#include "text/tokenizer.h"

#define FAB_MAX_STEPS 16
#define FAB_MAX_FRAME 8
#define FAB_META      "\xe2\x96\x81" /* U+2581, SentencePiece's space */

/* GGUF's and SentencePiece's numbers. */
typedef enum {
    FAB_PIECE_NONE,
    FAB_PIECE_NORMAL,
    FAB_PIECE_UNKNOWN,
    FAB_PIECE_CONTROL,
    FAB_PIECE_USER, /* an added token that is text */
    FAB_PIECE_UNUSED,
    FAB_PIECE_BYTE,
} fab_piece_kind;

typedef enum {
    FAB_MODEL_BYTE_BPE,
    FAB_MODEL_CLIP,
    FAB_MODEL_SPM,
    FAB_MODEL_UNIGRAM,
    FAB_MODEL_WORDPIECE,
} fab_model_kind;

typedef struct {
    const char *text; /* NUL-terminated */
    uint32_t len;
    float score;
    uint8_t kind;
} fab_piece;

enum { FAB_ADDED_LSTRIP = 1, FAB_ADDED_RSTRIP = 2, FAB_ADDED_WORD = 4, FAB_ADDED_NORMALIZED = 8 };

typedef struct {
    int32_t id;
    uint8_t flags;
} fab_added;

/* Added tokens of one kind by their text: tried longest first at a byte that begins one. */
typedef struct {
    fab_added *list;
    int32_t n, room;
    int32_t from[257]; /* list[from[c]..from[c + 1]) begin with byte c */
} fab_added_set;

typedef enum {
    FAB_DECODE_BYTES,     /* byte-level alphabet */
    FAB_DECODE_CLIP,      /* the same, </w> is a space */
    FAB_DECODE_SPM,       /* U+2581 is a space, <0xNN> a byte */
    FAB_DECODE_WORDPIECE, /* ## joins */
} fab_decode_kind;

struct fab_tokenizer {
    fab_arena *arena;
    fab_model_kind model;
    fab_piece *pieces;
    int32_t n;
    uint32_t *words, word_mask; /* pieces by text: id + 1, 0 empty */
    uint64_t *trie_key;         /* Unigram: (node << 8 | byte) + 1, 0 empty */
    uint32_t *trie_node, trie_mask;
    int32_t *trie_piece; /* by node: id, -1 */
    fab_bpe *bpe;
    fab_added_set raw, normal; /* found before and after the text is normalised */
    fab_normal norm[FAB_MAX_STEPS];
    fab_cut cut[FAB_MAX_STEPS];
    int n_norm, n_cut;
    bool cut_meta; /* no piece has U+2581 after another character: words may be cut there */
    bool byte_fallback, fuse_unk, ignore_merges, by_score;
    const char *joiner; /* WordPiece: "##" */
    int64_t max_word;   /* WordPiece: characters */
    float min_score;
    size_t longest; /* bytes of the longest piece */
    fab_decode_kind decode;
    int strip_first; /* SPM: the text's first space is no text: 1; nor all of its first token's: 2 */
    bool cleanup;    /* WordPiece: no space before signs */
    int32_t before[FAB_MAX_FRAME], after[FAB_MAX_FRAME];
    int n_before, n_after;
    int32_t byte_id[256]; /* ids of <0xNN>, -1 */
    fab_tokenizer_marks marks;
    const char *chat_template;
};

fab_tokenizer *fab_tok_begin(fab_model_kind model, int64_t n, fab_err *err);
bool fab_tok_put(fab_tokenizer *t, int64_t id, const char *text, size_t len, fab_piece_kind kind,
                 float score, fab_err *err);
bool fab_tok_add(fab_tokenizer *t, int32_t id, int flags, fab_err *err);
/* i of merges: the halves as the vocabulary writes them. */
typedef struct {
    int64_t n;
    bool (*half)(const void *arg, int64_t i, const char **left, size_t *n_left, const char **right,
                 size_t *n_right, fab_err *err);
    const void *arg;
} fab_tok_merges;
/* merges: of the BPE kinds; NULL with by_score set. */
bool fab_tok_seal(fab_tokenizer *t, const fab_tok_merges *merges, fab_err *err);

int32_t fab_tok_find(const fab_tokenizer *t, const char *text, size_t len); /* a piece; -1 */

/* The model's part: one word's ids. */
bool fab_unigram_word(const fab_tokenizer *t, fab_bpe_run *r, const char *s, size_t n);
bool fab_unigram_seal(fab_tokenizer *t, fab_err *err);
bool fab_wordpiece_word(const fab_tokenizer *t, fab_bpe_run *r, const char *s, size_t n);

/* "a b", merge i, in its halves. */
bool fab_tok_halves(const char *rule, size_t n, int64_t i, const char **left, size_t *n_left,
                    const char **right, size_t *n_right, fab_err *err);
void fab_tok_guess_marks(fab_tokenizer *t); /* bos, eos ... by the names that models give them */

/* For files that have no list of steps. meta_steps: SentencePiece's, and its decoder; add_by_kind:
 * control and user pieces are added tokens; frame: bos before (BERT: [CLS]), eos after ([SEP]). */
bool fab_tok_meta_steps(fab_tokenizer *t, bool prefix, bool remove_extra, fab_err *err);
bool fab_tok_add_by_kind(fab_tokenizer *t, fab_err *err);
void fab_tok_frame(fab_tokenizer *t, bool bos, bool eos);

void fab_run_emit(fab_bpe_run *r, int32_t id);

#endif
