/* detoken: from ids to text.
 *
 * A token's bytes are what its kind says; characters that tokens cut are put together from the
 * bytes of several. A whole sequence treats a run of byte tokens as Hugging Face's ByteFallback
 * does: when the run is no UTF-8, each of its bytes is U+FFFD. */
#include <string.h>
#include "text/token_impl.h"
#include "text/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* --- one token's bytes; out has room for its length and two more --- */

static size_t spm_bytes(const fab_tokenizer *t, const fab_piece *p, bool first, char *out)
{
    size_t n = 0;
    bool stripping = first && t->strip_first;

    for (uint32_t i = 0; i < p->len;) {
        bool space = p->len - i >= 3 && !memcmp(p->text + i, FAB_META, 3);
        if (space && !stripping) out[n++] = ' ';
        else if (!space) out[n++] = p->text[i];
        if (!space || t->strip_first < 2) stripping = false;
        i += space ? 3 : 1;
    }
    return n;
}

static bool closes_up(const char *s)
{
    static const char *const signs[] = { ".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (!strncmp(s, signs[i], strlen(signs[i]))) return true;
    return false;
}

static size_t wordpiece_bytes(const fab_tokenizer *t, const fab_piece *p, bool first, char *out)
{
    size_t joiner = strlen(t->joiner), n = 0;
    bool inside = p->len >= joiner && !memcmp(p->text, t->joiner, joiner);
    size_t skip = inside && !first ? joiner : 0;

    if (!first && !inside && !(t->cleanup && closes_up(p->text))) out[n++] = ' ';
    memcpy(out + n, p->text + skip, p->len - skip);
    return n + p->len - skip;
}

static size_t clip_bytes(const char *s, size_t n, char *out)
{
    bool end = n >= 4 && !memcmp(s + n - 4, "</w>", 4);
    memcpy(out, s, n);
    if (end) out[n - 4] = ' ';
    return end ? n - 3 : n;
}

static size_t token_bytes(const fab_tokenizer *t, int32_t id, bool first, char *out)
{
    const fab_piece *p = &t->pieces[id];
    bool normal = p->kind == FAB_PIECE_NORMAL && t->bpe;
    const char *s = normal ? t->bpe->tokens[id].bytes : p->text;
    size_t n = normal ? t->bpe->tokens[id].len : p->len;

    switch (t->decode) {
    case FAB_DECODE_SPM:
        if (p->kind == FAB_PIECE_NORMAL || p->kind == FAB_PIECE_USER)
            return spm_bytes(t, p, first, out);
        break;
    case FAB_DECODE_WORDPIECE: return wordpiece_bytes(t, p, first, out);
    case FAB_DECODE_CLIP:
        if (normal) return clip_bytes(s, n, out);
        break;
    case FAB_DECODE_BYTES: break;
    }
    memcpy(out, s, n);
    return n;
}

static int byte_of(const fab_tokenizer *t, int32_t id)
{
    const char *s = t->pieces[id].text;
    if (t->pieces[id].kind != FAB_PIECE_BYTE) return -1;
    int hi = s[3] <= '9' ? s[3] - '0' : s[3] - 'A' + 10;
    int lo = s[4] <= '9' ? s[4] - '0' : s[4] - 'A' + 10;
    return hi << 4 | lo;
}

size_t fab_tokenizer_bytes(const fab_tokenizer *t, int32_t id, char *out)
{
    int byte = id >= 0 && id < t->n ? byte_of(t, id) : -1;

    if (id < 0 || id >= t->n) return 0;
    if (byte < 0) return token_bytes(t, id, false, out);
    *out = (char)(uint8_t)byte;
    return 1;
}

/* --- streaming --- */

size_t fab_tokenizer_stream_room(const fab_tokenizer *t) { return 3 * (t->longest + 8); }

size_t fab_tokenizer_stream_push(const fab_tokenizer *t, fab_token_stream *s, int32_t id, char *out)
{
    char bytes[FAB_BPE_MAX_TOKEN + 8];
    fab_bpe_stream held = { { 0 }, s->n };
    size_t n = 1, len = 0;

    if (id < 0 || id >= t->n || (s->skip_special && fab_tokenizer_is_special(t, id))) return 0;
    memcpy(held.held, s->held, sizeof held.held);
    int byte = byte_of(t, id);
    if (byte >= 0) bytes[0] = (char)(uint8_t)byte;
    else n = token_bytes(t, id, !s->begun, bytes);
    for (size_t i = 0; i < n; i++) len += fab_utf8_join(&held, (uint8_t)bytes[i], out + len);
    s->begun = true;
    s->n = held.n;
    memcpy(s->held, held.held, sizeof held.held);
    return len;
}

size_t fab_tokenizer_stream_end(fab_token_stream *s, char *out)
{
    size_t n = s->n ? strlen(REPLACEMENT) : 0;
    memcpy(out, REPLACEMENT, n);
    s->n = 0;
    return n;
}

/* --- whole sequences --- */

typedef struct {
    char *s;
    size_t n, run; /* run: bytes at the end that byte tokens gave */
} text;

/* A run of byte tokens that is no text becomes as many U+FFFD. */
static void close_run(text *o)
{
    char *from = o->s + o->n - o->run;
    if (o->run && fab_utf8_check(from, o->run) != o->run) {
        for (size_t i = 0; i < o->run; i++) memcpy(from + 3 * i, REPLACEMENT, 3);
        o->n += 2 * o->run;
    }
    o->run = 0;
}

/* Every part that is no character becomes U+FFFD; in place, from the end of a buffer to its
 * beginning. */
static size_t repair(char *out, const char *s, size_t n)
{
    fab_bpe_stream held = { { 0 }, 0 };
    size_t len = 0;
    for (size_t i = 0; i < n; i++) len += fab_utf8_join(&held, (uint8_t)s[i], out + len);
    return len + fab_bpe_stream_end(&held, out + len);
}

static size_t join_tokens(const fab_tokenizer *t, const int32_t *ids, int64_t n, bool skip_special,
                          char *out)
{
    text o = { out, 0, 0 };
    bool first = true;

    for (int64_t i = 0; i < n; i++) {
        if (skip_special && fab_tokenizer_is_special(t, ids[i])) continue;
        int byte = byte_of(t, ids[i]);
        if (byte >= 0) {
            o.s[o.n++] = (char)(uint8_t)byte;
            o.run++;
        } else {
            close_run(&o);
            o.n += token_bytes(t, ids[i], first, o.s + o.n);
        }
        first = false;
    }
    close_run(&o);
    if (t->decode == FAB_DECODE_CLIP && o.n && o.s[o.n - 1] == ' ') o.n--;
    return o.n;
}

char *fab_tokenizer_decode(const fab_tokenizer *t, fab_arena *a, const int32_t *ids, int64_t n,
                           bool skip_special, fab_err *err)
{
    size_t room = 16;

    for (int64_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= t->n)
            return fab_fail(err, FAB_EFORMAT,
                            "id %d at position %lld is outside the vocabulary of %d", ids[i],
                            (long long)i, t->n),
                   NULL;
        room += t->pieces[ids[i]].len + 8;
    }
    char *joined = fab_arena_take(a, room, err);
    if (!joined) return NULL;
    size_t len = join_tokens(t, ids, n, skip_special, joined);
    if (fab_utf8_check(joined, len) == len) {
        joined[len] = 0;
        return joined;
    }
    char *out = fab_arena_take(a, 3 * len + 4, err);
    if (out) out[repair(out, joined, len)] = 0;
    return out;
}
