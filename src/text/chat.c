/* chat: see chat.h. What the kinds write, with U a user's text and A an answer ("|" marks where a
 * text trimmed of blanks stands):
 *
 *   chatml   <|im_start|>ROLE\nTEXT<|im_end|>\n              open: <|im_start|>assistant\n
 *   llama-2  BOS[INST] <<SYS>>\nSYSTEM\n<</SYS>>\n\n|U| [/INST] |A| EOS, BOS before every [INST]
 *   llama-3  BOS<|start_header_id|>ROLE<|end_header_id|>\n\n|TEXT|<|eot_id|>
 *   mistral  BOS[INST] U [/INST]A EOS
 *   gemma    BOS<start_of_turn>user\n|U|<end_of_turn>\n<start_of_turn>model\n|A|<end_of_turn>\n
 *   zephyr   <|ROLE|>\nTEXT EOS\n
 *   vicuna   SYSTEM USER: U ASSISTANT: A EOS
 *
 * Where a kind has no place for a system text, it stands before the first user's with an empty line
 * between, as Gemma-3's own template does. */
#include "text/chat.h"

#include <string.h>

/* clang-format off */
static const struct { const char *name; const char *marks[3]; } kinds[FAB_CHATS] = {
    [FAB_CHAT_CHATML] = { "chatml", { "<|im_start|>", "<|im_end|>" } },
    [FAB_CHAT_LLAMA2] = { "llama-2", { "[INST]", "<<SYS>>" } },
    [FAB_CHAT_LLAMA3] = { "llama-3", { "<|start_header_id|>", "<|eot_id|>" } },
    [FAB_CHAT_MISTRAL] = { "mistral", { "[INST]", "[/INST]" } },
    [FAB_CHAT_GEMMA] = { "gemma", { "<start_of_turn>", "<end_of_turn>" } },
    [FAB_CHAT_ZEPHYR] = { "zephyr", { "<|user|>", "<|assistant|>", "eos_token" } },
    [FAB_CHAT_VICUNA] = { "vicuna", { "ASSISTANT:" } },
};
/* clang-format on */

const char *fab_chat_name(fab_chat_kind kind)
{
    return (unsigned)kind < FAB_CHATS ? kinds[kind].name : "?";
}

bool fab_chat_parse(const char *name, fab_chat_kind *kind)
{
    for (int i = 0; i < FAB_CHATS; i++)
        if (!strcmp(kinds[i].name, name)) return *kind = (fab_chat_kind)i, true;
    return false;
}

/* --- recognising --- */

static bool has_all(const char *jinja, const char *const marks[3])
{
    for (int i = 0; i < 3 && marks[i]; i++)
        if (!strstr(jinja, marks[i])) return false;
    return true;
}

/* Text between two marks in one literal of the template: without quotes or braces. */
static void between(const char *jinja, const char *from, const char *to, char *out, size_t room)
{
    for (const char *at = jinja; (at = strstr(at, from));) {
        at += strlen(from);
        const char *s = at;
        if (!strncmp(s, "\\n", 2)) s += 2;
        else if (*s == '\n') s++;
        const char *end = strstr(s, to);
        size_t n = end ? (size_t)(end - s) : 0;
        if (!n || n >= room || strcspn(s, "'\"{}+") < n) continue;
        memcpy(out, s, n);
        out[n] = 0;
        return;
    }
}

bool fab_chat_detect(fab_chat *c, const char *jinja, fab_err *err)
{
    *c = (fab_chat){ .kind = FAB_CHATS };
    for (int i = 0; i < FAB_CHATS && c->kind == FAB_CHATS; i++)
        if (has_all(jinja, kinds[i].marks)) c->kind = (fab_chat_kind)i;
    if (c->kind == FAB_CHATS && strstr(jinja, ".upper() + ': '")) c->kind = FAB_CHAT_VICUNA;
    if (c->kind == FAB_CHATS)
        return fab_fail(err, FAB_EUNSUPPORTED, "the chat template '%.80s...' is not recognised",
                        jinja);
    c->bos = strstr(jinja, "bos_token") != NULL;
    c->answer_space = strstr(jinja, "' ' + message['content']") || strstr(jinja, "' ' + content");
    c->eos_space = strstr(jinja, "eos_token + ' '") != NULL;
    if (c->kind == FAB_CHAT_CHATML)
        between(jinja, "<|im_start|>system", "<|im_end|>", c->system, sizeof c->system);
    const char *vicuna = c->kind == FAB_CHAT_VICUNA ? strstr(jinja, "A chat between") : NULL;
    size_t n = vicuna ? strcspn(vicuna, "\"{}") : 0;
    const char *end = vicuna ? strstr(vicuna, "' ") : NULL; /* a quote alone may be an apostrophe */
    if (end && (size_t)(end - vicuna) < n) n = (size_t)(end - vicuna);
    if (n < sizeof c->system) memcpy(c->system, vicuna ? vicuna : "", n);
    return true;
}

/* --- rendering --- */

typedef struct {
    const fab_chat *c;
    const char *bos, *eos;
    fab_chat_text *out;
    size_t room;
    int64_t span_room;
    fab_arena *arena;
    fab_err *err;
} page;

static bool add(page *p, const char *s, size_t n)
{
    fab_chat_text *o = p->out;
    if (n + 1 > p->room - o->n) {
        size_t room = 2 * (p->room + n + 1);
        char *wide = fab_arena_take(p->arena, room, p->err);
        if (!wide) return false;
        if (o->n) memcpy(wide, o->text, o->n);
        o->text = wide;
        p->room = room;
    }
    memcpy(o->text + o->n, s, n);
    o->text[o->n += n] = 0;
    return true;
}

static bool say(page *p, const char *s) { return add(p, s, strlen(s)); }

static bool is_blank(char c) { return c == ' ' || (c >= 9 && c <= 13); }

/* A message's text, noted as such. */
static bool quote(page *p, const char *s, bool trim)
{
    size_t n = strlen(s);
    fab_chat_text *o = p->out;

    while (trim && n && is_blank(*s)) s++, n--;
    while (trim && n && is_blank(s[n - 1])) n--;
    if (!n) return true;
    o->plain[o->n_plain++] = (fab_text_span){ o->n, o->n + n };
    return add(p, s, n);
}

/* The system text before a user's. */
static bool user_text(page *p, const char *system, const char *text, bool trim)
{
    return (!system || (quote(p, system, trim) && say(p, "\n\n"))) && quote(p, text, trim);
}

static bool turn_llama2(page *p, const char *system, const fab_chat_message *m, bool first)
{
    if (*m->role == 'a')
        return say(p, " ") && quote(p, m->text, true) && say(p, " ") && say(p, p->eos);
    if (!first && p->c->bos && !say(p, p->bos)) return false;
    if (!say(p, "[INST] ")) return false;
    if (system && !(say(p, "<<SYS>>\n") && quote(p, system, false) && say(p, "\n<</SYS>>\n\n")))
        return false;
    return quote(p, m->text, !system) && say(p, " [/INST]");
}

static bool turn_mistral(page *p, const char *system, const fab_chat_message *m)
{
    if (*m->role != 'a')
        return say(p, "[INST] ") && user_text(p, system, m->text, false) && say(p, " [/INST]");
    return (!p->c->answer_space || say(p, " ")) && quote(p, m->text, false) && say(p, p->eos) &&
           (!p->c->eos_space || say(p, " "));
}

static bool turn(page *p, const char *system, const fab_chat_message *m, bool first)
{
    bool answer = *m->role == 'a';

    switch (p->c->kind) {
    case FAB_CHAT_CHATML:
        return say(p, "<|im_start|>") && say(p, m->role) && say(p, "\n") &&
               quote(p, m->text, false) && say(p, "<|im_end|>\n");
    case FAB_CHAT_LLAMA2: return turn_llama2(p, system, m, first);
    case FAB_CHAT_LLAMA3:
        return say(p, "<|start_header_id|>") && say(p, m->role) &&
               say(p, "<|end_header_id|>\n\n") && quote(p, m->text, true) && say(p, "<|eot_id|>");
    case FAB_CHAT_MISTRAL: return turn_mistral(p, system, m);
    case FAB_CHAT_GEMMA:
        return say(p, "<start_of_turn>") && say(p, answer ? "model\n" : "user\n") &&
               user_text(p, system, m->text, true) && say(p, "<end_of_turn>\n");
    case FAB_CHAT_ZEPHYR:
        return say(p, "<|") && say(p, m->role) && say(p, "|>\n") && quote(p, m->text, false) &&
               say(p, p->eos) && say(p, "\n");
    default: /* vicuna */
        if (*m->role == 's') return quote(p, m->text, false) && say(p, " ");
        return say(p, answer ? "ASSISTANT: " : "USER: ") && quote(p, m->text, false) &&
               say(p, answer ? p->eos : " ");
    }
}

static bool open_answer(page *p)
{
    static const char *const opens[FAB_CHATS] = {
        [FAB_CHAT_CHATML] = "<|im_start|>assistant\n",
        [FAB_CHAT_LLAMA2] = "",
        [FAB_CHAT_LLAMA3] = "<|start_header_id|>assistant<|end_header_id|>\n\n",
        [FAB_CHAT_MISTRAL] = "",
        [FAB_CHAT_GEMMA] = "<start_of_turn>model\n",
        [FAB_CHAT_ZEPHYR] = "<|assistant|>\n",
        [FAB_CHAT_VICUNA] = "ASSISTANT:",
    };
    return say(p, opens[p->c->kind]);
}

static bool role_is(const fab_chat_message *m, const char *role) { return !strcmp(m->role, role); }

/* Known roles; the system first; where the kind joins a question to its answer, by turns. */
static bool check(const fab_chat *c, const fab_chat_message *m, int64_t n, fab_err *err)
{
    bool turns =
        c->kind == FAB_CHAT_LLAMA2 || c->kind == FAB_CHAT_MISTRAL || c->kind == FAB_CHAT_GEMMA;
    int64_t from = n && role_is(&m[0], "system");

    for (int64_t i = 0; i < n; i++) {
        bool user = role_is(&m[i], "user"), system = role_is(&m[i], "system");
        if (!user && !system && !role_is(&m[i], "assistant"))
            return fab_fail(err, FAB_EUSAGE,
                            "message %lld: role '%.20s' is not system, user or assistant",
                            (long long)i, m[i].role);
        if (system && i)
            return fab_fail(err, FAB_EUSAGE, "message %lld: a system text that is not the first",
                            (long long)i);
        if (turns && i >= from && user != ((i - from) % 2 == 0))
            return fab_fail(err, FAB_EUSAGE,
                            "message %lld: %.20s; a %s conversation goes user, assistant, user ...",
                            (long long)i, m[i].role, fab_chat_name(c->kind));
    }
    return n > from ||
           fab_fail(err, FAB_EUSAGE, "a conversation of %lld messages has no user's", (long long)n);
}

bool fab_chat_render(const fab_chat *c, const fab_chat_message *m, int64_t n, bool open,
                     const char *bos, const char *eos, fab_arena *a, fab_chat_text *out,
                     fab_err *err)
{
    bool inside = c->kind == FAB_CHAT_LLAMA2 || c->kind == FAB_CHAT_MISTRAL ||
                  c->kind == FAB_CHAT_GEMMA; /* the system text goes into the first user's */
    page p = { c, bos ? bos : "", eos ? eos : "", out, 0, 0, a, err };
    const char *system = *c->system ? c->system : NULL;

    *out = (fab_chat_text){ 0 };
    if (!check(c, m, n, err)) return false;
    out->plain = fab_arena_take(a, ((size_t)n + 2) * sizeof *out->plain, err);
    if (!out->plain || !say(&p, c->bos ? p.bos : "")) return false;
    if (role_is(&m[0], "system")) {
        system = m[0].text;
        m++, n--;
    }
    fab_chat_message first = { "system", system };
    if (system && !inside && !turn(&p, NULL, &first, true)) return false;
    for (int64_t i = 0; i < n; i++)
        if (!turn(&p, inside && !i ? system : NULL, &m[i], !i)) return false;
    return !open || open_answer(&p);
}

int32_t *fab_chat_encode(const fab_tokenizer *t, const fab_chat *c, const fab_chat_message *m,
                         int64_t n, bool open, fab_arena *a, int64_t *n_ids, fab_err *err)
{
    const fab_tokenizer_marks *k = fab_tokenizer_marks_get(t);
    fab_chat_text text;

    if (!fab_chat_render(c, m, n, open, fab_tokenizer_token(t, k->bos),
                         fab_tokenizer_token(t, k->eos), a, &text, err))
        return NULL;
    fab_encode_opts o = { .special = true, .plain = text.plain, .n_plain = text.n_plain };
    return fab_tokenizer_encode_all(t, text.text, text.n, &o, a, n_ids, err);
}
