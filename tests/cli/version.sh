# The version is that of meson.build.
want=$(sed -n "s/.*version: '\([0-9.]*\)', license.*/\1/p" "$SRC/meson.build")
[ "$("$FABRICA" --version)" = "fabrica $want" ] && echo same
