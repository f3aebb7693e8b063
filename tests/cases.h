/* cases: walks a folder of broken and sound files, tests/cases/X/: expected.txt there has a line
 * per file,
 *
 *     NAME: part of the error message        or        NAME: ok
 *
 * and every file has a line. Tests run from the source root. */
#ifndef FAB_TEST_CASES_H
#define FAB_TEST_CASES_H

#include <dirent.h>
#include "base/file.h"
#include "test.h"

/* What the file gives: true, or false with err set. */
typedef bool (*case_run)(const char *path, fab_err *err);

static inline void case_one(const char *folder, const char *name, const char *says, case_run run)
{
    char path[1100];
    fab_err err = FAB_ERR_INIT;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    bool ok = run(path, &err);
    if (!strcmp(says, "ok")) CHECK_MSG(ok && !err.code, "%s is refused: %s", name, err.text);
    else {
        CHECK_MSG(!ok && err.code, "%s is accepted", name);
        CHECK_MSG(strstr(err.text, says), "%s says '%s', not '%s'", name, err.text, says);
    }
}

static inline void case_folder(const char *folder, case_run run)
{
    char path[512], line[512];
    int lines = 0, files = 0;

    snprintf(path, sizeof path, "%s/expected.txt", folder);
    FILE *f = fopen(path, "r");
    CHECK_MSG(f, "%s is missing", path);
    while (fgets(line, sizeof line, f)) {
        char *colon = strstr(line, ": ");
        line[strcspn(line, "\n")] = 0;
        CHECK_MSG(colon, "%s: '%s' is not NAME: WORDS", path, line);
        *colon = 0;
        case_one(folder, line, colon + 2, run);
        lines++;
    }
    fclose(f);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        files += e->d_name[0] != '.' && strcmp(e->d_name, "expected.txt") != 0;
    if (d) closedir(d);
    CHECK_MSG(files == lines, "%s has %d files and %d lines in expected.txt", folder, files, lines);
}

#endif
