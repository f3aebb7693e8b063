/* replay: runs a fuzz target over files and folders, for regression tests and for a debugger. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "fuzz.h"

static bool replay(const char *path, int *count)
{
    DIR *folder = opendir(path);
    if (!folder) {
        fab_file f;
        fab_err err = FAB_ERR_INIT;
        if (!fab_file_map(&f, path, 0, &err)) return fprintf(stderr, "%s\n", err.text) < 0;
        LLVMFuzzerTestOneInput(f.data, f.size);
        fab_file_unmap(&f);
        ++*count;
        return true;
    }
    bool ok = true;
    for (struct dirent *d; (d = readdir(folder));) {
        char inside[4096];
        if (d->d_name[0] == '.') continue;
        snprintf(inside, sizeof inside, "%s/%s", path, d->d_name);
        ok = replay(inside, count) && ok;
    }
    closedir(folder);
    return ok;
}

int main(int argc, char **argv)
{
    int count = 0;
    bool ok = argc > 1;
    for (int i = 1; i < argc; i++) ok = replay(argv[i], &count) && ok;
    printf("%d inputs\n", count);
    return ok ? 0 : 1;
}
