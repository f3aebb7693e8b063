/* test_base: what the rest of the house stands on. */
#include "test.h"

#include "base/err.h"

TEST(err_keeps_the_first_failure)
{
    fab_err err = FAB_ERR_INIT;
    CHECK(!fab_fail(&err, FAB_EFORMAT, "Rows (0028,0010): %d", 0));
    fab_fail(&err, FAB_EIO, "second");
    CHECK_STR(err.text, "Rows (0028,0010): 0");
    fab_while(&err, "%s", "a.dcm");
    CHECK_STR(err.text, "a.dcm: Rows (0028,0010): 0");
    CHECK(fab_exit_code(err.code) == 4);
}

TEST_MAIN
