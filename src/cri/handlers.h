/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: every RPC that is served, once. methods.c makes the routing table from this list, so an RPC is added by one line here and one file.
 * The rest of the CRI answers UNIMPLEMENTED by name.
 */
#ifndef CRI_CRI_HANDLERS_H
#define CRI_CRI_HANDLERS_H

#include "cri/runtime_v1.pb-c.h"
#include "cri/service.h"

/* X(METHOD, function, Message prefix, class, detached): detached work outlives its client. Stop and Remove are not of the slow class although they wait: they
 * are what frees the others, so they must never queue behind them. */
#define CRI_HANDLERS(X)                                                             \
    X(VERSION, version, Version, EXEC_FAST, false)                                  \
    X(STATUS, status, Status, EXEC_FAST, false)                                     \
    X(RUNTIME_CONFIG, runtime_config, RuntimeConfig, EXEC_FAST, false)              \
    X(UPDATE_RUNTIME_CONFIG, update_runtime_config, UpdateRuntimeConfig, EXEC_FAST, false) \
    X(RUN_POD_SANDBOX, run_pod_sandbox, RunPodSandbox, EXEC_SLOW, true)             \
    X(STOP_POD_SANDBOX, stop_pod_sandbox, StopPodSandbox, EXEC_FAST, false)         \
    X(REMOVE_POD_SANDBOX, remove_pod_sandbox, RemovePodSandbox, EXEC_FAST, false)   \
    X(POD_SANDBOX_STATUS, pod_sandbox_status, PodSandboxStatus, EXEC_FAST, false)   \
    X(LIST_POD_SANDBOX, list_pod_sandbox, ListPodSandbox, EXEC_FAST, false)         \
    X(CREATE_CONTAINER, create_container, CreateContainer, EXEC_SLOW, true)         \
    X(START_CONTAINER, start_container, StartContainer, EXEC_SLOW, true)            \
    X(STOP_CONTAINER, stop_container, StopContainer, EXEC_FAST, false)              \
    X(REMOVE_CONTAINER, remove_container, RemoveContainer, EXEC_FAST, false)        \
    X(CONTAINER_STATUS, container_status, ContainerStatus, EXEC_FAST, false)        \
    X(UPDATE_CONTAINER_RESOURCES, update_container_resources, UpdateContainerResources, EXEC_SLOW, false) \
    X(LIST_CONTAINERS, list_containers, ListContainers, EXEC_FAST, false)           \
    X(REOPEN_CONTAINER_LOG, reopen_container_log, ReopenContainerLog, EXEC_SLOW, false) \
    X(EXEC_SYNC, exec_sync, ExecSync, EXEC_SLOW, false)                             \
    X(CONTAINER_STATS, container_stats, ContainerStats, EXEC_SLOW, false)           \
    X(LIST_CONTAINER_STATS, list_container_stats, ListContainerStats, EXEC_SLOW, false) \
    X(POD_SANDBOX_STATS, pod_sandbox_stats, PodSandboxStats, EXEC_SLOW, false)      \
    X(LIST_POD_SANDBOX_STATS, list_pod_sandbox_stats, ListPodSandboxStats, EXEC_SLOW, false) \
    X(LIST_IMAGES, list_images, ListImages, EXEC_FAST, false)                       \
    X(IMAGE_STATUS, image_status, ImageStatus, EXEC_FAST, false)                    \
    X(IMAGE_FS_INFO, image_fs_info, ImageFsInfo, EXEC_SLOW, false)                  \
    X(PULL_IMAGE, pull_image, PullImage, EXEC_SLOW, false)                          \
    X(REMOVE_IMAGE, remove_image, RemoveImage, EXEC_SLOW, false)

#define CRI_HANDLER_DECLARE_(METHOD, function, Prefix, cls, detached)                                                             \
    int cri_##function(struct cri_service *s, struct rpc_call *call, const Runtime__V1__##Prefix##Request *req,                   \
                       Runtime__V1__##Prefix##Response *resp, struct err *e);
CRI_HANDLERS(CRI_HANDLER_DECLARE_)

#endif
