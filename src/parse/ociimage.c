/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image documents, the parts without JSON: media types, platforms, choice from an index, sizes. See ociimage.h.
 */
#include "parse/ociimage.h"

#include <stdio.h>

#include "base/num.h"

static const struct {
    const char *name;
    enum oci_media media;
} media_types[] = {
    {OCI_MEDIA_MANIFEST, OCI_MEDIA_IS_MANIFEST},
    {DOCKER_MEDIA_MANIFEST, OCI_MEDIA_IS_MANIFEST},
    {OCI_MEDIA_INDEX, OCI_MEDIA_IS_INDEX},
    {DOCKER_MEDIA_LIST, OCI_MEDIA_IS_INDEX},
    {OCI_MEDIA_CONFIG, OCI_MEDIA_IS_CONFIG},
    {DOCKER_MEDIA_CONFIG, OCI_MEDIA_IS_CONFIG},
    {DOCKER_MEDIA_SCHEMA1, OCI_MEDIA_IS_SCHEMA1},
    {DOCKER_MEDIA_SCHEMA1_SIGNED, OCI_MEDIA_IS_SCHEMA1},
    {"application/vnd.oci.image.layer.v1.tar", OCI_MEDIA_IS_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+gzip", OCI_MEDIA_IS_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+zstd", OCI_MEDIA_IS_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar", OCI_MEDIA_IS_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_MEDIA_IS_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_MEDIA_IS_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", OCI_MEDIA_IS_FOREIGN_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", OCI_MEDIA_IS_FOREIGN_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", OCI_MEDIA_IS_FOREIGN_LAYER},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", OCI_MEDIA_IS_FOREIGN_LAYER},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", OCI_MEDIA_IS_FOREIGN_LAYER},
};

enum oci_media oci_media_classify(struct view media_type)
{
    struct view name;
    view_cut(media_type, ';', &name, NULL);
    name = view_trim(name);
    for (size_t i = 0; i < ARRAY_SIZE(media_types); i++)
        if (view_eq_nocase(name, view_of(media_types[i].name)))
            return media_types[i].media;
    return OCI_MEDIA_OTHER;
}

struct oci_platform oci_platform_host(void)
{
    struct oci_platform p = {.os = "linux", .architecture = "unknown", .variant = "", .os_version = ""};
#if defined(__x86_64__)
    p.architecture = "amd64";
#elif defined(__aarch64__)
    p.architecture = "arm64";
    p.variant = "v8";
#elif defined(__arm__)
    p.architecture = "arm";
    p.variant = "v7";
#elif defined(__i386__)
    p.architecture = "386";
#elif defined(__riscv) && __riscv_xlen == 64
    p.architecture = "riscv64";
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    p.architecture = "ppc64le";
#elif defined(__s390x__)
    p.architecture = "s390x";
#elif defined(__loongarch64)
    p.architecture = "loong64";
#endif
    return p;
}

enum arch { ARCH_OTHER, ARCH_AMD64, ARCH_386, ARCH_ARM, ARCH_ARM64 };

/* An architecture with its aliases resolved; major and minor of the variant with the default filled in, 0.0 when it is none. */
struct machine {
    enum arch arch;
    struct view name, variant;
    uint64_t major, minor;
};

static bool is_one_of(struct view v, const char *a, const char *b, const char *c)
{
    return view_eq_str(v, a) || view_eq_str(v, b) || view_eq_str(v, c);
}

/* "v8", "8", "v8.2": false for anything else. */
static bool parse_variant(struct view v, uint64_t *major, uint64_t *minor)
{
    struct view head, tail;
    if (view_starts(v, VIEW_LIT("v")))
        v = view_slice(v, 1, v.n);
    bool dotted = view_cut(v, '.', &head, &tail);
    return num_parse_u64(head, 99, major) == NUM_OK && (!dotted || num_parse_u64(tail, 99, minor) == NUM_OK);
}

static struct machine machine_of(const struct oci_platform *p)
{
    struct machine m = {.name = view_of(p->architecture), .variant = view_of(p->variant)};
    const char *variant = "";
    if (is_one_of(m.name, "amd64", "x86_64", "x86-64")) {
        m.arch = ARCH_AMD64;
        variant = "v1";
    } else if (is_one_of(m.name, "386", "i386", "i686")) {
        m.arch = ARCH_386;
    } else if (is_one_of(m.name, "arm64", "aarch64", "armv8")) {
        m.arch = ARCH_ARM64;
        variant = "v8";
    } else if (is_one_of(m.name, "arm", "armhf", "armel")) {
        m.arch = ARCH_ARM;
        variant = view_eq_str(m.name, "armel") ? "v6" : "v7";
    }
    if (m.variant.n == 0)
        m.variant = view_of(variant);
    if (!parse_variant(m.variant, &m.major, &m.minor))
        m.major = m.minor = 0;
    return m;
}

/* Runs code for arm64 level `offered` on level `want`? 9.n includes 8.(n+5). */
static bool arm64_runs(const struct machine *want, const struct machine *offered)
{
    if (offered->major == want->major)
        return offered->minor <= want->minor;
    return want->major == 9 && offered->major == 8 && offered->minor <= want->minor + 5;
}

enum { MATCH_NO_PLATFORM = 1, MATCH_COMPATIBLE = 10, MATCH_SAME = 10000 };

static unsigned arm32_match(uint64_t level, const struct machine *offered, unsigned base)
{
    return offered->major >= 5 && offered->major <= level ? base + (unsigned)offered->major : 0;
}

unsigned oci_platform_match(const struct oci_platform *want, const struct oci_platform *offered)
{
    if (!view_eq(view_of(want->os), view_of(offered->os[0] ? offered->os : "linux")))
        return 0;
    struct machine w = machine_of(want), o = machine_of(offered);
    switch (w.arch) {
    case ARCH_AMD64:
        if (o.arch == ARCH_386)
            return MATCH_COMPATIBLE;
        return o.arch == ARCH_AMD64 && o.major >= 1 && o.major <= w.major ? MATCH_SAME + (unsigned)o.major : 0;
    case ARCH_386:
        return o.arch == ARCH_386 ? MATCH_SAME : 0;
    case ARCH_ARM:
        return o.arch == ARCH_ARM ? arm32_match(w.major, &o, MATCH_SAME) : 0;
    case ARCH_ARM64:
        if (o.arch == ARCH_ARM)
            return arm32_match(8, &o, MATCH_COMPATIBLE);
        return o.arch == ARCH_ARM64 && arm64_runs(&w, &o) ? MATCH_SAME + (unsigned)(o.major * 100 + o.minor) : 0;
    default:
        if (!view_eq(w.name, o.name))
            return 0;
        return view_eq(w.variant, o.variant) ? MATCH_SAME : o.variant.n == 0 ? MATCH_COMPATIBLE : 0;
    }
}

static unsigned descriptor_match(const struct oci_descriptor *d, const struct oci_platform *want)
{
    enum oci_media media = oci_media_classify(view_of(d->media_type));
    if (d->media_type[0] && media != OCI_MEDIA_IS_MANIFEST && media != OCI_MEDIA_IS_INDEX)
        return 0;
    return d->has_platform ? oci_platform_match(want, &d->platform) : MATCH_NO_PLATFORM;
}

static const char *slash(const char *s)
{
    return s[0] ? "/" : "";
}

/* "linux/amd64, linux/arm64/v8, ..." as far as it fits. */
static void list_platforms(const struct oci_index *index, char *out, size_t max)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < index->n_manifests && at < max; i++) {
        const struct oci_platform *p = &index->manifests[i].platform;
        int n = snprintf(out + at, max - at, "%s%.24s/%.24s%s%.24s", at ? ", " : "", p->os, p->architecture, slash(p->variant), p->variant);
        at += (size_t)n;
    }
}

int oci_index_select(const struct oci_index *index, const struct oci_platform *want, const struct oci_descriptor **ret, struct err *e)
{
    const struct oci_descriptor *best = NULL;
    unsigned best_match = 0;
    for (size_t i = 0; i < index->n_manifests; i++) {
        unsigned match = descriptor_match(&index->manifests[i], want);
        if (match > best_match) {
            best = &index->manifests[i];
            best_match = match;
        }
    }
    if (!best) {
        char offers[400];
        list_platforms(index, offers, sizeof offers);
        return err_raise(e, ERR_NOT_FOUND, "the index has no image for %s/%s%s%s; it has: %s", want->os, want->architecture,
                         slash(want->variant), want->variant, offers[0] ? offers : "nothing");
    }
    *ret = best;
    return 0;
}

int oci_manifest_size(const struct oci_manifest *m, uint64_t *ret, struct err *e)
{
    uint64_t sum = (uint64_t)m->config.size;
    for (size_t i = 0; i < m->n_layers; i++)
        if (!num_add_u64(sum, (uint64_t)m->layers[i].size, &sum))
            return err_raise(e, ERR_OUT_OF_RANGE, "the sizes of the layers add up to more than 2^64-1 bytes");
    *ret = sum;
    return 0;
}

size_t oci_chain_text(const char *chain, const char *diff_id, char out[OCI_CHAIN_TEXT_MAX + 1])
{
    int n = snprintf(out, OCI_CHAIN_TEXT_MAX + 1, "%s %s", chain, diff_id);
    return MIN_OF((size_t)n, (size_t)OCI_CHAIN_TEXT_MAX);
}
