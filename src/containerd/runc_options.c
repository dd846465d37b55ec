/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing of the runc shim's options.
 */
#include "containerd/runc_options.h"

#include "containerd/runc_options.pb-c.h"
#include "containerd/wire.h"
#include "rpc/message.h"

int ctrd_runc_options_pack(const struct ctrd_runc_options *o, struct arena *a, struct ctrd_any *ret, struct err *e)
{
    Containerd__Runc__V1__Options m;
    containerd__runc__v1__options__init(&m);
    m.systemd_cgroup = o->systemd_cgroup;
    m.no_pivot_root = o->no_pivot_root;
    m.no_new_keyring = o->no_new_keyring;
    m.io_uid = o->io_uid;
    m.io_gid = o->io_gid;
    m.binary_name = ctrd_str(o->binary_name);
    m.root = ctrd_str(o->root);
    m.shim_cgroup = ctrd_str(o->shim_cgroup);
    size_t n = protobuf_c_message_get_packed_size(&m.base);
    uint8_t *p = arena_alloc(a, n + 1);
    if (!p)
        return err_oom(e);
    protobuf_c_message_pack(&m.base, p);
    *ret = (struct ctrd_any){.type_url = CTRD_RUNC_OPTIONS_TYPE, .value = view_make((const char *)p, n)};
    return 0;
}

int ctrd_runc_options_unpack(const struct ctrd_any *any, struct arena *a, struct ctrd_runc_options *ret, struct err *e)
{
    *ret = (struct ctrd_runc_options){.binary_name = "", .root = "", .shim_cgroup = ""};
    if (!any->type_url)
        return 0;
    struct view type = view_of(any->type_url);
    if (!view_ends(type, VIEW_LIT(CTRD_RUNC_OPTIONS_TYPE)))
        return err_raise(e, ERR_INVALID_ARGUMENT, "runtime options are of type \"%s\", not " CTRD_RUNC_OPTIONS_TYPE,
                         any->type_url);
    ProtobufCMessage *p;
    TRY(rpc_message_unpack(&containerd__runc__v1__options__descriptor, any->value, a, &p, e));
    const Containerd__Runc__V1__Options *m = (const void *)p;
    *ret = (struct ctrd_runc_options){
        .systemd_cgroup = m->systemd_cgroup,
        .no_pivot_root = m->no_pivot_root,
        .no_new_keyring = m->no_new_keyring,
        .io_uid = m->io_uid,
        .io_gid = m->io_gid,
        .binary_name = m->binary_name,
        .root = m->root,
        .shim_cgroup = m->shim_cgroup,
    };
    return 0;
}
