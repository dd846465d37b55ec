/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system that hangs on demand, see fuse_disk.h.
 */
#include "fuse_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT = 1, FIRST = 2 };

struct request {
    struct fuse_in_header *head;
    void *args;
};

static void answer(struct fuse_disk *d, const struct request *q, int error, size_t size)
{
    struct fuse_out_header head = {.len = (uint32_t)(sizeof head + size), .error = error, .unique = q->head->unique};
    memcpy(d->out, &head, sizeof head);
    if (write(d->fd, d->out, head.len) < 0 && errno != ENOENT) /* ENOENT: who asked was interrupted */
        fprintf(stderr, "fuse disk: answer to %u: %s\n", q->head->opcode, strerror(errno));
}

static void *body(struct fuse_disk *d)
{
    return d->out + sizeof(struct fuse_out_header);
}

static struct fuse_disk_file *file_of(struct fuse_disk *d, const struct request *q)
{
    uint64_t node = q->head->nodeid;
    return node >= FIRST && node < FIRST + FUSE_DISK_FILES ? &d->file[node - FIRST] : NULL;
}

static struct fuse_attr attr_of(struct fuse_disk *d, const struct fuse_disk_file *f)
{
    struct fuse_attr a = {.ino = ROOT, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096};
    if (f) {
        a.ino = (uint64_t)(f - d->file) + FIRST;
        a.mode = S_IFREG | 0640;
        a.nlink = 1;
        a.size = f->size;
        a.blocks = (f->size + 511) / 512;
    }
    return a;
}

static void answer_attr(struct fuse_disk *d, const struct request *q)
{
    struct fuse_attr_out *out = body(d);
    *out = (struct fuse_attr_out){.attr = attr_of(d, file_of(d, q))};
    answer(d, q, 0, sizeof *out);
}

/* The file of that name; a new one when make. NULL: there is none, or no more room. */
static struct fuse_disk_file *find(struct fuse_disk *d, const char *name, bool make)
{
    for (int i = 0; i < FUSE_DISK_FILES; i++) {
        struct fuse_disk_file *f = &d->file[i];
        if (strcmp(f->name, name) == 0)
            return f;
        if (make && f->name[0] == '\0' && strlen(name) < sizeof f->name) {
            memcpy(f->name, name, strlen(name) + 1);
            return f;
        }
    }
    return NULL;
}

static struct fuse_entry_out entry_of(struct fuse_disk *d, const struct fuse_disk_file *f)
{
    return (struct fuse_entry_out){.nodeid = attr_of(d, f).ino, .attr = attr_of(d, f)};
}

static void lookup(struct fuse_disk *d, const struct request *q)
{
    const struct fuse_disk_file *f = find(d, q->args, false);
    struct fuse_entry_out *out = body(d);
    if (!f) {
        answer(d, q, -ENOENT, 0);
        return;
    }
    *out = entry_of(d, f);
    answer(d, q, 0, sizeof *out);
}

static void create(struct fuse_disk *d, const struct request *q)
{
    const struct fuse_disk_file *f = find(d, (const char *)q->args + sizeof(struct fuse_create_in), true);
    char *out = body(d);
    if (!f) {
        answer(d, q, -ENOSPC, 0);
        return;
    }
    struct fuse_entry_out entry = entry_of(d, f);
    struct fuse_open_out open = {.open_flags = FOPEN_DIRECT_IO};
    memcpy(out, &entry, sizeof entry);
    memcpy(out + sizeof entry, &open, sizeof open);
    answer(d, q, 0, sizeof entry + sizeof open);
}

static void open_node(struct fuse_disk *d, const struct request *q)
{
    struct fuse_open_out *out = body(d);
    *out = (struct fuse_open_out){.open_flags = FOPEN_DIRECT_IO};
    answer(d, q, 0, sizeof *out);
}

static void write_file(struct fuse_disk *d, const struct request *q)
{
    const struct fuse_write_in *in = q->args;
    struct fuse_disk_file *f = file_of(d, q);
    struct fuse_write_out *out = body(d);
    if (!f || in->offset > FUSE_DISK_SIZE || in->size > FUSE_DISK_SIZE - in->offset) {
        answer(d, q, -ENOSPC, 0);
        return;
    }
    memcpy(f->data + in->offset, in + 1, in->size);
    if (f->size < in->offset + in->size)
        f->size = in->offset + in->size;
    *out = (struct fuse_write_out){.size = in->size};
    answer(d, q, 0, sizeof *out);
}

static void read_file(struct fuse_disk *d, const struct request *q)
{
    const struct fuse_read_in *in = q->args;
    const struct fuse_disk_file *f = file_of(d, q);
    size_t n = f && in->offset < f->size ? f->size - in->offset : 0;
    if (n > in->size)
        n = in->size;
    if (n > FUSE_DISK_WRITE)
        n = FUSE_DISK_WRITE;
    if (n > 0)
        memcpy(body(d), f->data + in->offset, n);
    answer(d, q, 0, n);
}

static void set_attr(struct fuse_disk *d, const struct request *q)
{
    const struct fuse_setattr_in *in = q->args;
    struct fuse_disk_file *f = file_of(d, q);
    if (f && (in->valid & FATTR_SIZE) && in->size <= FUSE_DISK_SIZE)
        f->size = in->size;
    answer_attr(d, q);
}

static void init(struct fuse_disk *d, const struct request *q)
{
    struct fuse_init_out *out = body(d);
    *out = (struct fuse_init_out){.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = FUSE_DISK_WRITE};
    answer(d, q, 0, sizeof *out);
}

static void serve(struct fuse_disk *d, const struct request *q)
{
    switch (q->head->opcode) {
    case FUSE_INIT: init(d, q); break;
    case FUSE_LOOKUP: lookup(d, q); break;
    case FUSE_GETATTR: answer_attr(d, q); break;
    case FUSE_SETATTR: set_attr(d, q); break;
    case FUSE_CREATE: create(d, q); break;
    case FUSE_OPEN: case FUSE_OPENDIR: open_node(d, q); break;
    case FUSE_READ: read_file(d, q); break;
    case FUSE_WRITE: write_file(d, q); break;
    case FUSE_RELEASE: case FUSE_RELEASEDIR: case FUSE_ACCESS: case FUSE_FSYNC: answer(d, q, 0, 0); break;
    case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
    default: answer(d, q, -ENOSYS, 0); break; /* FUSE_FLUSH too: then none is sent any more, for which a process that ends would wait in vain */
    }
}

static void *run(void *arg)
{
    struct fuse_disk *d = arg;
    for (;;) {
        struct pollfd p = {.fd = d->fd, .events = POLLIN};
        poll(&p, 1, -1);
        /* A request that was taken could not be killed any more: while it hangs they stay in the kernel. */
        pthread_mutex_lock(&d->lock);
        while (d->hangs)
            pthread_cond_wait(&d->cond, &d->lock);
        pthread_mutex_unlock(&d->lock);
        ssize_t n = read(d->fd, d->in, sizeof d->in);
        if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN)
            return NULL; /* ENODEV: it is unmounted */
        if (n < (ssize_t)sizeof(struct fuse_in_header))
            continue;
        struct request q = {(struct fuse_in_header *)(void *)d->in, d->in + sizeof(struct fuse_in_header)};
        serve(d, &q);
    }
}

int fuse_disk_start(struct fuse_disk *d, const char *dir)
{
    char options[96];
    d->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (d->fd < 0)
        return -errno;
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", d->fd);
    if (mount("fuse-disk", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
        int error = errno;
        close(d->fd);
        return -error;
    }
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->cond, NULL);
    return -pthread_create(&d->thread, NULL, run, d);
}

void fuse_disk_hang(struct fuse_disk *d, bool hang)
{
    pthread_mutex_lock(&d->lock);
    d->hangs = hang;
    pthread_cond_broadcast(&d->cond);
    pthread_mutex_unlock(&d->lock);
}

void fuse_disk_stop(struct fuse_disk *d)
{
    fuse_disk_hang(d, false);
    pthread_join(d->thread, NULL);
    close(d->fd);
}
