/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: nanoseconds of the monotonic and the wall clock behind one switch, so that tests and fuzz targets run on virtual time.
 */
#ifndef CRI_BASE_CLOCK_H
#define CRI_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define CLOCK_NEVER UINT64_MAX

/* Nanoseconds since an arbitrary point (CLOCK_MONOTONIC); since 1970 UTC (CLOCK_REALTIME). */
uint64_t clock_mono(void);
int64_t clock_real(void);

/* Virtual time for tests: sets both clocks to fixed values that only clock_advance moves. clock_virtual_off goes back. */
void clock_virtual(uint64_t mono_ns, int64_t real_ns);
void clock_advance(uint64_t ns);
void clock_virtual_off(void);

/* now + ns, CLOCK_NEVER on overflow. */
uint64_t clock_deadline(uint64_t ns);
/* Milliseconds until a deadline of clock_mono, rounded up, at most INT_MAX; 0 when passed; -1 for CLOCK_NEVER. For poll(2). */
int clock_poll_ms(uint64_t deadline);

enum { CLOCK_RFC3339_MAX = 36 };
/* Writes wall-clock ns as RFC 3339 with nanoseconds, nine digits, in local time ("2026-11-23T21:08:19.000000001+00:00", "Z" for UTC
 * offset zero). out holds CLOCK_RFC3339_MAX bytes; returns the length without the NUL. */
size_t clock_rfc3339(int64_t real_ns, char *out);
/* The same in UTC, always ending in 'Z'. */
size_t clock_rfc3339_utc(int64_t real_ns, char *out);

#endif
