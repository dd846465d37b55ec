/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and numbers that specs are made of: what kubelet, containerd's CRI plugin and the runtimes expect to find, letter by
 * letter.
 */
#ifndef CRI_OCI_CONSTANTS_H
#define CRI_OCI_CONSTANTS_H

/* The version that specs claim. 1.0.2 is what every runc from 1.0 on and every crun takes. */
#define OCI_VERSION "1.0.2"

/* The root file system, relative to the bundle. */
#define OCI_ROOTFS "rootfs"

/* The pod's /dev/shm: a tmpfs of this many bytes, and its mount data. Flags: nosuid, nodev, noexec. */
#define OCI_SHM_SIZE       (64L * 1024 * 1024)
#define OCI_SHM_MOUNT_DATA "mode=1777,size=67108864"

#define OCI_DEV_SHM      "/dev/shm"
#define OCI_ETC_HOSTS    "/etc/hosts"
#define OCI_ETC_HOSTNAME "/etc/hostname"
#define OCI_RESOLV_CONF  "/etc/resolv.conf"

/* The pause process: hardly any CPU under contention, and the last of the pod to be killed for memory (kubernetes#47938). */
#define OCI_SANDBOX_CPU_SHARES    2
#define OCI_SANDBOX_OOM_SCORE_ADJ (-998)

/* Search domains of a resolv.conf: what resolvers before glibc 2.26 read (resolv.conf(5)), and what Kubernetes allows today. */
#define OCI_DNS_SEARCHES_CLASSIC 6
#define OCI_DNS_SEARCHES_MAX     32

/* Prefix of the scope's name under the systemd cgroup driver. */
#define OCI_SYSTEMD_CGROUP_PREFIX "cri-containerd"

/* The containerd namespace that everything of CRI lives in. */
#define OCI_CONTAINERD_NAMESPACE "k8s.io"

/* PATH where neither image nor request sets it, and TERM with a terminal. */
#define OCI_DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OCI_TERM         "TERM=xterm"

/* Type URLs of the Any messages that carry specs to containerd (typeurl registration of containerd's client). */
#define OCI_TYPE_URL_SPEC            "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define OCI_TYPE_URL_PROCESS         "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define OCI_TYPE_URL_LINUX_RESOURCES "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

/* Annotations that node agents and sandboxed runtimes read. */
#define OCI_ANNOTATION_CONTAINER_TYPE        "io.kubernetes.cri.container-type"
#define OCI_ANNOTATION_SANDBOX_ID            "io.kubernetes.cri.sandbox-id"
#define OCI_ANNOTATION_SANDBOX_NAME          "io.kubernetes.cri.sandbox-name"
#define OCI_ANNOTATION_SANDBOX_NAMESPACE     "io.kubernetes.cri.sandbox-namespace"
#define OCI_ANNOTATION_SANDBOX_UID           "io.kubernetes.cri.sandbox-uid"
#define OCI_ANNOTATION_SANDBOX_LOG_DIRECTORY "io.kubernetes.cri.sandbox-log-directory"
#define OCI_ANNOTATION_SANDBOX_IMAGE_NAME    "io.kubernetes.cri.podsandbox.image-name"
#define OCI_ANNOTATION_SANDBOX_CPU_PERIOD    "io.kubernetes.cri.sandbox-cpu-period"
#define OCI_ANNOTATION_SANDBOX_CPU_QUOTA     "io.kubernetes.cri.sandbox-cpu-quota"
#define OCI_ANNOTATION_SANDBOX_CPU_SHARES    "io.kubernetes.cri.sandbox-cpu-shares"
#define OCI_ANNOTATION_SANDBOX_MEMORY        "io.kubernetes.cri.sandbox-memory"
#define OCI_ANNOTATION_CONTAINER_NAME        "io.kubernetes.cri.container-name"
#define OCI_ANNOTATION_IMAGE_NAME            "io.kubernetes.cri.image-name"
#define OCI_CONTAINER_TYPE_SANDBOX           "sandbox"
#define OCI_CONTAINER_TYPE_CONTAINER         "container"

#endif
