/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles, see seccomp.h. Each level of the document is one function, which puts its own name before the errors of the level below:
 * "syscalls[3]: args[0]: op ...".
 */
#include "parse/seccomp.h"

#include "base/jsonw.h"
#include "base/macro.h"
#include "base/num.h"
#include "parse/jsonscan.h"

static const char *const actions[] = {
    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",   "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", "SCMP_ACT_NOTIFY",
};

static const char *const operators[] = {
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
};

static const char *const architectures[] = {
    "SCMP_ARCH_X86",        "SCMP_ARCH_X86_64",      "SCMP_ARCH_X32",    "SCMP_ARCH_ARM",      "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",       "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",        "SCMP_ARCH_PPC64",  "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",      "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",       "SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",
};

static const char *const flags[] = {
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
};

struct words {
    const char *const *v;
    size_t n;
};
#define WORDS(table) ((struct words){(table), ARRAY_SIZE(table)})

enum { SHOWN_MAX = 64 }; /* bytes of the profile that an error repeats */

static bool present(struct jsonscan_value v)
{
    return v.kind != JSONSCAN_NONE && v.kind != JSONSCAN_NULL;
}

static int wrong_kind(const char *name, struct jsonscan_value v, const char *wanted, struct err *e)
{
    if (v.kind == JSONSCAN_NONE)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is missing", name);
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s is %s, not %s", name, jsonscan_kind_name(v.kind), wanted);
}

/* The entry of the table that a string is. */
static int read_word(const char *name, struct jsonscan_value v, struct words known, const char **ret, struct err *e)
{
    if (v.kind != JSONSCAN_STRING)
        return wrong_kind(name, v, "a string", e);
    for (size_t i = 0; i < known.n; i++)
        if (jsonscan_str_eq(v.raw, known.v[i])) {
            *ret = known.v[i];
            return 0;
        }
    struct view shown = view_slice(v.raw, 0, SHOWN_MAX);
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s %.*s is not known", name, VIEW_ARG(shown));
}

static int read_number(const char *name, struct jsonscan_value v, uint64_t max, uint64_t *ret, struct err *e)
{
    if (v.kind != JSONSCAN_NUMBER)
        return wrong_kind(name, v, "a number", e);
    if (num_parse_u64(v.raw, max, ret) == NUM_OK)
        return 0;
    struct view shown = view_slice(v.raw, 0, SHOWN_MAX);
    return err_raise(e, ERR_INVALID_ARGUMENT, "%s is %.*s, not an integer from 0 to %llu", name, VIEW_ARG(shown), (unsigned long long)max);
}

static int check_array(const char *name, struct jsonscan_value v, size_t max, struct err *e)
{
    if (v.kind != JSONSCAN_ARRAY)
        return wrong_kind(name, v, "an array", e);
    return jsonscan_count(v) <= max ? 0 : err_raise(e, ERR_INVALID_ARGUMENT, "%s has more than %zu entries", name, max);
}

/* The members of an object by their names, each at most once and no other one. */
static int read_members(const char *name, struct jsonscan_value object, struct words known, struct jsonscan_value *values, struct err *e)
{
    if (object.kind != JSONSCAN_OBJECT)
        return wrong_kind(name, object, "an object", e);
    struct jsonscan_iter it = jsonscan_iter(object);
    struct jsonscan_value value;
    struct view key;
    while (jsonscan_next(&it, &key, &value)) {
        size_t i = 0;
        while (i < known.n && !jsonscan_str_eq(key, known.v[i]))
            i++;
        struct view shown = view_slice(key, 0, SHOWN_MAX);
        if (i == known.n)
            return err_raise(e, ERR_INVALID_ARGUMENT, "member %.*s is not known", VIEW_ARG(shown));
        if (values[i].kind != JSONSCAN_NONE)
            return err_raise(e, ERR_INVALID_ARGUMENT, "member %.*s is there twice", VIEW_ARG(shown));
        values[i] = value;
    }
    return 0;
}

static int docker_form(const char *member, struct err *e)
{
    return err_raise(e, ERR_INVALID_ARGUMENT, "member \"%s\" is of Docker's form of profiles, which is not read; the form is that of "
                     "linux.seccomp in the OCI runtime specification", member);
}

static int write_number(struct jsonw *w, const char *name, struct jsonscan_value v, uint64_t max, struct err *e)
{
    uint64_t number = 0;
    TRY(read_number(name, v, max, &number, e));
    jsonw_key_u64(w, name, number);
    return 0;
}

static int write_word(struct jsonw *w, const char *name, struct jsonscan_value v, struct words known, struct err *e)
{
    const char *word = NULL;
    TRY(read_word(name, v, known, &word, e));
    jsonw_key_str(w, name, word);
    return 0;
}

static int write_words(struct jsonw *w, const char *name, struct jsonscan_value v, size_t max, struct words known, struct err *e)
{
    if (!present(v))
        return 0;
    TRY(check_array(name, v, max, e));
    jsonw_key(w, name);
    jsonw_array(w);
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    while (jsonscan_next(&it, NULL, &element)) {
        const char *word = NULL;
        TRY(read_word(name, element, known, &word, e));
        jsonw_str(w, word);
    }
    jsonw_array_end(w);
    return 0;
}

/* A string that is nobody's business here goes on as it is written. */
static int write_text(struct jsonw *w, const char *name, struct jsonscan_value v, struct err *e)
{
    if (!present(v))
        return 0;
    if (v.kind != JSONSCAN_STRING)
        return wrong_kind(name, v, "a string", e);
    if (v.raw.n > SECCOMP_TEXT_MAX)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%s is longer than %d bytes", name, SECCOMP_TEXT_MAX);
    jsonw_key(w, name);
    jsonw_raw(w, v.raw);
    return 0;
}

static bool name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int write_name(struct jsonw *w, struct jsonscan_value v, struct err *e)
{
    if (v.kind != JSONSCAN_STRING)
        return err_raise(e, ERR_INVALID_ARGUMENT, "a name is %s, not a string", jsonscan_kind_name(v.kind));
    char name[SECCOMP_NAME_MAX];
    size_t n = jsonscan_unescape(v.raw, name, sizeof name);
    bool ok = n > 0 && n <= sizeof name;
    for (size_t i = 0; ok && i < n; i++)
        ok = name_byte(name[i]);
    struct view shown = view_slice(v.raw, 0, SHOWN_MAX);
    if (!ok)
        return err_raise(e, ERR_INVALID_ARGUMENT, "%.*s is no name of a system call", VIEW_ARG(shown));
    jsonw_view(w, view_make(name, n));
    return 0;
}

static int write_names(struct jsonw *w, struct jsonscan_value v, struct err *e)
{
    TRY(check_array("names", v, SECCOMP_NAMES_MAX, e));
    jsonw_key(w, "names");
    jsonw_array(w);
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    size_t n = 0;
    while (jsonscan_next(&it, NULL, &element)) {
        int r = write_name(w, element, e);
        if (r < 0)
            return err_wrap(e, r, "names[%zu]", n);
        n++;
    }
    jsonw_array_end(w);
    return n > 0 ? 0 : err_raise(e, ERR_INVALID_ARGUMENT, "names is empty");
}

static int write_arg(struct jsonw *w, struct jsonscan_value v, struct err *e)
{
    enum { INDEX, VALUE, VALUE_TWO, OP, N };
    static const char *const names[N] = {"index", "value", "valueTwo", "op"};
    struct jsonscan_value m[N] = {{.kind = JSONSCAN_NONE}};
    TRY(read_members("the condition", v, WORDS(names), m, e));
    jsonw_object(w);
    TRY(write_number(w, names[INDEX], m[INDEX], SECCOMP_ARG_INDEX_MAX, e));
    TRY(write_number(w, names[VALUE], m[VALUE], UINT64_MAX, e));
    if (present(m[VALUE_TWO]))
        TRY(write_number(w, names[VALUE_TWO], m[VALUE_TWO], UINT64_MAX, e));
    TRY(write_word(w, names[OP], m[OP], WORDS(operators), e));
    jsonw_object_end(w);
    return 0;
}

/* An array of objects, each written by one function. */
static int write_objects(struct jsonw *w, const char *name, struct jsonscan_value v, size_t max,
                         int (*write)(struct jsonw *w, struct jsonscan_value v, struct err *e), struct err *e)
{
    if (!present(v))
        return 0;
    TRY(check_array(name, v, max, e));
    jsonw_key(w, name);
    jsonw_array(w);
    struct jsonscan_iter it = jsonscan_iter(v);
    struct jsonscan_value element;
    for (size_t i = 0; jsonscan_next(&it, NULL, &element); i++) {
        int r = write(w, element, e);
        if (r < 0)
            return err_wrap(e, r, "%s[%zu]", name, i);
    }
    jsonw_array_end(w);
    return 0;
}

static int write_rule(struct jsonw *w, struct jsonscan_value v, struct err *e)
{
    enum { NAMES, ACTION, ERRNO, ARGS, COMMENT, NAME, INCLUDES, EXCLUDES, N };
    static const char *const names[N] = {"names", "action", "errnoRet", "args", "comment", "name", "includes", "excludes"};
    struct jsonscan_value m[N] = {{.kind = JSONSCAN_NONE}};
    TRY(read_members("the rule", v, WORDS(names), m, e));
    if (present(m[NAME]))
        return docker_form("name", e);
    /* A rule without conditions on the container says the same in both forms. */
    for (size_t i = INCLUDES; i <= EXCLUDES; i++)
        if (present(m[i]) && (m[i].kind != JSONSCAN_OBJECT || jsonscan_count(m[i]) > 0))
            return docker_form(names[i], e);
    jsonw_object(w);
    TRY(write_names(w, m[NAMES], e));
    TRY(write_word(w, "action", m[ACTION], WORDS(actions), e));
    if (present(m[ERRNO]))
        TRY(write_number(w, "errnoRet", m[ERRNO], SECCOMP_ERRNO_MAX, e));
    TRY(write_objects(w, "args", m[ARGS], SECCOMP_ARGS_MAX, write_arg, e));
    jsonw_object_end(w);
    return 0;
}

static int write_profile(struct jsonw *w, struct jsonscan_value v, struct err *e)
{
    enum { ACTION, ERRNO, ARCHITECTURES, FLAGS, PATH, METADATA, SYSCALLS, COMMENT, ARCH_MAP, N };
    static const char *const names[N] = {"defaultAction", "defaultErrnoRet", "architectures", "flags", "listenerPath", "listenerMetadata",
                                         "syscalls", "comment", "archMap"};
    struct jsonscan_value m[N] = {{.kind = JSONSCAN_NONE}};
    TRY(read_members("the document", v, WORDS(names), m, e));
    if (present(m[ARCH_MAP]))
        return docker_form("archMap", e);
    jsonw_object(w);
    TRY(write_word(w, "defaultAction", m[ACTION], WORDS(actions), e));
    if (present(m[ERRNO]))
        TRY(write_number(w, "defaultErrnoRet", m[ERRNO], SECCOMP_ERRNO_MAX, e));
    TRY(write_words(w, "architectures", m[ARCHITECTURES], SECCOMP_ARCHES_MAX, WORDS(architectures), e));
    TRY(write_words(w, "flags", m[FLAGS], SECCOMP_FLAGS_MAX, WORDS(flags), e));
    TRY(write_text(w, "listenerPath", m[PATH], e));
    TRY(write_text(w, "listenerMetadata", m[METADATA], e));
    TRY(write_objects(w, "syscalls", m[SYSCALLS], SECCOMP_RULES_MAX, write_rule, e));
    jsonw_object_end(w);
    return 0;
}

int seccomp_profile_read(struct view text, struct buf *out, struct err *e)
{
    if (text.n > SECCOMP_PROFILE_MAX)
        return err_raise(e, ERR_OUT_OF_RANGE, "seccomp profile has %zu bytes, more than %d", text.n, SECCOMP_PROFILE_MAX);
    struct jsonscan_value document = {.kind = JSONSCAN_NONE};
    struct jsonw w;
    jsonw_init(&w, out);
    int r = jsonscan_parse(text, &document, e);
    if (r == 0)
        r = write_profile(&w, document, e);
    if (r == 0)
        r = jsonw_finish(&w, e);
    if (r < 0) {
        buf_clear(out);
        return err_wrap(e, r, "seccomp profile");
    }
    return 0;
}
