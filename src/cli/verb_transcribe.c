/* fabrica transcribe: what is said in a sound, as it is heard: text, subtitles or JSON. */
#include <math.h>
#include <string.h>
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/verb.h"
#include "clinic/mark.h"
#include "engine/transcribe.h"
#include "media/audio.h"

typedef struct {
    const char *audio, *model, *lang, *task, *prompt, *out;
    int64_t beam;
    bool timestamps, srt, alone, once;
} opts;

typedef struct {
    const opts *o;
    fab_run *r;
    FILE *to; /* NULL: segments are not printed as they come */
    fab_progress bar;
    int n;
} printer;

/* "01:02:03.456" */
static void clock_text(char *out, size_t size, double s, char point)
{
    long long ms = llround(s * 1000);
    snprintf(out, size, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60,
             ms / 1000 % 60, point, ms % 1000);
}

static bool on_segment(void *arg, const fab_segment *s)
{
    printer *p = arg;
    char from[32], to[32], point = p->o->srt ? ',' : '.';
    clock_text(from, sizeof from, s->start, point);
    clock_text(to, sizeof to, s->end, point);
    p->n++;
    if (p->to && p->bar.tty && p->bar.shown > 0) fputs("\r\033[K", stderr); /* off the bar's line */
    if (p->to && p->o->srt) fprintf(p->to, "%d\n%s --> %s\n%s\n\n", p->n, from, to, s->text);
    else if (p->to && p->o->timestamps) fprintf(p->to, "[%s --> %s]  %s\n", from, to, s->text);
    else if (p->to) fprintf(p->to, "%s\n", s->text);
    if (p->to) fflush(p->to);
    return !*p->r->interrupted;
}

static bool on_progress(void *arg, double done, double total)
{
    printer *p = arg;
    fab_progress_set(&p->bar, (int64_t)done, "s of %.0f s, %d segments", total, p->n);
    return !*p->r->interrupted;
}

static json_t *segment_json(const fab_segment *s)
{
    json_t *tokens = json_array();
    for (int i = 0; i < s->n_tokens; i++) json_array_append_new(tokens, json_integer(s->tokens[i]));
    return json_pack("{s:f,s:f,s:s,s:o,s:f,s:f,s:f,s:f}", "start", round(s->start * 1000) / 1000,
                     "end", round(s->end * 1000) / 1000, "text", s->text, "tokens", tokens,
                     "avg_logprob", s->avg_logp, "no_speech_prob", s->no_speech,
                     "compression_ratio", s->compression, "temperature",
                     round((double)s->temperature * 10) / 10);
}

static json_t *transcript_json(const opts *o, const fab_transcript *t, const fab_whisper_file *f,
                               const char *sha256)
{
    json_t *list = json_array();
    for (int i = 0; i < t->n; i++) json_array_append_new(list, segment_json(&t->segment[i]));
    return json_pack("{s:s,s:s,s:s,s:f,s:s,s:f,s:o,s:s,s:s,s:s}", "schema", "fabrica.transcript/1",
                     "text", t->text, "language", t->language, "language_probability",
                     t->language_p, "task", o->task, "seconds", t->seconds, "segments", list,
                     "model", f->id, "input_sha256", sha256, "research_use", FAB_MARK_EN);
}

static bool finish(fab_run *r, const opts *o, const fab_transcript *t, const fab_whisper_file *f,
                   const char *sha256, fab_err *err)
{
    if (!t->n && !*r->interrupted) fab_log(FAB_LOG_WARN, "%s: no speech was found", o->audio);
    if (!r->json) return true;
    json_t *v = transcript_json(o, t, f, sha256);
    if (!o->out) return fab_run_json(r, v, err);
    bool ok = v ? fab_json_write(o->out, v, err) : fab_fail(err, FAB_ENOMEM, "out of memory");
    json_decref(v);
    return ok;
}

static bool listen(fab_run *r, const opts *o, const fab_audio *a, const char *sha256, fab_err *err)
{
    fab_out file = { 0 };
    const char *path = fab_transcribe_model(o->model, err);
    fab_whisper_file *f =
        path ? fab_whisper_open(path, &(fab_whisper_opts){ .pool = r->pool }, err) : NULL;
    bool text_file = o->out && !r->json;
    bool ok = f && (!text_file || fab_out_open(&file, o->out, err));
    printer p = { .o = o, .r = r, .to = text_file ? file.stream : r->json ? NULL : r->out };
    fab_transcribe_opts how = { .language = o->lang,
                                .translate = !strcmp(o->task, "translate"),
                                .beams = (int)o->beam,
                                .alone = o->alone,
                                .once = o->once,
                                .prompt = o->prompt,
                                .on_segment = on_segment,
                                .on_progress = on_progress,
                                .arg = &p };
    fab_transcript t;
    if (ok && !r->quiet) fab_progress_init(&p.bar, "transcribe", a->n / a->rate);
    ok = ok && fab_transcribe(f, r->pool, a->samples, a->n, &how, r->arena, &t, err);
    fab_progress_clear(&p.bar);
    ok = ok && finish(r, o, &t, f, sha256, err);
    if (ok && text_file && !*r->interrupted) ok = fab_out_commit(&file, err);
    fab_out_abort(&file);
    fab_whisper_close(f);
    return ok;
}

static bool run(fab_run *r, const void *vo, fab_err *err)
{
    const opts *o = vo;
    fab_file bytes = { 0 };
    char sha256[65];
    if (o->srt && (o->timestamps || r->json))
        return fab_fail(err, FAB_EUSAGE, "--srt stands alone: not with --timestamps or --json");
    if (!fab_file_map(&bytes, o->audio, FAB_AUDIO_MAX_BYTES, err)) return false;
    fab_sha256_hex(bytes.data, bytes.size, sha256);
    fab_audio *a = fab_audio_parse(bytes.data, bytes.size, NULL, err);
    fab_file_unmap(&bytes);
    if (!a) return fab_while(err, "%s", strcmp(o->audio, "-") ? o->audio : "standard input");
    if (a->cut)
        fab_log(FAB_LOG_WARN, "%s: cut short: %.1f s of the %.1f s that its header promises",
                o->audio, (double)a->frames / a->source_rate, (double)a->promised / a->source_rate);
    bool ok = listen(r, o, a, sha256, err);
    fab_audio_free(a);
    return ok;
}

/* clang-format off */
const fab_verb fab_verb_transcribe = {
    .name = "transcribe", .summary = "write down what is said in a sound file",
    .about = "Reads WAV, FLAC, Ogg, MP3 and what else libsndfile knows, at any rate, up to four hours. Text comes as "
             "it is heard, in windows of 30 seconds. The model is a Whisper: a Hugging Face folder, faster-whisper's, "
             "or OpenAI's; tools/get-weights whisper-base fetches one.",
    .example = "fabrica transcribe dictation.wav --lang zh --prompt \"肺结节, 胸腔积液\"", .opts_size = sizeof(opts), .run = run,
    .stops_itself = true,
    .opts = (const fab_opt[]){
        { "AUDIO", FAB_FILE_IN, offsetof(opts, audio), NULL, "the sound; - is stdin" },
        { "model", FAB_FILE_IN, offsetof(opts, model), NULL, "the folder of a Whisper; else $FABRICA_SPEECH_MODEL, else weights/whisper-base" },
        { "lang", FAB_STR, offsetof(opts, lang), "auto", "code of the language spoken: zh, en, ...; auto listens for it" },
        { "task", FAB_CHOICE, offsetof(opts, task), "transcribe", "translate writes English, whatever is spoken", .choices = "transcribe|translate" },
        { "beam", FAB_INT, offsetof(opts, beam), "1", "texts followed at once; 1 is greedy", .min = 1, .max = 16 },
        { "prompt", FAB_STR, offsetof(opts, prompt), NULL, "names and terms to expect, at most 223 tokens" },
        { "no-context", FAB_FLAG, offsetof(opts, alone), NULL, "do not show a window the text before it" },
        { "no-fallback", FAB_FLAG, offsetof(opts, once), NULL, "keep the first text where others would be drawn: unlikely or repetitive" },
        { "timestamps", FAB_FLAG, offsetof(opts, timestamps), NULL, "print from when to when each line was said" },
        { "srt", FAB_FLAG, offsetof(opts, srt), NULL, "print subtitles (SubRip)" },
        { "out", FAB_FILE_OUT, offsetof(opts, out), NULL, "write there instead of standard output", .letter = 'o' },
        { 0 } },
};
/* clang-format on */
