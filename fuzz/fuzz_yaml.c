/* One recipe. */
#include "base/yaml.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fab_err err = FAB_ERR_INIT;
    json_decref(fab_yaml_parse(data, size, &err));
    return 0;
}
