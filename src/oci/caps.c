/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities: the table and the arithmetic of add and drop lists, as bit sets.
 */
#include "oci/caps.h"

#include "base/macro.h"

static const char *const cap_names[OCI_CAP_COUNT] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

/* What containerd gives a container that asks for nothing, by number. */
static const unsigned char default_caps[] = {
    0,  /* CHOWN */
    1,  /* DAC_OVERRIDE */
    3,  /* FOWNER */
    4,  /* FSETID */
    5,  /* KILL */
    6,  /* SETGID */
    7,  /* SETUID */
    8,  /* SETPCAP */
    10, /* NET_BIND_SERVICE */
    13, /* NET_RAW */
    18, /* SYS_CHROOT */
    27, /* MKNOD */
    29, /* AUDIT_WRITE */
    31, /* SETFCAP */
};

uint64_t oci_caps_default(void)
{
    uint64_t set = 0;
    for (size_t i = 0; i < ARRAY_SIZE(default_caps); i++)
        set |= UINT64_C(1) << default_caps[i];
    return set;
}

const char *oci_cap_name(unsigned n)
{
    return n < OCI_CAP_COUNT ? cap_names[n] : NULL;
}

bool oci_cap_number(struct view name, unsigned *ret_number)
{
    const size_t prefix = sizeof("CAP_") - 1;
    bool full = name.n >= prefix && view_eq_nocase(view_slice(name, 0, prefix), VIEW_LIT("CAP_"));
    for (unsigned i = 0; i < OCI_CAP_COUNT; i++) {
        struct view known = view_of(cap_names[i]);
        if (!full)
            known = view_slice(known, prefix, known.n);
        if (view_eq_nocase(name, known)) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}

static bool is_all(const char *name)
{
    return view_eq_nocase(view_of(name), VIEW_LIT("ALL"));
}

/* The bits of a list, ALL left out; *ret_all says whether it was there. */
static int caps_of_list(char *const *names, size_t n, const char *field, uint64_t *ret_bits, bool *ret_all, struct err *e)
{
    uint64_t bits = 0;
    bool all = false;
    for (size_t i = 0; i < n; i++) {
        unsigned number;
        if (is_all(names[i]))
            all = true;
        else if (oci_cap_number(view_of(names[i]), &number))
            bits |= UINT64_C(1) << number;
        else
            return err_raise(e, ERR_INVALID_ARGUMENT,
                             "config.linux.security_context.capabilities.%s[%zu]: there is no capability \"%s\"", field, i,
                             names[i]);
    }
    *ret_bits = bits;
    *ret_all = all;
    return 0;
}

int oci_caps_apply(const Runtime__V1__Capability *c, uint64_t start, uint64_t available, struct oci_caps *ret_caps, struct err *e)
{
    struct oci_caps caps = {.effective = start};
    if (c) {
        uint64_t add, drop, ambient;
        bool add_all, drop_all, ambient_all;
        TRY(caps_of_list(c->add_capabilities, c->n_add_capabilities, "add_capabilities", &add, &add_all, e));
        TRY(caps_of_list(c->drop_capabilities, c->n_drop_capabilities, "drop_capabilities", &drop, &drop_all, e));
        TRY(caps_of_list(c->add_ambient_capabilities, c->n_add_ambient_capabilities, "add_ambient_capabilities", &ambient,
                         &ambient_all, e));
        if (ambient_all)
            ambient |= available;
        if (ambient & ~available) {
            unsigned n = 0;
            while (!(ambient & ~available & (UINT64_C(1) << n)))
                n++;
            return err_raise(e, ERR_INVALID_ARGUMENT,
                             "config.linux.security_context.capabilities.add_ambient_capabilities: this node cannot give %s",
                             cap_names[n]);
        }
        if (add_all)
            caps.effective = available;
        if (drop_all)
            caps.effective = 0;
        ambient &= ~drop;
        caps.effective = ((caps.effective | add) & ~drop) | ambient;
        caps.inheritable = ambient;
        caps.ambient = ambient;
    }
    *ret_caps = caps;
    return 0;
}
