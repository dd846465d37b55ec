/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of the files that a pod's containers share.
 */
#include "oci/podfiles.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/macro.h"
#include "oci/constants.h"

enum {
    HOSTNAME_MAX = 64,           /* sethostname(2), __NEW_UTS_LEN */
    RESOLV_CONF_MAX = 64 * 1024, /* far beyond what any resolver reads */
};

/* A line of its own in the file must not come out of one entry. */
static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static int check_entries(char *const *v, size_t n, const char *field, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!v[i][0])
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.dns_config.%s[%zu] is empty", field, i);
        if (has_control(v[i]))
            return err_raise(e, ERR_INVALID_ARGUMENT, "config.dns_config.%s[%zu] \"%s\" has a control character", field, i, v[i]);
    }
    return 0;
}

/* "<keyword> a b c\n"; nothing for an empty list. */
static int add_line(struct buf *b, const char *keyword, char *const *v, size_t n)
{
    if (n == 0)
        return 0;
    TRY(buf_add_str(b, keyword));
    for (size_t i = 0; i < n; i++) {
        TRY(buf_add_char(b, ' '));
        TRY(buf_add_str(b, v[i]));
    }
    return buf_add_char(b, '\n');
}

static int add_resolv(struct buf *b, const Runtime__V1__DNSConfig *dns)
{
    TRY(add_line(b, "search", dns->searches, dns->n_searches));
    for (size_t i = 0; i < dns->n_servers; i++)
        TRY(add_line(b, "nameserver", dns->servers + i, 1));
    return add_line(b, "options", dns->options, dns->n_options);
}

int oci_resolv_conf(const Runtime__V1__DNSConfig *dns, size_t max_searches, struct arena *a, char **ret_text, struct err *e)
{
    size_t max = max_searches ? max_searches : OCI_DNS_SEARCHES_MAX;
    if (dns->n_searches > max)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.dns_config.searches has %zu domains, at most %zu are allowed",
                         dns->n_searches, max);
    TRY(check_entries(dns->searches, dns->n_searches, "searches", e));
    TRY(check_entries(dns->servers, dns->n_servers, "servers", e));
    TRY(check_entries(dns->options, dns->n_options, "options", e));

    _cleanup_buf_ struct buf b = BUF_INIT(RESOLV_CONF_MAX);
    size_t want = 0; /* tells a text that is too long from memory that is short */
    for (size_t i = 0; i < dns->n_searches; i++)
        want += strlen(dns->searches[i]) + sizeof("search \n");
    for (size_t i = 0; i < dns->n_servers; i++)
        want += strlen(dns->servers[i]) + sizeof("nameserver \n");
    for (size_t i = 0; i < dns->n_options; i++)
        want += strlen(dns->options[i]) + sizeof("options \n");
    if (want > RESOLV_CONF_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.dns_config makes a resolv.conf of more than %d bytes", RESOLV_CONF_MAX);
    if (add_resolv(&b, dns) < 0)
        return err_oom(e);
    char *text = arena_view(a, buf_view(&b));
    if (!text)
        return err_oom(e);
    *ret_text = text;
    return 0;
}

int oci_hostname_file(const char *pod_hostname, const char *node_hostname, struct arena *a, char **ret_text, struct err *e)
{
    const char *name = pod_hostname && *pod_hostname ? pod_hostname : node_hostname ? node_hostname : "";
    if (has_control(name) || strpbrk(name, " /"))
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.hostname \"%s\" has a control character, a blank or a slash", name);
    if (strlen(name) > HOSTNAME_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "config.hostname \"%s\" is longer than %d bytes", name, HOSTNAME_MAX);
    char *text = arena_printf(a, "%s\n", name);
    if (!text)
        return err_oom(e);
    *ret_text = text;
    return 0;
}
