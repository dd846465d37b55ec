/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime is made of. Only runtime.c looks in here.
 */
#ifndef CRI_CRI_RUNTIME_PRIVATE_H
#define CRI_CRI_RUNTIME_PRIVATE_H

#include <pthread.h>

#include "cri/runtime.h"
#include "cri/service.h"
#include "rpc/client.h"

struct cri_events;
struct cri_monitor;

struct cri_runtime {
    struct cri_runtime_options options;
    struct cri_service service;
    struct arena arena;
    struct loop *loop;
    struct rpc_client *client;
    struct rpc_channel channel;
    struct rpc_server *server;
    struct executor *executor;
    struct cri_events *events;
    struct cri_monitor *monitor; /* NULL: none is wanted */
    int lock_fd;
    bool listening;
    bool socket_made; /* and so is to be removed at the end */
    /* the supervisor's outcome */
    int r;
    struct err err;
    /* under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool stopping, started, ending; /* ending: what the options made goes away */
};

#endif
