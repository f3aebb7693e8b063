/* sandbox: see sandbox.h.
 *
 *   pipe: code i32 | text[248] | 3 sizes u64 | part 0 | part 1 | part 2        (native byte order)
 */
#define _GNU_SOURCE /* RLIMIT_*, PR_SET_* */
#include "media/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAB_INSTRUMENTED 1 /* sanitizers need their own address space and system calls */
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAB_INSTRUMENTED 1
#endif
#endif

/* Address space a decoder may add to what the parent had: 256 Mpixel of 16 bits, its display image
 * and a spare. */
#define EXTRA_SPACE (UINT64_C(5) << 30)

typedef struct {
    int32_t code;
    char text[sizeof(((fab_err *)0)->text)];
    uint64_t sizes[FAB_SANDBOX_PARTS];
} header;

bool fab_sandbox_enabled(void)
{
    const char *v = fab_getenv("FABRICA_SANDBOX");
    return !v || strcmp(v, "0") != 0;
}

/* --- the child --- */

static bool send_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n, size -= (size_t)n;
    }
    return true;
}

#ifndef FAB_INSTRUMENTED
static void limit(int what, uint64_t value)
{
    struct rlimit r = { (rlim_t)value, (rlim_t)value };
    (void)setrlimit(what, &r);
}

static uint64_t address_space(void)
{
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    uint64_t pages = 0;
    for (ssize_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
        pages = pages * 10 + (uint64_t)(text[i] - '0');
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Everything not listed kills the child, but opening a file only fails: iconv and locales try and
 * do without. */
static bool filter(int fd)
{
    static const int quiet[] = { SCMP_SYS(openat), SCMP_SYS(open),       SCMP_SYS(access),
                                 SCMP_SYS(stat),   SCMP_SYS(newfstatat), SCMP_SYS(readlink),
                                 SCMP_SYS(ioctl) };
    static const int allowed[] = {
        SCMP_SYS(munmap),         SCMP_SYS(mremap),        SCMP_SYS(brk),
        SCMP_SYS(madvise),        SCMP_SYS(futex),         SCMP_SYS(exit),
        SCMP_SYS(exit_group),     SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigaction),   SCMP_SYS(sigaltstack),   SCMP_SYS(getpid),
        SCMP_SYS(gettid),         SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
        SCMP_SYS(time),           SCMP_SYS(sysinfo), /* qsort asks how much memory there is */
        SCMP_SYS(getrandom),      SCMP_SYS(sched_yield),   SCMP_SYS(sched_getaffinity),
        SCMP_SYS(restart_syscall)
    };
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!c) return false;
    int bad = 0;
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        bad |= seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), quiet[i], 0);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        bad |= seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0);
    bad |= seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd));
    bad |= seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    bad |= seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    bad |= seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, /* abort() */
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    bool ok = !bad && seccomp_load(c) == 0;
    seccomp_release(c);
    return ok;
}

static void confine(int fd)
{
    uint64_t space = address_space();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CPU, FAB_SANDBOX_CPU_SECONDS);
    limit(RLIMIT_NOFILE, 0);
    if (space) limit(RLIMIT_AS, space + EXTRA_SPACE);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)filter(fd); /* a kernel without seccomp: the limits alone */
}
#else
static void confine(int fd) { (void)fd; }
#endif

static _Noreturn void child(int fd, fab_sandbox_fn fn, void *arg)
{
    static const int defaults[] = { SIGSEGV, SIGBUS, SIGFPE,  SIGILL, SIGABRT,
                                    SIGTERM, SIGINT, SIGPIPE, SIGXCPU };
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) signal(defaults[i], SIG_DFL);
    confine(fd);
    fab_part parts[FAB_SANDBOX_PARTS] = { { 0 } };
    fab_err e = FAB_ERR_INIT;
    header h = { 0 };
    if (fn(arg, parts, &e))
        for (int i = 0; i < FAB_SANDBOX_PARTS; i++) h.sizes[i] = parts[i].size;
    else h.code = e.code ? (int32_t)e.code : FAB_EINTERNAL;
    memcpy(h.text, e.text, sizeof h.text);
    bool ok = send_all(fd, &h, sizeof h);
    for (int i = 0; ok && !h.code && i < FAB_SANDBOX_PARTS; i++)
        ok = send_all(fd, parts[i].data, parts[i].size);
    _exit(ok ? 0 : 1);
}

/* --- the parent --- */

static bool receive_all(int fd, void *data, size_t size)
{
    char *p = data;
    while (size) {
        struct pollfd w = { .fd = fd, .events = POLLIN };
        int ready =
            poll(&w, 1,
                 2000 * FAB_SANDBOX_CPU_SECONDS); /* it computes or it is dead: it cannot wait */
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        ssize_t n = read(fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n, size -= (size_t)n;
    }
    return true;
}

static bool receive(int fd, size_t max_size, fab_part parts[FAB_SANDBOX_PARTS], bool *answered,
                    fab_err *err)
{
    header h;
    if (!receive_all(fd, &h, sizeof h)) return false;
    if (h.code) {
        *answered = true;
        h.text[sizeof h.text - 1] = 0;
        return fab_fail(err, h.code > 0 && h.code <= FAB_EINTERNAL ? (fab_code)h.code : FAB_EFORMAT,
                        "%s", h.text);
    }
    for (int i = 0; i < FAB_SANDBOX_PARTS; i++) {
        *answered = true;
        if (h.sizes[i] > max_size)
            return fab_fail(err, FAB_ELIMIT, "decoder answers %llu bytes, at most %zu are accepted",
                            (unsigned long long)h.sizes[i], max_size);
        if (!h.sizes[i]) continue;
        parts[i].data = fab_new((size_t)h.sizes[i], err);
        if (!parts[i].data) return false;
        parts[i].size = (size_t)h.sizes[i];
        *answered = receive_all(fd, parts[i].data, parts[i].size);
        if (!*answered) return false;
    }
    return true;
}

static bool died(int status, fab_err *err)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (sig == SIGXCPU || sig == SIGKILL)
        return fab_fail(err, FAB_ELIMIT,
                        "decoder stopped after its limit of %d seconds or of memory (signal %d)",
                        FAB_SANDBOX_CPU_SECONDS, sig);
    if (sig == SIGSYS)
        return fab_fail(err, FAB_EFORMAT, "decoder died (signal %d: a forbidden system call)", sig);
    if (sig) return fab_fail(err, FAB_EFORMAT, "decoder died (signal %d)", sig);
    return fab_fail(err, FAB_EFORMAT, "decoder ended without an answer (status %d)",
                    WEXITSTATUS(status));
}

static void drop(fab_part parts[FAB_SANDBOX_PARTS])
{
    for (int i = 0; i < FAB_SANDBOX_PARTS; i++) {
        fab_free(parts[i].data);
        parts[i] = (fab_part){ 0 };
    }
}

bool fab_sandbox_run(fab_sandbox_fn fn, void *arg, size_t max_size,
                     fab_part parts[FAB_SANDBOX_PARTS], fab_err *err)
{
    memset(parts, 0, sizeof *parts * FAB_SANDBOX_PARTS);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return fab_fail(err, FAB_EIO, "decoder: no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        int why = errno;
        close(ends[0]), close(ends[1]);
        return fab_fail(err, FAB_EIO, "decoder: no process: %s", strerror(why));
    }
    if (pid == 0) {
        close(ends[0]);
        child(ends[1], fn, arg);
    }
    close(ends[1]);
    bool answered = false, ok = receive(ends[0], max_size, parts, &answered, err);
    close(ends[0]);
    if (!ok) kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (ok) return true;
    drop(parts);
    return answered ? false : died(status, err);
}
