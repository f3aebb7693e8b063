/* err: see err.h. The text is cut at a whole UTF-8 character when it does not fit, and holds no
 * control characters. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Removes a UTF-8 character that vsnprintf cut in two at the end of a full buffer. */
static void trim_cut_character(char *text, size_t size)
{
    size_t n = strlen(text);
    if (n + 1 < size) return;
    size_t at = n;
    while (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0x80) at--;
    if (at == 0) return;
    unsigned char lead = (unsigned char)text[at - 1];
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (n - (at - 1) < want) text[at - 1] = 0;
}

/* Words from a hostile file are quoted in messages: a control character would move the terminal. */
static void blank_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
}

bool fab_fail(fab_err *err, fab_code code, const char *fmt, ...)
{
    if (!err || err->code != FAB_OK) return false;
    err->code = code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    trim_cut_character(err->text, sizeof err->text);
    blank_controls(err->text);
    return false;
}

bool fab_while(fab_err *err, const char *fmt, ...)
{
    if (!err || err->code == FAB_OK) return false;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old);
    trim_cut_character(err->text, sizeof err->text);
    blank_controls(err->text);
    return false;
}

int fab_exit_code(fab_code code)
{
    switch (code) {
    case FAB_OK: return 0;
    case FAB_EUSAGE: return 2;
    case FAB_EFORMAT:
    case FAB_EUNSUPPORTED:
    case FAB_ELIMIT: return 4;
    case FAB_EREFUSED: return 5;
    case FAB_EINTEGRITY: return 7;
    case FAB_EIO:
    case FAB_ENOMEM:
    case FAB_EINTERNAL: break;
    }
    return 1;
}
