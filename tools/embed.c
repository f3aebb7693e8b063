/* embed NAME FILE OUT: writes the C file OUT that holds FILE's bytes as fab_embedded_NAME. Run by the build. */
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, const char *path)
{
    fprintf(stderr, "embed: %s %s\n", what, path);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 4) return fail("usage: embed NAME FILE OUT, not", argc > 1 ? argv[1] : "nothing");
    FILE *in = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
    if (!in) return fail("cannot read", argv[2]);
    if (!out) return fail("cannot write", argv[3]);
    size_t size = 0;
    fprintf(out, "#include \"text/embedded.h\"\nconst char fab_embedded_%s[] =\n    \"", argv[1]);
    for (int c; (c = getc(in)) != EOF; size++) {
        if (c == '\n') fputs("\\n\"\n    \"", out);
        else if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
        else if (c >= 32 && c < 127 && c != '?') putc(c, out);
        else fprintf(out, "\\%03o", (unsigned)c);
    }
    fprintf(out, "\";\nconst size_t fab_embedded_%s_size = %zu;\n", argv[1], size);
    if (ferror(in)) return fail("cannot read", argv[2]);
    return fclose(in) || fclose(out) ? fail("cannot write", argv[3]) : 0;
}
