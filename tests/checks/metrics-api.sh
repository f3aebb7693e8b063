# <fabrica/metrics.h> as installed: a program outside the tree compiles against it, links and gets the numbers.
set -u
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
DESTDIR=$t meson install -C "$BUILD" --no-rebuild --tags devel,runtime --quiet >"$t/log" 2>&1 || { tail -n 5 "$t/log"; exit 1; }
h=$(find "$t" -path '*fabrica/metrics.h') lib=$(find "$t" -name 'libfabrica_metrics.so')
[ -n "$h" ] && [ -n "$lib" ] && [ -n "$(find "$t" -name fabrica-metrics.pc)" ] || { echo "not installed:"; find "$t" -type f; exit 1; }
names=$(nm -D --defined-only "$lib" | awk '$2 ~ /[TDB]/ { print $3 }' | sort | tr '\n' ' ')
[ "$names" = "fab_scorer_error fab_scorer_free fab_scorer_new fab_scorer_score " ] || { echo "exports: $names"; exit 1; }
case $BUILD in *asan*) echo "under a sanitizer: not linked from outside" >&2; exit 77 ;; esac
cc -std=c17 -Wall -Wextra -Werror -I"${h%/fabrica/*}" tests/score_example.c -o "$t/example" -L"$(dirname "$lib")" -lfabrica_metrics ||
    exit 1
LD_LIBRARY_PATH=$(dirname "$lib") "$t/example" >"$t/got" || exit 1
diff -u - "$t/got" <<'END'
rouge1 0.87500 1.00000 0.93333
rougeL 1.00000 1.00000 1.00000
bleu 100.00000 100.00000 100.00000
meteor 0.34483 0.34483 0.34483
cider: cider: its weights come from a corpus, one record has none
rouge0: rouge0: no such metric; rouge1 to rouge9, rougeL, rougeLsum, rougeW, rougeS, rougeSU, rougeS4, rougeSU4, rougeLMed, rougeWMed, rougeSMed, bleu, bleu1 to bleu4, meteor, cider
rouge1: hyp: text is not UTF-8 at byte 0 (0xFF)
perl: no such mode; rouge_score, perl155, paper
END
