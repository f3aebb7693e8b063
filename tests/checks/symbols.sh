# No name that is visible outside its file is defined by two of the libraries: the linker would take either, silently.
set -u
names=$(mktemp)
trap 'rm -f "$names"' EXIT
for lib in $(find "$BUILD/src" -name 'lib*.a' | sort); do
    nm --defined-only "$lib" 2>/dev/null | awk 'NF == 3 && $2 ~ /[TDBRV]/ { print $3 }' | sort -u
done >"$names"
[ "$(wc -l <"$names")" -gt 100 ] || { echo "no names were found under $BUILD/src"; exit 1; }
twice=$(sort "$names" | uniq -d | grep '^fab_')
[ -z "$twice" ] || { echo "defined twice:"; echo "$twice"; exit 1; }
