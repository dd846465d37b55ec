/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of an exec: the container's own, as its stored spec has it, with another command.
 */
#include "base/macro.h"
#include "oci/build.h"
#include "oci/constants.h"

/* Replaces TERM where it is, else appends it. */
static void set_term(struct tree_mem *m, struct tree *process)
{
    struct tree *env = tree_need_array(m, process, "env"), *term = tree_string(m, OCI_TERM);
    for (size_t i = 0; env && i < env->n; i++) {
        if (view_starts(tree_str(env->v[i].value), VIEW_LIT("TERM="))) {
            env->v[i].value = term;
            return;
        }
    }
    tree_push(m, env, term);
}

int oci_exec_process(const struct oci_exec_input *in, struct arena *a, struct buf *out, struct err *e)
{
    struct tree_mem m = {.a = a};
    struct tree *root;
    if (in->n_argv == 0 || !in->argv[0][0])
        return err_raise(e, ERR_INVALID_ARGUMENT, "cmd is empty");
    TRY(tree_read(&m, in->spec, "the stored spec", &root, e));
    struct tree *process = tree_get(root, "process");
    if (!process || process->kind != TREE_OBJECT)
        return err_raise(e, ERR_DATA_LOSS, "the stored spec cannot be used: it has no process");
    tree_set(&m, process, "args", tree_strings(&m, in->argv, in->n_argv));
    tree_remove(process, "commandLine");
    if (in->tty) {
        tree_set_bool(&m, process, "terminal", true);
        set_term(&m, process);
    } else {
        tree_remove(process, "terminal");
        tree_remove(process, "consoleSize");
    }
    TRY(tree_ok(&m, e));
    return tree_write(process, out, e);
}
