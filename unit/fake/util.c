/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the fake containerd that know nothing of services: lists, copies of messages, times, names, digests.
 */
#include "model.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/codec.h"

void *fake_zalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        fputs("fake: out of memory\n", stderr);
        abort();
    }
    return p;
}

char *fake_strdup(const char *s)
{
    size_t n = strlen(s ? s : "") + 1;
    return memcpy(fake_zalloc(n), s ? s : "", n);
}

void fake_list_add(struct fake_list *l, void *p)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        void **v = fake_zalloc(cap * sizeof(*v));
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(*v));
        free(l->v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = p;
}

void *fake_list_take(struct fake_list *l, size_t i)
{
    void *p = l->v[i];
    memmove(&l->v[i], &l->v[i + 1], (l->n - i - 1) * sizeof(*l->v));
    l->n--;
    return p;
}

void fake_list_done(struct fake_list *l, void (*free_one)(void *))
{
    for (size_t i = 0; i < l->n; i++)
        free_one(l->v[i]);
    free(l->v);
    *l = (struct fake_list){0};
}

void *fake_copy(const void *message)
{
    const ProtobufCMessage *m = message;
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *p = fake_zalloc(n);
    protobuf_c_message_pack(m, p);
    ProtobufCMessage *copy = protobuf_c_message_unpack(m->descriptor, NULL, n, p);
    free(p);
    if (!copy)
        abort();
    return copy;
}

void fake_message_free(void *message)
{
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
}

Google__Protobuf__Timestamp *fake_stamp(struct arena *a, int64_t ns)
{
    Google__Protobuf__Timestamp *t = a ? arena_alloc(a, sizeof(*t)) : fake_zalloc(sizeof(*t));
    if (!t)
        abort();
    google__protobuf__timestamp__init(t);
    t->seconds = ns / (int64_t)NSEC_PER_SEC;
    t->nanos = (int32_t)(ns % (int64_t)NSEC_PER_SEC);
    return t;
}

Google__Protobuf__Timestamp *fake_now(struct arena *a)
{
    return fake_stamp(a, clock_real());
}

void fake_touch(Google__Protobuf__Timestamp **at)
{
    fake_message_free(*at);
    *at = fake_now(NULL);
}

void fake_set(char **member, const char *value)
{
    if (*member != (char *)protobuf_c_empty_string)
        free(*member);
    *member = fake_strdup(value);
}

const char *fake_map_get(size_t n, void *entries, const char *key)
{
    struct fake_entry **v = entries;
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i]->key, key) == 0)
            return v[i]->value;
    return NULL;
}

static bool alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int fake_check_id(const char *id, struct err *e)
{
    enum { ID_MAX = 76 };
    size_t n = strlen(id);
    if (n == 0)
        return err_raise(e, ERR_INVALID_ARGUMENT, "identifier must not be empty: invalid argument");
    if (n > ID_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "identifier \"%s\" greater than maximum length (%d characters): invalid argument", id, ID_MAX);
    bool ok = true;
    for (size_t i = 0; i < n; i++)
        ok = ok && (alnum(id[i]) || (strchr("._-", id[i]) && i > 0 && i + 1 < n && alnum(id[i - 1])));
    if (!ok)
        return err_raise(e, ERR_INVALID_ARGUMENT,
                         "identifier \"%s\" must match ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$: invalid argument", id);
    return 0;
}

int fake_check_labels(size_t n, void *entries, const char *what, struct err *e)
{
    enum { LABEL_MAX = 4096 };
    struct fake_entry **v = entries;
    for (size_t i = 0; i < n; i++)
        if (strlen(v[i]->key) + strlen(v[i]->value) > LABEL_MAX)
            return err_raise(e, ERR_INVALID_ARGUMENT,
                             "%s: label key and value greater than maximum size (%d bytes), key: %.10s: invalid argument", what,
                             LABEL_MAX, v[i]->key);
    return 0;
}

bool fake_digest_ok(const char *digest)
{
    static const char prefix[] = "sha256:";
    if (strncmp(digest, prefix, sizeof(prefix) - 1) != 0)
        return false;
    const char *hex = digest + sizeof(prefix) - 1;
    return strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}

void fake_sha256(const void *p, size_t n, char ret[FAKE_DIGEST_MAX])
{
    uint8_t hash[32];
    unsigned len = sizeof(hash);
    if (!EVP_Digest(p, n, hash, &len, EVP_sha256(), NULL) || len != sizeof(hash))
        abort();
    memcpy(ret, "sha256:", 7);
    hex_encode(hash, sizeof(hash), ret + 7);
    ret[71] = '\0';
}
