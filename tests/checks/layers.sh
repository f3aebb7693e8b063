# The tree keeps its own layer table.
exec tools/check-layers
