/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what parse/toml makes of documents, for toml_differential.py, which holds it against another reader.
 * Standard input: again and again a line with a number of bytes, then these bytes. Standard output: one line of JSON a document:
 * {"table": [[key, value], ...]}, or {"error": code, "message": text}. A value is an object whose only member names its type;
 * keys and strings are in hexadecimal, numbers are the hexadecimal of their 64 bits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "parse/toml.h"

static void print_text(struct view v)
{
    putchar('"');
    for (size_t i = 0; i < v.n; i++)
        printf("%02x", (unsigned char)v.p[i]);
    putchar('"');
}

static void print_value(const struct toml *v);

static void print_children(const struct toml *v)
{
    printf(v->type == TOML_TABLE ? "{\"table\":[" : "{\"array\":[");
    for (const struct toml *c = v->children.first; c; c = c->next) {
        if (c != v->children.first)
            putchar(',');
        if (v->type == TOML_TABLE) {
            putchar('[');
            print_text(c->key);
            putchar(',');
        }
        print_value(c);
        if (v->type == TOML_TABLE)
            putchar(']');
    }
    printf("]}");
}

static void print_value(const struct toml *v)
{
    static const char *const kinds[] = {"", "offset-datetime", "local-datetime", "local-date", "local-time"};
    uint64_t bits;
    switch (v->type) {
    case TOML_TABLE:
    case TOML_ARRAY:
        print_children(v);
        return;
    case TOML_STRING:
        printf("{\"string\":");
        print_text(v->string);
        break;
    case TOML_INTEGER:
        printf("{\"integer\":\"%016" PRIx64 "\"", (uint64_t)v->integer);
        break;
    case TOML_FLOAT:
        memcpy(&bits, &v->real, sizeof bits);
        printf("{\"float\":\"%016" PRIx64 "\"", bits);
        break;
    case TOML_BOOL:
        printf("{\"boolean\":%s", v->boolean ? "true" : "false");
        break;
    case TOML_DATETIME:
        printf("{\"%s\":", kinds[v->datetime.kind]);
        print_text(v->datetime.text);
        break;
    }
    putchar('}');
}

static void print_document(struct view text)
{
    struct arena a = ARENA_INIT((size_t)16 << 20);
    struct err e = ERR_INIT;
    const struct toml *root;
    int r = toml_parse(text, &a, &root, &e);
    if (r == 0) {
        print_value(root);
    } else {
        printf("{\"error\":%d,\"message\":", -r);
        print_text(view_of(e.message));
        putchar('}');
    }
    putchar('\n');
    arena_done(&a);
}

int main(void)
{
    size_t n;
    char line[32];
    while (fgets(line, sizeof line, stdin)) {
        n = strtoul(line, NULL, 10);
        char *text = malloc(n ? n : 1);
        if (!text || fread(text, 1, n, stdin) != n) {
            fprintf(stderr, "toml_dump: %zu bytes cannot be read\n", n);
            return 1;
        }
        print_document(view_make(text, n));
        free(text);
        fflush(stdout);
    }
    return 0;
}
