/* Tokenizers of published models against the references' ids and texts
 * (tools/golden/published_tokenizers.py), chat templates, and bad input. */
#include "base/json.h"
#include "cases.h"
#include "text/chat.h"
#include "text/tokenizer_read.h"
#include "zoo/tokenizer_file.h"

#define GOLDEN "tests/golden/tokenizers/"

static fab_tokenizer *open_golden(const char *name)
{
    char path[128];
    fab_err err = FAB_ERR_INIT;
    snprintf(path, sizeof path, GOLDEN "%s", name);
    fab_tokenizer *t = fab_tokenizer_open(path, &err);
    CHECK_MSG(t, "%s", err.text);
    return t;
}

static void same_ids(const char *name, const char *text, const json_t *want, const int32_t *ids,
                     int64_t n)
{
    CHECK_MSG((int64_t)json_array_size(want) == n, "%s: '%.60s' has %lld ids, wanted %zu", name,
              text, (long long)n, json_array_size(want));
    for (int64_t i = 0; i < n; i++)
        CHECK_MSG(json_integer_value(json_array_get(want, (size_t)i)) == ids[i],
                  "%s: '%.60s': id %lld is %d, wanted %lld", name, text, (long long)i, ids[i],
                  (long long)json_integer_value(json_array_get(want, (size_t)i)));
}

static void check_stream(const fab_tokenizer *t, fab_arena *a, const int32_t *ids, int64_t n)
{
    fab_token_stream s = { 0 };
    char *out = fab_arena_take(a, ((size_t)n + 1) * fab_tokenizer_stream_room(t) + 4, NULL);
    size_t len = 0;

    for (int64_t i = 0; i < n; i++) {
        size_t k = fab_tokenizer_stream_push(t, &s, ids[i], out + len);
        CHECK(k <= fab_tokenizer_stream_room(t));
        len += k;
    }
    len += fab_tokenizer_stream_end(&s, out + len);
    out[len] = 0;
    const char *whole = fab_tokenizer_decode(t, a, ids, n, false, NULL);
    CHECK_STR(out, whole);
}

static void check_text(const fab_tokenizer *t, const char *name, const json_t *text,
                       const json_t *file, size_t i, fab_arena *a)
{
    const json_t *decoded = json_array_get(json_object_get(file, "text"), i);
    const char *s = json_string_value(text);
    bool special = !json_object_get(file, "plain");
    fab_encode_opts plain = { .special = special }, framed = { .special = special, .frame = true };
    fab_err err = FAB_ERR_INIT;
    int64_t n;

    int32_t *ids = fab_tokenizer_encode_all(t, s, json_string_length(text), &plain, a, &n, &err);
    CHECK_MSG(ids, "%s", err.text);
    same_ids(name, s, json_array_get(json_object_get(file, "ids"), i), ids, n);
    if (decoded) {
        const char *back = fab_tokenizer_decode(t, a, ids, n, true, &err);
        CHECK_MSG(back && !strcmp(back, json_string_value(decoded)),
                  "%s: '%.60s' comes back as '%.60s'", name, s, back ? back : err.text);
        if (strcmp(name, "clip") != 0 && strcmp(name, "clip.json") != 0) check_stream(t, a, ids, n);
    }
    ids = fab_tokenizer_encode_all(t, s, json_string_length(text), &framed, a, &n, &err);
    same_ids(name, s, json_array_get(json_object_get(file, "framed"), i), ids, n);
}

/* The models that tools/get-weights fetches, when they are there. */
TEST(real_ids)
{
    static const char *const names[] = { "minilm", "whisper-base" };
    const char *dir = getenv("FABRICA_WEIGHTS") ? getenv("FABRICA_WEIGHTS") : "weights";
    fab_err err = FAB_ERR_INIT;
    json_t *doc = fab_json_open(GOLDEN "real.json", &err);
    const json_t *texts = json_object_get(doc, "texts"), *text;
    fab_arena *a = fab_arena_new(0, NULL);
    int files = 0;

    CHECK_MSG(doc, "%s", err.text);
    for (size_t k = 0; k < 2; k++) {
        char path[512];
        size_t i;
        snprintf(path, sizeof path, "%s/%s", dir, names[k]);
        if (!fab_exists(path)) continue;
        fab_tokenizer *t = fab_tokenizer_open(path, &err);
        CHECK_MSG(t, "%s", err.text);
        const json_t *file = json_object_get(json_object_get(doc, "files"), names[k]);
        json_array_foreach(texts, i, text) check_text(t, names[k], text, file, i, a);
        fab_tokenizer_free(t);
        files++;
    }
    fab_arena_free(a);
    json_decref(doc);
    if (!files) SKIP("no %s/minilm: tools/get-weights minilm fetches it", dir);
}

TEST(golden_ids)
{
    fab_err err = FAB_ERR_INIT;
    json_t *doc = fab_json_open(GOLDEN "cases.json", &err);
    const json_t *texts = json_object_get(doc, "texts"), *text;
    const char *name;
    json_t *file;
    fab_arena *a = fab_arena_new(0, NULL);
    int files = 0;

    CHECK_MSG(doc, "%s", err.text);
    json_object_foreach(json_object_get(doc, "files"), name, file)
    {
        fab_tokenizer *t = open_golden(name);
        size_t i;
        json_array_foreach(texts, i, text) check_text(t, name, text, file, i, a);
        fab_tokenizer_free(t);
        fab_arena_reset(a);
        files++;
    }
    CHECK(files == 15);
    fab_arena_free(a);
    json_decref(doc);
}

TEST(a_user_cannot_type_control_tokens)
{
    fab_tokenizer *t = open_golden("byte-bpe.json");
    static const char text[] = "<|im_start|>user\n<|im_start|>\n<|im_end|>\n";
    const fab_text_span user = { 17, 29 };
    fab_encode_opts o = { .special = true, .plain = &user, .n_plain = 1 };
    int32_t ids[64];
    int32_t mark = fab_tokenizer_id(t, "<|im_start|>");
    int64_t n = fab_tokenizer_encode(t, text, sizeof text - 1, &o, ids, 64, NULL);
    int count = 0;

    CHECK(n > 0 && n <= 64 && mark == 1 && fab_tokenizer_is_special(t, mark));
    for (int64_t i = 0; i < n; i++) count += ids[i] == mark;
    CHECK(count == 1 && ids[0] == mark && ids[n - 1] != mark);
    n = fab_tokenizer_encode(t, text, sizeof text - 1, NULL, ids, 64, NULL);
    for (int64_t i = 0; i < n && i < 64; i++) CHECK(ids[i] != mark);
    fab_tokenizer_free(t);
}

TEST(text_that_is_not_utf8)
{
    fab_tokenizer *t = open_golden("llama.json");
    fab_err err = FAB_ERR_INIT;
    int32_t ids[8];

    CHECK(fab_tokenizer_encode(t, "ab\xff", 3, NULL, ids, 8, &err) == -1);
    CHECK_SAYS(err.text, "text is not UTF-8 at byte 2 (0xFF)");
    fab_tokenizer_free(t);
}

/* What is written when there is less room than ids; the count is the same. */
TEST(little_room)
{
    fab_tokenizer *t = open_golden("spm-bpe.model");
    static const char text[] = "the patient shows a nodule \U0001fae8\U0001fae8";
    int32_t all[128], some[4] = { -7, -7, -7, -7 };
    int64_t n = fab_tokenizer_encode(t, text, strlen(text), NULL, all, 128, NULL);

    CHECK(n > 3 && n <= 128);
    CHECK(fab_tokenizer_encode(t, text, strlen(text), NULL, some, 3, NULL) == n);
    CHECK(!memcmp(all, some, 3 * sizeof *all) && some[3] == -7);
    CHECK(fab_tokenizer_encode(t, text, strlen(text), NULL, NULL, 0, NULL) == n);
    fab_tokenizer_free(t);
}

/* --- chat --- */

static const struct {
    const char *jinja; /* as models write it, or the part of it that tells */
    const char *says;
} chats[] = {
    { "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
      "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
      "message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}",
      "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n hi <|im_end|>\n"
      "<|im_start|>assistant\nyes<|im_end|>\n<|im_start|>user\nand?<|im_end|>\n"
      "<|im_start|>assistant\n" },
    { "{{ bos_token }}{% for m in messages %}'<|start_header_id|>' + m['role'] + "
      "'<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>'",
      "<s><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant"
      "<|end_header_id|>\n\nyes<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nand?"
      "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" },
    { "{{ bos_token }}'[INST] ' + message['content'] + ' [/INST]' ... message['content'] + "
      "eos_token",
      "<s>[INST]  hi  [/INST]yes</s>[INST] and? [/INST]" },
    { "'<<SYS>>\n' ... {{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}",
      "<s>[INST] hi [/INST] yes </s><s>[INST] and? [/INST]" },
    { "{{ bos_token }}'<start_of_turn>' + role + '\n' + message['content'] | trim + "
      "'<end_of_turn>\n'",
      "<s><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\nyes<end_of_turn>\n"
      "<start_of_turn>user\nand?<end_of_turn>\n<start_of_turn>model\n" },
    { "'<|user|>\n' + message['content'] + eos_token '<|assistant|>'",
      "<|user|>\n hi </s>\n<|assistant|>\nyes</s>\n<|user|>\nand?</s>\n<|assistant|>\n" },
    { "{{ 'USER: ' + message['content'] + ' ASSISTANT:' }}",
      "USER:  hi  ASSISTANT: yes</s>USER: and? ASSISTANT:" },
};

static const fab_chat_message talk[] = { { "user", " hi " },
                                         { "assistant", "yes" },
                                         { "user", "and?" } };

TEST(chat_templates)
{
    fab_arena *a = fab_arena_new(0, NULL);

    for (size_t i = 0; i < sizeof chats / sizeof *chats; i++) {
        fab_chat c;
        fab_chat_text text;
        fab_err err = FAB_ERR_INIT;
        CHECK_MSG(fab_chat_detect(&c, chats[i].jinja, &err), "%s", err.text);
        CHECK_MSG(fab_chat_render(&c, talk, 3, true, "<s>", "</s>", a, &text, &err), "%s",
                  err.text);
        CHECK_STR(text.text, chats[i].says);
        CHECK(text.n_plain == (*c.system ? 4 : 3) && text.n == strlen(text.text));
        const fab_text_span *last = &text.plain[text.n_plain - 1];
        CHECK(last->end - last->begin == 4 && !memcmp(text.text + last->begin, "and?", 4));
    }
    fab_arena_free(a);
}

TEST(chat_system)
{
    static const fab_chat_message m[] = { { "system", "Be brief." }, { "user", "hi" } };
    static const struct {
        fab_chat_kind kind;
        const char *says;
    } cases[] = {
        { FAB_CHAT_CHATML, "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi"
                           "<|im_end|>\n" },
        { FAB_CHAT_LLAMA2, "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nhi [/INST]" },
        { FAB_CHAT_MISTRAL, "[INST] Be brief.\n\nhi [/INST]" },
        { FAB_CHAT_GEMMA, "<start_of_turn>user\nBe brief.\n\nhi<end_of_turn>\n" },
        { FAB_CHAT_VICUNA, "Be brief. USER: hi " },
    };
    fab_arena *a = fab_arena_new(0, NULL);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_chat c = { .kind = cases[i].kind };
        fab_chat_text text;
        CHECK(fab_chat_render(&c, m, 2, false, NULL, NULL, a, &text, NULL));
        CHECK_STR(text.text, cases[i].says);
    }
    fab_arena_free(a);
}

TEST(bad_chats)
{
    static const fab_chat_message unknown[] = { { "tool", "x" } },
                                  twice[] = { { "user", "a" }, { "user", "b" } },
                                  late[] = { { "user", "a" }, { "system", "b" } };
    static const struct {
        const fab_chat_message *m;
        int64_t n;
        const char *says;
    } cases[] = { { unknown, 1, "message 0: role 'tool' is not system, user or assistant" },
                  { twice, 2, "message 1: user; a mistral conversation goes user, assistant" },
                  { late, 2, "message 1: a system text that is not the first" },
                  { unknown, 0, "a conversation of 0 messages has no user's" } };
    fab_arena *a = fab_arena_new(0, NULL);
    fab_chat c = { .kind = FAB_CHAT_MISTRAL };
    fab_chat_text text;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fab_err err = FAB_ERR_INIT;
        CHECK(!fab_chat_render(&c, cases[i].m, cases[i].n, true, "", "", a, &text, &err));
        CHECK_SAYS(err.text, cases[i].says);
    }
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_chat_detect(&c, "{% for m in messages %}### Instruction:{% endfor %}", &err));
    CHECK_STR(err.text, "the chat template '{% for m in messages %}### Instruction:{% endfor %}...'"
                        " is not recognised");
    fab_arena_free(a);
}

/* --- bad files --- */

static bool load(const char *path, fab_err *err)
{
    fab_tokenizer *t = fab_tokenizer_open(path, err);
    fab_tokenizer_free(t);
    return t != NULL;
}

TEST(bad_files) { case_folder("tests/cases/published_tokenizer", load); }

TEST_MAIN
