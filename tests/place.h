/* place: a folder and an arena for a test program that writes files: there before its first test,
 * gone at its end. */
#ifndef FAB_TESTS_PLACE_H
#define FAB_TESTS_PLACE_H

#include <unistd.h>

#include "base/file.h"
#include "test.h"

static char folder[] = "/tmp/fab-test-XXXXXX";
static fab_arena *arena;

/* Its path, in the arena. */
static inline char *in_folder(const char *name)
{
    fab_err err = FAB_ERR_INIT;
    return fab_path_join(arena, folder, name, &err);
}

__attribute__((constructor)) static void place_make(void)
{
    fab_err err = FAB_ERR_INIT;
    arena = fab_arena_new(0, &err);
    if (!arena || !mkdtemp(folder)) abort();
}

__attribute__((destructor)) static void place_remove(void)
{
    char command[64];
    fab_arena_free(arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) fprintf(stderr, "%s stays\n", folder);
}

#endif
