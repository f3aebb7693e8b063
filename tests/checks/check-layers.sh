# check-layers finds what it is for, and nothing else: one small bad tree, the findings compared.
set -eu
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
mkdir -p "$t/src/base" "$t/src/nn" "$t/src/text" "$t/src/attic" "$t/src/cli"

cat >"$t/src/base/ok.c" <<'EOF'
#include "base/ok.h"
/* malloc here is fine, and sprintf( in a comment
 * too: strcpy( */
char *f(void) { return g("strtok(x)", '"', malloc(4)); }
EOF
cat >"$t/src/nn/bad.c" <<'EOF'
#include "base/ok.h"
#include "text/words.h"
#include "zoo/mini.h"
#include "shed/spade.h"
#include "local.h"
#include <immintrin.h>
int f(void) { return atoi("1") + my_exit(0) + p->free(1); }
int g(void) { printf ("x"); /* exit(1) */ exit(1); }
EOF
echo '#include "base/ok.h"' >"$t/src/attic/old.c"
echo 'int main(void) { printf("x"); exit(0); }' >"$t/src/cli/main.c"

cat >"$t/want" <<'EOF'
attic/old.c:1: folder attic is not in the table of tools/check-layers
nn/bad.c:2: nn may not include text/words.h: not below it
nn/bad.c:3: nn may not include zoo/mini.h: not below it
nn/bad.c:4: include of the undeclared folder shed
nn/bad.c:5: include "local.h" does not name its folder
nn/bad.c:6: intrinsics live in kernels/ only
nn/bad.c:7: the word atoi is not for nn/
nn/bad.c:8: the word printf is not for nn/
nn/bad.c:8: the word exit is not for nn/
EOF
if tools/check-layers "$t" >"$t/got" 2>&1; then echo "a bad tree passes"; exit 1; fi
diff -u "$t/want" "$t/got"
rm -r "$t/src/attic" "$t/src/nn"
tools/check-layers "$t"
