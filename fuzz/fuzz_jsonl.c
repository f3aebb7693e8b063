/* A JSONL file: its lines one by one, up to the first error, which names a line that there is. */
#include <string.h>
#include "base/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    fab_jsonl lines;
    int64_t before = 0, ends = 1, n;
    double x;

    for (size_t i = 0; i < size; i++) ends += data[i] == '\n';
    if (!fab_jsonl_parse(&lines, data, size, "fuzz")) return 0;
    for (json_t *v; (v = fab_jsonl_next(&lines, &err)); before = lines.line) {
        if (lines.line <= before || lines.line > ends) __builtin_trap();
        fab_json_str(v, "question", NULL);
        fab_json_int(v, "id", &n, NULL);
        fab_json_num(v, "score", &x, NULL);
        json_decref(v);
    }
    if (err.code && !strstr(err.text, "line ")) __builtin_trap();
    if (!err.code && lines.at != size) __builtin_trap();
    fab_jsonl_close(&lines);
    return 0;
}
