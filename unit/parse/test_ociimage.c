/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of images: what registries send, and what hostile ones could.
 */
#include <stdio.h>

#include "support.h"
#include "parse/budget.h"
#include "sweep.h"

#include "base/buf.h"
#include "parse/ociimage.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64
#define CONFIG "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" DIGEST "\",\"size\":7}"
#define LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" DIGEST "\",\"size\":32}"

static const char manifest[] = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":" CONFIG
                               ",\"layers\":[" LAYER ",{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\","
                               "\"digest\":\"" DIGEST "\",\"size\":1,\"urls\":[\"https://x\"],\"annotations\":{\"a\":\"b\"}}],"
                               "\"annotations\":{\"k\":\"v\"}}";

static void media_types(void **state)
{
    assert_int_equal(oci_media_classify(VIEW_LIT("application/vnd.oci.image.manifest.v1+json")), OCI_MEDIA_IS_MANIFEST);
    assert_int_equal(oci_media_classify(VIEW_LIT(" Application/vnd.docker.distribution.manifest.v2+json ; charset=utf-8")), OCI_MEDIA_IS_MANIFEST);
    assert_int_equal(oci_media_classify(VIEW_LIT(DOCKER_MEDIA_LIST)), OCI_MEDIA_IS_INDEX);
    assert_int_equal(oci_media_classify(VIEW_LIT(DOCKER_MEDIA_CONFIG)), OCI_MEDIA_IS_CONFIG);
    assert_int_equal(oci_media_classify(VIEW_LIT("application/vnd.oci.image.layer.v1.tar+zstd")), OCI_MEDIA_IS_LAYER);
    assert_int_equal(oci_media_classify(VIEW_LIT("application/vnd.oci.image.layer.nondistributable.v1.tar")), OCI_MEDIA_IS_FOREIGN_LAYER);
    assert_int_equal(oci_media_classify(VIEW_LIT(DOCKER_MEDIA_SCHEMA1_SIGNED)), OCI_MEDIA_IS_SCHEMA1);
    assert_int_equal(oci_media_classify(VIEW_LIT("application/json")), OCI_MEDIA_OTHER);
    assert_int_equal(oci_media_classify(VIEW_EMPTY), OCI_MEDIA_OTHER);
}

static void manifest_read(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct oci_manifest m;
    struct err e = ERR_INIT;
    uint64_t size;
    assert_ok(oci_manifest_parse(view_of(manifest), &a, &m, &e), &e);
    assert_string_equal(m.media_type, OCI_MEDIA_MANIFEST);
    assert_string_equal(m.config.digest, DIGEST);
    assert_int_equal(m.n_layers, 2);
    assert_int_equal(m.layers[0].size, 32);
    assert_false(m.layers[0].foreign);
    assert_true(m.layers[1].foreign);
    assert_false(m.layers[1].has_platform);
    assert_string_equal(m.layers[1].urls.v[0], "https://x");
    assert_string_equal(kvlist_get(&m.layers[1].annotations, "a"), "b");
    assert_string_equal(kvlist_get(&m.annotations, "k"), "v");
    assert_ok(oci_manifest_size(&m, &size, &e), &e);
    assert_int_equal(size, 40);
    m.config.size = m.layers[0].size = m.layers[1].size = INT64_MAX;
    assert_fails(oci_manifest_size(&m, &size, &e), &e, ERR_OUT_OF_RANGE, "2^64-1");
    m.n_layers = 1;
    assert_ok(oci_manifest_size(&m, &size, &e), &e);
    assert_true(size == UINT64_MAX - 1);
    assert_ok(oci_manifest_parse(VIEW_LIT("{\"config\":" CONFIG ",\"layers\":null}"), &a, &m, &e), &e);
    assert_int_equal(m.n_layers, 0);
    assert_string_equal(m.media_type, "");
}

static void manifest_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"null", "manifest is null, not an object"},
        {"[]", "manifest is an array"},
        {"0", "manifest is a number"},
        {"\"\"", "manifest is a string"},
        {"{", "not valid JSON"},
        {"{}", "config is missing"},
        {"{\"config\":null}", "config is missing"},
        {"{\"config\":[]}", "config: it is an array, not an object"},
        {"{\"config\":{}}", "config: \"\" is not a digest"},
        {"{\"config\":{\"digest\":\"sha256:ab\"}}", "wrong number of digits"},
        {"{\"config\":{\"digest\":7}}", "digest is a number, not a string"},
        {"{\"config\":{\"digest\":\"" DIGEST "\"}}", "size is missing"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":null}}", "size is missing"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":-1}}", "size is -1"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":9223372036854775808}}", "size is 9223372036854775808, outside"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1e3}}", "size is 1e3, not an integer"},
        {"{\"config\":{\"mediaType\":1}}", "config: mediaType is a number"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":[]}}", "platform is an array"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":{\"os\":1}}}", "platform.os is a number"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":{\"architecture\":1}}}", "platform.architecture is a number"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":{\"variant\":1}}}", "platform.variant is a number"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":{\"os.version\":1}}}", "platform.os.version is a number"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"urls\":{}}}", "urls is an object"},
        {"{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1,\"annotations\":[]}}", "annotations is an array"},
        {"{\"config\":" CONFIG ",\"layers\":{}}", "layers is an object"},
        {"{\"config\":" CONFIG ",\"layers\":[" LAYER ",null]}", "layers[1]: it is null"},
        {"{\"config\":" CONFIG ",\"annotations\":7}", "annotations is a number"},
        {"{\"mediaType\":7,\"config\":" CONFIG "}", "mediaType is a number"},
        {"{\"mediaType\":\"text/html\"}", "mediaType \"text/html\""},
        {"{\"mediaType\":\"" DOCKER_MEDIA_LIST "\"}", "not the manifest that was expected"},
        {"{\"mediaType\":\"" DOCKER_MEDIA_LIST "\",\"config\":" CONFIG "}", "contradict"},
        {"{\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"manifests\":[]}", "contradict"},
        {"{\"manifests\":[],\"layers\":[]}", "two images"},
        {"{\"manifests\":[]}", "not the manifest that was expected"},
        {"{\"schemaVersion\":1}", "schema 1"},
        {"{\"fsLayers\":[]}", "schema 1"},
        {"{\"mediaType\":\"" DOCKER_MEDIA_SCHEMA1 "\"}", "schema 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct oci_manifest m;
        struct err e = ERR_INIT;
        int r = oci_manifest_parse(view_of(cases[i].text), &a, &m, &e);
        if (r != -ERR_INVALID_ARGUMENT || !strstr(e.message, cases[i].why))
            fail_msg("%s: %d %s", cases[i].text, r, e.message);
    }
}

static void layers_up_to_the_limit(void **state)
{
    for (size_t n = OCI_LAYERS_MAX - 1; n <= OCI_LAYERS_MAX + 1; n++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(4 << 20);
        _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
        struct oci_manifest m;
        struct err e = ERR_INIT;
        assert_int_equal(buf_add_str(&b, "{\"config\":" CONFIG ",\"layers\":["), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf_add_str(&b, i ? "," LAYER : LAYER), 0);
        assert_int_equal(buf_add_str(&b, "]}"), 0);
        if (n <= OCI_LAYERS_MAX)
            assert_ok(oci_manifest_parse(buf_view(&b), &a, &m, &e), &e);
        else
            assert_fails(oci_manifest_parse(buf_view(&b), &a, &m, &e), &e, ERR_INVALID_ARGUMENT, "layers has more than 512 entries");
    }
}

/* CVE-2023-25153: every document has a limit. */
static void documents_up_to_the_limit(void **state)
{
    char *text = mem_alloc(OCI_CONFIG_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', OCI_CONFIG_BYTES_MAX + 1);
    memcpy(text, "{}", 2);
    for (int over = -1; over <= 1; over++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct oci_image_config c;
        struct oci_index x;
        struct err e = ERR_INIT;
        int want = over > 0 ? -ERR_OUT_OF_RANGE : 0;
        assert_int_equal(oci_image_config_parse(view_make(text, (size_t)(OCI_CONFIG_BYTES_MAX + over)), &a, &c, &e), want);
        assert_int_equal(oci_index_parse(view_make(text, (size_t)(OCI_MANIFEST_BYTES_MAX + over)), &a, &x, &e), want);
    }
    mem_free(text);
}

static void kinds(void **state)
{
    static const struct {
        const char *text, *type;
        enum oci_media want;
        const char *why;
    } cases[] = {
        {manifest, "", OCI_MEDIA_IS_MANIFEST, NULL},
        {manifest, OCI_MEDIA_MANIFEST, OCI_MEDIA_IS_MANIFEST, NULL},
        {manifest, "application/json", OCI_MEDIA_IS_MANIFEST, NULL},
        {"{\"config\":{}}", "", OCI_MEDIA_IS_MANIFEST, NULL},
        {"{\"layers\":[]}", DOCKER_MEDIA_MANIFEST, OCI_MEDIA_IS_MANIFEST, NULL},
        {"{\"manifests\":[]}", "", OCI_MEDIA_IS_INDEX, NULL},
        {"{\"mediaType\":\"" OCI_MEDIA_INDEX "\"}", "", OCI_MEDIA_IS_INDEX, NULL},
        {"{\"mediaType\":\"\",\"manifests\":[]}", "", OCI_MEDIA_IS_INDEX, NULL},
        {"{\"mediaType\":null,\"manifests\":[]}", "", OCI_MEDIA_IS_INDEX, NULL},
        {"{}", OCI_MEDIA_INDEX, OCI_MEDIA_IS_INDEX, NULL},
        {"{}", "", 0, "neither a manifest nor an index"},
        {"{}", OCI_MEDIA_CONFIG, 0, "neither a manifest nor an index"},
        {"{\"manifests\":[]}", OCI_MEDIA_MANIFEST, 0, "says otherwise"},
        {"{}", DOCKER_MEDIA_SCHEMA1, 0, "schema 1"},
        {"[]", "", 0, "not an object"},
        {"{\"mediaType\":\"x\"}", "", 0, "mediaType \"x\""},
        {"{\"fsLayers\":[]}", "", 0, "schema 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        enum oci_media kind = OCI_MEDIA_OTHER;
        struct err e = ERR_INIT;
        int r = oci_document_kind(view_of(cases[i].text), view_of(cases[i].type), &kind, &e);
        if (cases[i].why ? r != -ERR_INVALID_ARGUMENT || !strstr(e.message, cases[i].why) : r != 0 || kind != cases[i].want)
            fail_msg("%s as %s: %d, kind %d, %s", cases[i].text, cases[i].type, r, kind, e.message);
    }
}

static void platforms(void **state)
{
    static const struct {
        struct oci_platform want;
        const char *better[4]; /* architecture, variant pairs: the first must beat the second */
    } order[] = {
        {{"linux", "amd64", "", ""}, {"amd64", "", "386", ""}},
        {{"linux", "amd64", "v3", ""}, {"amd64", "v3", "amd64", "v2"}},
        {{"linux", "amd64", "v3", ""}, {"amd64", "v2", "x86_64", ""}},
        {{"linux", "arm", "v7", ""}, {"arm", "v7", "arm", "v6"}},
        {{"linux", "arm", "v7", ""}, {"armhf", "", "armel", ""}},
        {{"linux", "arm64", "", ""}, {"arm64", "v8", "arm", "v7"}},
        {{"linux", "aarch64", "8", ""}, {"arm64", "", "arm", "v8"}},
        {{"linux", "arm64", "v9", ""}, {"arm64", "v9", "arm64", "v8.5"}},
        {{"linux", "riscv64", "", ""}, {"riscv64", "", "amd64", ""}},
        {{"linux", "ppc64le", "p9", ""}, {"ppc64le", "p9", "ppc64le", ""}},
    };
    static const struct {
        struct oci_platform want, offered;
    } never[] = {
        {{"linux", "amd64", "", ""}, {"windows", "amd64", "", ""}},
        {{"linux", "amd64", "", ""}, {"linux", "amd64", "v2", ""}},
        {{"linux", "amd64", "", ""}, {"linux", "amd64", "garbage", ""}},
        {{"linux", "amd64", "", ""}, {"linux", "amd64", "v1.x", ""}},
        {{"linux", "amd64", "", ""}, {"linux", "arm64", "", ""}},
        {{"linux", "386", "", ""}, {"linux", "amd64", "", ""}},
        {{"linux", "arm", "v6", ""}, {"linux", "arm", "v7", ""}},
        {{"linux", "arm", "v7", ""}, {"linux", "arm", "v4", ""}},
        {{"linux", "arm", "v7", ""}, {"linux", "arm64", "", ""}},
        {{"linux", "arm64", "v8", ""}, {"linux", "arm64", "v8.1", ""}},
        {{"linux", "arm64", "v9", ""}, {"linux", "arm64", "v8.6", ""}},
        {{"linux", "arm64", "v9", ""}, {"linux", "arm64", "v7", ""}},
        {{"linux", "arm64", "v8", ""}, {"linux", "amd64", "", ""}},
        {{"linux", "arm64", "v8", ""}, {"linux", "arm64", "v9", ""}},
        {{"linux", "arm64", "v8", ""}, {"linux", "arm", "v9", ""}},
        {{"linux", "s390x", "", ""}, {"linux", "s390x", "z", ""}},
        {{"linux", "amd64", "", ""}, {"unknown", "unknown", "", ""}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        struct oci_platform x = {"linux", order[i].better[0], order[i].better[1], ""}, y = {"", order[i].better[2], order[i].better[3], ""};
        if (oci_platform_match(&order[i].want, &x) <= oci_platform_match(&order[i].want, &y))
            fail_msg("for %s/%s: %s/%s must beat %s/%s", order[i].want.architecture, order[i].want.variant, x.architecture, x.variant,
                     y.architecture, y.variant);
    }
    for (size_t i = 0; i < ARRAY_SIZE(never); i++)
        if (oci_platform_match(&never[i].want, &never[i].offered))
            fail_msg("%s/%s runs on %s/%s", never[i].offered.architecture, never[i].offered.variant, never[i].want.architecture, never[i].want.variant);
    struct oci_platform i386 = {"linux", "i386", "", ""}, host = oci_platform_host();
    assert_true(oci_platform_match(&i386, &i386) > 0);
    assert_true(oci_platform_match(&host, &host) > 0);
    assert_string_equal(host.os, "linux");
}


static int select_from(const char *entries, const char *arch, const char **ret_digest, struct arena *a, struct err *e)
{
    char text[4096];
    struct oci_index index;
    const struct oci_descriptor *d;
    struct oci_platform want = {"linux", arch, "", ""};
    snprintf(text, sizeof text, "{\"manifests\":[%s]}", entries);
    TRY(oci_index_parse(view_of(text), a, &index, e));
    TRY(oci_index_select(&index, &want, &d, e));
    *ret_digest = d->digest;
    return 0;
}

#define D(c) "sha256:" c "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIMPLE(c, media, platform) "{\"mediaType\":\"" media "\",\"digest\":\"" D(c) "\",\"size\":1" platform "}"
#define PLATFORM(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"

static void index_selects(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    const char *digest = NULL;
    static const char entries[] = SIMPLE("0", OCI_MEDIA_MANIFEST, PLATFORM("linux", "arm64")) ","
        SIMPLE("1", OCI_MEDIA_MANIFEST, PLATFORM("linux", "386")) "," SIMPLE("2", OCI_MEDIA_MANIFEST, PLATFORM("linux", "amd64")) ","
        SIMPLE("3", OCI_MEDIA_MANIFEST, PLATFORM("linux", "amd64")) "," SIMPLE("4", "application/x-wasm", PLATFORM("linux", "s390x")) ","
        SIMPLE("5", OCI_MEDIA_MANIFEST, PLATFORM("unknown", "unknown")) "," SIMPLE("6", OCI_MEDIA_INDEX, PLATFORM("linux", "riscv64")) ","
        SIMPLE("7", "", PLATFORM("linux", "ppc64le"));
    assert_ok(select_from(entries, "amd64", &digest, &a, &e), &e);
    assert_string_equal(digest, D("2"));
    assert_ok(select_from(entries, "aarch64", &digest, &a, &e), &e);
    assert_string_equal(digest, D("0"));
    assert_ok(select_from(entries, "riscv64", &digest, &a, &e), &e);
    assert_string_equal(digest, D("6"));
    assert_ok(select_from(entries, "ppc64le", &digest, &a, &e), &e);
    assert_string_equal(digest, D("7"));
    assert_fails(select_from(entries, "s390x", &digest, &a, &e), &e, ERR_NOT_FOUND, "no image for linux/s390x; it has: linux/arm64, linux/386");
    assert_fails(select_from("", "amd64", &digest, &a, &e), &e, ERR_NOT_FOUND, "it has: nothing");
    assert_ok(select_from(SIMPLE("8", "", ""), "amd64", &digest, &a, &e), &e);
    assert_string_equal(digest, D("8"));
}

static void long_offers_are_cut(void **state)
{
    struct err e = ERR_INIT;
    struct oci_descriptor many[100];
    struct oci_index index = {.manifests = many, .n_manifests = 100};
    struct oci_platform want = {"linux", "arm", "v5", ""};
    const struct oci_descriptor *d = NULL;
    for (size_t i = 0; i < 100; i++)
        many[i] = (struct oci_descriptor){.media_type = "", .digest = "", .has_platform = true, .platform = {"linux", "architecture", "variant", ""}};
    assert_fails(oci_index_select(&index, &want, &d, &e), &e, ERR_NOT_FOUND, "linux/arm/v5; it has: linux/architecture/variant, linux/");
    assert_null(d);
}

static void index_refused(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct oci_index x;
    struct err e = ERR_INIT;
    assert_fails(oci_index_parse(view_of(manifest), &a, &x, &e), &e, ERR_INVALID_ARGUMENT, "not the index that was expected");
    assert_fails(oci_index_parse(VIEW_LIT("{\"manifests\":7}"), &a, &x, &e), &e, ERR_INVALID_ARGUMENT, "manifests is a number");
    assert_fails(oci_index_parse(VIEW_LIT("{\"mediaType\":1}"), &a, &x, &e), &e, ERR_INVALID_ARGUMENT, "mediaType is a number");
    assert_fails(oci_index_parse(VIEW_LIT("null"), &a, &x, &e), &e, ERR_INVALID_ARGUMENT, "index is null");
    assert_ok(oci_index_parse(VIEW_LIT("{\"manifests\":null}"), &a, &x, &e), &e);
    assert_int_equal(x.n_manifests, 0);
}

static const char config[] =
    "{\"created\":\"2026-01-02T03:04:05Z\",\"author\":\"me\",\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\",\"os.version\":\"1\","
    "\"config\":{\"User\":\"1000:1000\",\"ExposedPorts\":{\"80/tcp\":{}},\"Env\":[\"PATH=/bin\",\"A=\"],\"Entrypoint\":[\"/e\"],\"Cmd\":[],"
    "\"Volumes\":{\"/b\":{},\"/a\":null,\"/b\":{}},\"WorkingDir\":\"/w\",\"Labels\":{\"l\":\"1\"},\"StopSignal\":\"SIGQUIT\",\"ArgsEscaped\":true},"
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]},\"history\":[{\"created_by\":\"x\"}]}";

static void config_read(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct oci_image_config c;
    struct err e = ERR_INIT;
    assert_ok(oci_image_config_parse(view_of(config), &a, &c, &e), &e);
    assert_string_equal(c.created, "2026-01-02T03:04:05Z");
    assert_string_equal(c.author, "me");
    assert_string_equal(c.platform.architecture, "arm64");
    assert_string_equal(c.platform.os, "linux");
    assert_string_equal(c.platform.variant, "v8");
    assert_string_equal(c.platform.os_version, "1");
    assert_string_equal(c.user, "1000:1000");
    assert_int_equal(c.env.n, 2);
    assert_string_equal(c.env.v[1], "A=");
    assert_true(c.has_entrypoint);
    assert_string_equal(c.entrypoint.v[0], "/e");
    assert_true(c.has_cmd);
    assert_int_equal(c.cmd.n, 0);
    assert_int_equal(c.volumes.n, 2);
    assert_string_equal(c.volumes.v[0], "/b");
    assert_string_equal(c.working_dir, "/w");
    assert_string_equal(kvlist_get(&c.labels, "l"), "1");
    assert_string_equal(c.stop_signal, "SIGQUIT");
    assert_true(c.args_escaped);
    assert_int_equal(c.diff_ids.n, 1);
    assert_ok(oci_image_config_parse(VIEW_LIT("{\"config\":null,\"rootfs\":null}"), &a, &c, &e), &e);
    assert_string_equal(c.user, "");
    assert_string_equal(c.platform.os, "");
    assert_false(c.has_entrypoint || c.has_cmd || c.args_escaped);
    assert_int_equal(c.env.n + c.volumes.n + c.labels.n + c.diff_ids.n, 0);
}

static void config_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"null", "image configuration is null, not an object"},
        {"[]", "is an array"},
        {"0", "is a number"},
        {"\"\"", "is a string"},
        {"{\"created\":1}", "created is a number"},
        {"{\"author\":1}", "author is a number"},
        {"{\"os\":1}", "os is a number"},
        {"{\"architecture\":[]}", "architecture is an array"},
        {"{\"variant\":1}", "variant is a number"},
        {"{\"os.version\":1}", "os.version is a number"},
        {"{\"config\":[]}", "config is an array"},
        {"{\"config\":{\"User\":0}}", "config.User is a number"},
        {"{\"config\":{\"User\":\"a\\u0000b\"}}", "config.User contains a NUL"},
        {"{\"config\":{\"WorkingDir\":0}}", "config.WorkingDir is a number"},
        {"{\"config\":{\"StopSignal\":15}}", "config.StopSignal is a number"},
        {"{\"config\":{\"ArgsEscaped\":1}}", "config.ArgsEscaped is a number"},
        {"{\"config\":{\"Env\":\"A=B\"}}", "config.Env is a string"},
        {"{\"config\":{\"Env\":[null]}}", "config.Env[0] is null"},
        {"{\"config\":{\"Entrypoint\":\"/x\"}}", "config.Entrypoint is a string"},
        {"{\"config\":{\"Cmd\":{}}}", "config.Cmd is an object"},
        {"{\"config\":{\"Volumes\":[\"/a\"]}}", "config.Volumes is an array"},
        {"{\"config\":{\"Volumes\":{\"/a\":1}}}", "config.Volumes is a number"},
        {"{\"config\":{\"Volumes\":{\"/\\u0000\":{}}}}", "config.Volumes contains a NUL"},
        {"{\"config\":{\"Labels\":{\"a\":1}}}", "config.Labels: a is a number"},
        {"{\"rootfs\":[]}", "rootfs is an array"},
        {"{\"rootfs\":{\"diff_ids\":{}}}", "rootfs.diff_ids is an object"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}", "rootfs.diff_ids[0]: \"sha256:x\" is not a digest"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        struct oci_image_config c = {.user = "untouched"};
        struct err e = ERR_INIT;
        int r = oci_image_config_parse(view_of(cases[i].text), &a, &c, &e);
        if (r != -ERR_INVALID_ARGUMENT || !strstr(e.message, cases[i].why))
            fail_msg("%s: %d %s", cases[i].text, r, e.message);
        assert_string_equal(c.user, "untouched");
    }
}

static void chain_text(void **state)
{
    char out[OCI_CHAIN_TEXT_MAX + 1], longest[200];
    assert_int_equal(oci_chain_text(DIGEST, DIGEST, out), 2 * 71 + 1);
    assert_string_equal(out, DIGEST " " DIGEST);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(oci_chain_text(longest, longest, out), OCI_CHAIN_TEXT_MAX);
}

static int decode_all_in(struct arena *a, struct err *e)
{
    struct oci_manifest m;
    struct oci_image_config c;
    struct oci_index x;
    TRY(oci_manifest_parse(view_of(manifest), a, &m, e));
    TRY(oci_index_parse(VIEW_LIT("{\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"manifests\":[" SIMPLE("1", "", PLATFORM("linux", "amd64")) "]}"), a, &x, e));
    return oci_image_config_parse(view_of(config), a, &c, e);
}

static int decode_all(void *arg, struct err *e)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    return decode_all_in(&a, e);
}

static void allocations(void **state)
{
    assert_true(sweep("image documents", decode_all, NULL) > 0);
    budget_sweep("image documents", decode_all_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types),   cmocka_unit_test(manifest_read),  cmocka_unit_test(manifest_refused),
        cmocka_unit_test(kinds),         cmocka_unit_test(platforms),      cmocka_unit_test(layers_up_to_the_limit),
        cmocka_unit_test(index_selects), cmocka_unit_test(index_refused),  cmocka_unit_test(documents_up_to_the_limit),
        cmocka_unit_test(config_read),   cmocka_unit_test(config_refused), cmocka_unit_test(long_offers_are_cut),
        cmocka_unit_test(chain_text),    cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
