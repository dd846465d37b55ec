/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod in CNI's terms: CNI_ARGS, and the capability arguments that plugins can ask for (CNI conventions, "dynamic plugin
 * specific fields"). A capability that the pod has nothing for is left out.
 */
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "cni/internal.h"

#define INGRESS_ANNOTATION "kubernetes.io/ingress-bandwidth"
#define EGRESS_ANNOTATION  "kubernetes.io/egress-bandwidth"

/* The limits that Kubernetes sets for a sensible rate, in bits a second. */
static const uint64_t RATE_MIN = UINT64_C(1000);
static const uint64_t RATE_MAX = UINT64_C(1000000000000000);
static const uint64_t BURST = UINT32_MAX;

static int add_arg(struct arena *a, struct kvlist *args, const char *key, const char *value, struct err *e)
{
    if (!value)
        value = "";
    /* CNI_ARGS is "k=v;k=v" without any quoting: a ';' would start an argument of the caller's own choice. */
    if (strchr(value, ';'))
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s \"%s\" contains ';', which CNI_ARGS cannot hold", key, value);
    return kvlist_set(args, a, key, value) < 0 ? err_oom(e) : 0;
}

char *cni_args_text(struct arena *a, const struct kvlist *args)
{
    _cleanup_buf_ struct buf b = BUF_INIT(CNI_CAPABILITY_MAX);
    int r = buf_add_str(&b, "");
    for (size_t i = 0; i < args->n && r == 0; i++)
        r = buf_printf(&b, "%s%s=%s", i ? ";" : "", args->v[i].key, args->v[i].value);
    return r < 0 ? NULL : arena_view(a, buf_view(&b));
}

/* Ends the document and keeps it as the argument of a capability. */
static int keep(struct arena *a, struct kvlist *caps, const char *name, struct jsonw *w, struct buf *b, struct err *e)
{
    TRY(jsonw_finish(w, e));
    char *text = arena_view(a, buf_view(b));
    return !text || kvlist_set(caps, a, name, text) < 0 ? err_oom(e) : 0;
}

/* Writes s in lower case (ASCII). */
static void write_lower(struct jsonw *w, const char *key, const char *s)
{
    char text[16];
    size_t n = strlen(s) < sizeof(text) - 1 ? strlen(s) : sizeof(text) - 1;
    for (size_t i = 0; i < n; i++)
        text[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') : s[i];
    jsonw_key(w, key);
    jsonw_view(w, view_make(text, n));
}

static int add_ports(struct arena *a, const struct cni_pod *pod, struct kvlist *caps, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(CNI_CAPABILITY_MAX);
    struct jsonw w;
    size_t n = 0;

    jsonw_init(&w, &b);
    jsonw_array(&w);
    for (size_t i = 0; i < pod->n_ports; i++) {
        const struct cni_port_mapping *p = &pod->ports[i];
        if (p->host_port <= 0)
            continue;
        n++;
        jsonw_object(&w);
        jsonw_key_i64(&w, "hostPort", p->host_port);
        jsonw_key_i64(&w, "containerPort", p->container_port);
        write_lower(&w, "protocol", p->protocol ? p->protocol : "tcp");
        jsonw_key_str(&w, "hostIP", p->host_ip);
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    return n ? keep(a, caps, "portMappings", &w, &b, e) : 0;
}

/* Reads a rate. *ret is left alone when the annotation is absent; 1 when it was there. */
static int read_rate(const struct cni_pod *pod, const char *name, uint64_t *ret, struct err *e)
{
    const char *text = pod->annotations ? kvlist_get(pod->annotations, name) : NULL;
    uint64_t rate = 0;
    if (!text)
        return 0;
    int status = cni_rate_parse(view_of(text), RATE_MAX, &rate);
    if (status == NUM_NOT_A_NUMBER)
        return err_raise(e, ERR_INVALID_ARGUMENT, "annotation %s: \"%s\" is not a quantity", name, text);
    if (status != NUM_OK || rate < RATE_MIN)
        return err_raise(e, ERR_INVALID_ARGUMENT, "annotation %s: \"%s\" is not between 1k and 1P bits a second", name, text);
    *ret = rate;
    return 1;
}

static int add_bandwidth(struct arena *a, const struct cni_pod *pod, struct kvlist *caps, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(CNI_CAPABILITY_MAX);
    struct jsonw w;
    uint64_t in = 0, out = 0;

    int has_in = read_rate(pod, INGRESS_ANNOTATION, &in, e);
    TRY(has_in);
    int has_out = read_rate(pod, EGRESS_ANNOTATION, &out, e);
    TRY(has_out);
    if (!has_in && !has_out)
        return 0;
    jsonw_init(&w, &b);
    jsonw_object(&w);
    if (has_in) {
        jsonw_key_u64(&w, "ingressRate", in);
        jsonw_key_u64(&w, "ingressBurst", BURST);
    }
    if (has_out) {
        jsonw_key_u64(&w, "egressRate", out);
        jsonw_key_u64(&w, "egressBurst", BURST);
    }
    jsonw_object_end(&w);
    return keep(a, caps, "bandwidth", &w, &b, e);
}

static void write_list(struct jsonw *w, const char *key, const struct strlist *l)
{
    jsonw_key(w, key);
    jsonw_array(w);
    for (size_t i = 0; l && i < l->n; i++)
        jsonw_str(w, l->v[i]);
    jsonw_array_end(w);
}

static int add_dns(struct arena *a, const struct cni_pod *pod, struct kvlist *caps, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(CNI_CAPABILITY_MAX);
    struct jsonw w;

    if (!pod->has_dns)
        return 0;
    jsonw_init(&w, &b);
    jsonw_object(&w);
    write_list(&w, "servers", pod->dns_servers);
    write_list(&w, "searches", pod->dns_searches);
    write_list(&w, "options", pod->dns_options);
    jsonw_object_end(&w);
    return keep(a, caps, "dns", &w, &b, e);
}

static int add_cgroup_path(struct arena *a, const struct cni_pod *pod, struct kvlist *caps, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(CNI_CAPABILITY_MAX);
    struct jsonw w;

    if (!pod->cgroup_parent || pod->cgroup_parent[0] == '\0')
        return 0;
    jsonw_init(&w, &b);
    jsonw_str(&w, pod->cgroup_parent);
    return keep(a, caps, "cgroupPath", &w, &b, e);
}

static int add_annotations(struct arena *a, const struct cni_pod *pod, struct kvlist *caps, struct err *e)
{
    _cleanup_buf_ struct buf b = BUF_INIT(CNI_CAPABILITY_MAX);
    struct jsonw w;

    if (!pod->annotations || pod->annotations->n == 0)
        return 0;
    jsonw_init(&w, &b);
    jsonw_object(&w);
    for (size_t i = 0; i < pod->annotations->n; i++)
        jsonw_key_str(&w, pod->annotations->v[i].key, pod->annotations->v[i].value);
    jsonw_object_end(&w);
    return keep(a, caps, CNI_CAPABILITY_ANNOTATIONS, &w, &b, e);
}

int cni_attachment_init(struct arena *a, const struct cni_pod *pod, const char *ip_ranges, struct cni_attachment *ret,
                        struct err *e)
{
    struct cni_attachment at = {0};

    if (!cni_name_valid(view_of(pod->id)))
        return err_raise(e, ERR_INVALID_ARGUMENT, "\"%s\" cannot be the container id of a CNI plugin", pod->id ? pod->id : "");
    at.id = arena_strdup(a, pod->id);
    at.netns = arena_strdup(a, pod->netns ? pod->netns : "");
    if (!at.id || !at.netns)
        return err_oom(e);
    TRY(add_arg(a, &at.args, "IgnoreUnknown", "1", e));
    TRY(add_arg(a, &at.args, "K8S_POD_NAMESPACE", pod->namespace_, e));
    TRY(add_arg(a, &at.args, "K8S_POD_NAME", pod->name, e));
    TRY(add_arg(a, &at.args, "K8S_POD_INFRA_CONTAINER_ID", pod->id, e));
    TRY(add_arg(a, &at.args, "K8S_POD_UID", pod->uid, e));
    TRY(add_ports(a, pod, &at.capabilities, e));
    TRY(add_bandwidth(a, pod, &at.capabilities, e));
    TRY(add_dns(a, pod, &at.capabilities, e));
    TRY(add_cgroup_path(a, pod, &at.capabilities, e));
    TRY(add_annotations(a, pod, &at.capabilities, e));
    if (ip_ranges && kvlist_set(&at.capabilities, a, "ipRanges", ip_ranges) < 0)
        return err_oom(e);
    for (size_t i = 0; pod->capabilities && i < pod->capabilities->n; i++)
        if (kvlist_set(&at.capabilities, a, pod->capabilities->v[i].key, pod->capabilities->v[i].value) < 0)
            return err_oom(e);
    *ret = at;
    return 0;
}
