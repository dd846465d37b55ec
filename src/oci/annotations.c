/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build: annotations.
 */
#include <fnmatch.h>

#include "oci/build.h"
#include "oci/constants.h"

void build_annotation(struct build *b, const char *key, const char *value)
{
    tree_set_str(&b->m, b->annotations, key, value);
}

bool build_pattern_match(const struct strlist *patterns, const char *key)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (fnmatch(patterns->v[i], key, FNM_PATHNAME) == 0)
            return true;
    return false;
}

void build_pod_annotations(struct build *b, const Runtime__V1__PodSandboxConfig *config, const char *sandbox_id)
{
    const Runtime__V1__PodSandboxMetadata *meta = config->metadata;
    build_annotation(b, OCI_ANNOTATION_SANDBOX_ID, sandbox_id);
    build_annotation(b, OCI_ANNOTATION_SANDBOX_NAMESPACE, meta ? meta->namespace_ : "");
    build_annotation(b, OCI_ANNOTATION_SANDBOX_UID, meta ? meta->uid : "");
    build_annotation(b, OCI_ANNOTATION_SANDBOX_NAME, meta ? meta->name : "");
}
