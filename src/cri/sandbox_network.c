/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's network: its configuration in CNI's terms, set up and torn down. See sandbox.h.
 */
#include <string.h>

#include "cri/convert.h"
#include "cri/networks.h"
#include "cri/sandbox.h"

/* What the plugins are told of a pod. Borrows from the configuration; lists are in the arena. */
static int describe_pod(const struct sandbox_meta *m, struct arena *a, struct cni_pod *pod, struct err *e)
{
    const Runtime__V1__PodSandboxConfig *c = m->config;
    *pod = (struct cni_pod){
        .id = m->id,
        .netns = m->netns_path,
        .name = c->metadata->name,
        .namespace_ = c->metadata->namespace_,
        .uid = c->metadata->uid,
        .cgroup_parent = c->linux ? c->linux->cgroup_parent : NULL,
    };
    struct cni_port_mapping *ports = ARENA_NEW_N(a, struct cni_port_mapping, c->n_port_mappings);
    struct kvlist *annotations = ARENA_NEW(a, struct kvlist);
    if (!ports || !annotations)
        return err_oom(e);
    for (size_t i = 0; i < c->n_port_mappings; i++) {
        const Runtime__V1__PortMapping *p = c->port_mappings[i];
        const char *protocol = p->protocol == RUNTIME__V1__PROTOCOL__UDP ? "udp" : p->protocol == RUNTIME__V1__PROTOCOL__SCTP ? "sctp" : "tcp";
        ports[i] = (struct cni_port_mapping){p->host_port, p->container_port, protocol, p->host_ip};
    }
    for (size_t i = 0; i < c->n_annotations; i++)
        if (kvlist_set(annotations, a, c->annotations[i]->key, c->annotations[i]->value) < 0)
            return err_oom(e);
    pod->ports = ports;
    pod->n_ports = c->n_port_mappings;
    pod->annotations = annotations;
    if (!c->dns_config)
        return 0;
    struct strlist *dns = ARENA_NEW_N(a, struct strlist, 3);
    if (!dns)
        return err_oom(e);
    dns[0] = (struct strlist){.v = c->dns_config->servers, .n = c->dns_config->n_servers};
    dns[1] = (struct strlist){.v = c->dns_config->searches, .n = c->dns_config->n_searches};
    dns[2] = (struct strlist){.v = c->dns_config->options, .n = c->dns_config->n_options};
    pod->has_dns = true;
    pod->dns_servers = &dns[0];
    pod->dns_searches = &dns[1];
    pod->dns_options = &dns[2];
    return 0;
}

int sandbox_network_up(struct cri_service *s, const struct ctx *ctx, const struct sandbox_meta *m, struct arena *a, struct cni_pod_result *ret, struct err *e)
{
    struct cni_pod pod;
    uint64_t began = clock_mono();
    TRY(describe_pod(m, a, &pod, e));
    int r = cni_setup(network_of_pod(s, m->config, m->runtime_handler), ctx, &pod, a, ret, e);
    if (r < 0)
        return err_wrap(e, r, "set up the network of sandbox \"%s\"", m->id);
    cri_metrics_time(&s->metrics, CRI_TIMER_SANDBOX_CREATE_NETWORK, began);
    return 0;
}

int sandbox_network_check(struct cri_service *s, const struct ctx *ctx, const struct sandbox_meta *m, struct err *e)
{
    const struct cni_pod pod = {.id = m->id, .netns = m->netns_path};
    return cni_check(network_of_pod(s, m->config, m->runtime_handler), ctx, &pod, e);
}

int sandbox_network_down(struct cri_service *s, const struct ctx *ctx, const struct sandbox_meta *m, struct err *e)
{
    if (!m->netns_path || m->netns_path[0] == '\0')
        return 0;
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct cni_pod pod;
    uint64_t began = clock_mono();
    TRY(describe_pod(m, &a, &pod, e));
    if (!s->os->netns_alive(m->netns_path))
        pod.netns = "";
    int r = cni_teardown(network_of_pod(s, m->config, m->runtime_handler), ctx, &pod, m->cni_result.n > 0, e);
    if (r < 0)
        return err_wrap(e, r, "tear down the network of sandbox \"%s\"", m->id);
    TRY(s->os->netns_remove(m->netns_path, e));
    cri_metrics_time(&s->metrics, CRI_TIMER_SANDBOX_DELETE_NETWORK, began);
    return 0;
}
