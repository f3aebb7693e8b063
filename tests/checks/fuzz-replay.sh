# Every fuzz target over its own cases: what was found once stays found.
set -u
bad=0
for target in $(grep -v '^ *#' fuzz/fuzz.def); do
    [ -d "tests/cases/$target" ] || { echo "tests/cases/$target: missing, a target needs seeds"; bad=1; continue; }
    "$BUILD/fuzz/fuzz_$target" "tests/cases/$target" >/tmp/replay.$$ 2>&1 || { tail -n 5 /tmp/replay.$$; echo "fuzz_$target"; bad=1; }
done
rm -f /tmp/replay.$$
exit $bad
