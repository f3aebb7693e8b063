/* One JSON document, and the same bytes as JSONL. */
#include "base/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    json_decref(fab_json_parse(data, size, &err));
    err = (fab_err)FAB_ERR_INIT;
    fab_jsonl lines;
    fab_jsonl_parse(&lines, data, size, "fuzz");
    for (json_t *v; (v = fab_jsonl_next(&lines, &err));) json_decref(v);
    fab_jsonl_close(&lines);
    return 0;
}
