/* bench: this machine's own limits, measured on the calling thread, so that a kernel's speed can be
 * a fraction of them. */
#ifndef FAB_KERNELS_BENCH_H
#define FAB_KERNELS_BENCH_H

#include "kernels/kernels.h"

/* f32 multiply-adds from registers with the widest vectors of the table; FLOP/s, best of the time
 * given. */
double fab_peak_f32(const fab_kernels *k, double seconds);
/* bf16 products from registers, of AMX tiles or of vectors, whichever the table has; FLOP/s; 0
 * where it has neither. */
double fab_peak_bf16(const fab_kernels *k, double seconds);
/* VNNI products of int8 from registers; multiplications and additions per second; 0 where the table
 * has none. */
double fab_peak_int8(const fab_kernels *k, double seconds);
/* Reads of data (bytes long, larger than any cache) in `streams` (1 to 8) parallel streams with
 * prefetch; bytes/s. */
double fab_peak_read(const void *data, size_t bytes, int streams, double seconds);
double fab_bench_now(
    void); /* CPU seconds of the calling thread: what other processes take is not counted */
double fab_bench_wall(void); /* wall seconds */

#endif
