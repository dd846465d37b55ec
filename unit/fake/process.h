/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process: a process of the fake, its scripts, its pipes and its end. Private to unit/fake/.
 */
#ifndef CRI_UNIT_FAKE_PROCESS_H
#define CRI_UNIT_FAKE_PROCESS_H

#include "model.h"

/* The newest script for this text, or NULL. */
const struct fake_script *fake_find_script(struct fake *f, bool exec, const char *text);
/* A process in the model; it belongs to the fake's list. */
struct fake_process *fake_process_new(struct fake *f, const char *id, const char *exec_id, const char *text,
                                      const struct fake_script *script);
void fake_process_io(struct fake_process *p, const char *in, const char *out, const char *err, bool terminal);
/* Opens those of its pipes whose other end is open (the shim would wait; a test opens its end first). */
void fake_process_open_io(struct fake_process *p);
void fake_process_close_io(struct fake_process *p);
void fake_process_close_stdin(struct fake_process *p);
/* It runs now: writes the script's output, sets or does the script's exit. */
void fake_process_begin(struct fake *f, struct fake_process *p);

#endif
