/* gate_strange: part 3 of the gate's fit. For gate_fit.c. */
#ifndef FAB_ENGINE_GATE_STRANGE_H
#define FAB_ENGINE_GATE_STRANGE_H

#include "engine/gate.h"

enum { FAB_GATE_STRANGE_ROWS = 3 };

/* Appends the three rows to g, whose arrays have room. features [n,dim] of the known pictures. */
bool fab_gate_fit_strange(fab_gate *g, const float *features, int64_t n, const fab_gate_opts *o,
                          fab_arena *a, fab_err *err);

#endif
