/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Template: the network configuration template that containerd's plugin fills in for UpdateRuntimeConfig. Its language is Go's
 * text/template; what such templates use of it is understood here: {{.PodCIDR}}, {{.PodCIDRRanges}}, {{.Routes}}, {{.}},
 * variables,
 * {{range}} in all its forms over the two lists, {{if}} and {{else}} over a value, comments, and {{- -}}. Anything else is
 * refused by name.
 */
#ifndef CRI_CNI_TEMPLATE_H
#define CRI_CNI_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "base/view.h"

struct cni_template_values {
    const char *pod_cidr;
    const struct strlist *ranges, *routes;
};

/* Fills in text and appends it to out. -ERR_INVALID_ARGUMENT names the line and the action that is not understood. */
int cni_template_fill(struct view text, const struct cni_template_values *values, struct buf *out, struct err *e);

#endif
