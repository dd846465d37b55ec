/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the libraries with process-wide allocator hooks the functions of mem.h. nghttp2 and protobuf-c take theirs per object and are
 * served where those objects are made.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include "base/mem.h"

static void *ossl_alloc(size_t n, const char *file, int line)
{
    return n ? mem_alloc(n) : NULL;
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
    if (n)
        return mem_realloc(p, n);
    mem_free(p);
    return NULL;
}

static void ossl_free(void *p, const char *file, int line)
{
    mem_free(p);
}

void mem_install_hooks(void)
{
    json_set_alloc_funcs(mem_alloc, mem_free);
    json_object_seed(1);
    /* Refused once OpenSSL has allocated; then it keeps malloc, which only makes a sweep see less. */
    CRYPTO_set_mem_functions(ossl_alloc, ossl_realloc, ossl_free);
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, mem_realloc, mem_strdup, mem_calloc);
}
