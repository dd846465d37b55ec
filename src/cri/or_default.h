/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that are not given: NULL and "" both stand for the default (runtime.h names it).
 */
#ifndef CRI_CRI_OR_DEFAULT_H
#define CRI_CRI_OR_DEFAULT_H

static inline const char *or_default(const char *s, const char *otherwise)
{
    return s && s[0] ? s : otherwise;
}

#endif
