"""What `k3s agent` prints about its flags. Source: recording `k3s-1.34/03-join-failures/25`."""

from __future__ import annotations

import re

AGENT_USAGE = """NAME:
   k3s agent - Run node agent
USAGE:
   k3s agent [OPTIONS]
COMMANDS:
   help, h  Shows a list of commands or help for one command
OPTIONS:
   --config FILE, -c FILE                                   (config) Load configuration from FILE (default: "/etc/rancher/k3s/config.yaml") [$K3S_CONFIG_FILE]
   --debug                                                  (logging) Turn on debug logs (default: false) [$K3S_DEBUG]
   -v value                                                 (logging) Number for the log level verbosity (default: 0)
   --vmodule value                                          (logging) Comma-separated list of FILE_PATTERN=LOG_LEVEL settings for file-filtered logging
   --log value, -l value                                    (logging) Log to file
   --alsologtostderr                                        (logging) Log to standard error as well as file (if set) (default: false)
   --token value, -t value                                  (cluster) Token to use for authentication [$K3S_TOKEN]
   --token-file value                                       (cluster) Token file to use for authentication [$K3S_TOKEN_FILE]
   --server value, -s value                                 (cluster) Server to connect to [$K3S_URL]
   --data-dir value, -d value                               (agent/data) Folder to hold state (default: "/var/lib/rancher/k3s") [$K3S_DATA_DIR]
   --node-name value                                        (agent/node) Node name [$K3S_NODE_NAME]
   --with-node-id                                           (agent/node) Append id to node name (default: false)
   --node-label value [ --node-label value ]                (agent/node) Registering and starting kubelet with set of labels
   --node-taint value [ --node-taint value ]                (agent/node) Registering kubelet with set of taints
   --image-credential-provider-bin-dir value                (agent/node) The path to the directory where credential provider plugin binaries are located (default: "/var/lib/rancher/credentialprovider/bin")
   --image-credential-provider-config value                 (agent/node) The path to the credential provider plugin config file (default: "/var/lib/rancher/credentialprovider/config.yaml")
   --selinux                                                (agent/node) Enable SELinux in containerd (default: false) [$K3S_SELINUX]
   --lb-server-port value                                   (agent/node) Local port for supervisor client load-balancer. If the supervisor and apiserver are not colocated an additional port 1 less than this port will also be used for the apiserver client load-balancer. (default: 6444) [$K3S_LB_SERVER_PORT]
   --protect-kernel-defaults                                (agent/node) Kernel tuning behavior. If set, error if kernel tunables are different than kubelet defaults. (default: false)
   --container-runtime-endpoint value                       (agent/runtime) Disable embedded containerd and use the CRI socket at the given path; when used with --docker this sets the docker socket path
   --default-runtime value                                  (agent/runtime) Set the default runtime in containerd
   --image-service-endpoint value                           (agent/runtime) Disable embedded containerd image service and use remote image service socket at the given path. If not specified, defaults to --container-runtime-endpoint.
   --pause-image value                                      (agent/runtime) Customized pause image for containerd or docker sandbox (default: "rancher/mirrored-pause:3.6")
   --snapshotter value                                      (agent/runtime) Override default containerd snapshotter (default: "overlayfs")
   --private-registry value                                 (agent/runtime) Private registry configuration file (default: "/etc/rancher/k3s/registries.yaml")
   --disable-default-registry-endpoint                      (agent/containerd) Disables containerd's fallback default registry endpoint when a mirror is configured for that registry (default: false)
   --nonroot-devices                                        (agent/containerd) Allows non-root pods to access devices by setting device_ownership_from_security_context=true in the containerd CRI config (default: false)
   --node-ip value, -i value [ --node-ip value, -i value ]  (agent/networking) IPv4/IPv6 addresses to advertise for node
   --bind-address value                                     (listener) k3s bind address (default: 0.0.0.0)
   --node-external-ip value [ --node-external-ip value ]    (agent/networking) IPv4/IPv6 external IP addresses to advertise for node
   --node-internal-dns value [ --node-internal-dns value ]  (agent/networking) internal DNS addresses to advertise for node
   --node-external-dns value [ --node-external-dns value ]  (agent/networking) external DNS addresses to advertise for node
   --resolv-conf value                                      (agent/networking) Kubelet resolv.conf file [$K3S_RESOLV_CONF]
   --flannel-iface value                                    (agent/networking) Override default flannel interface
   --flannel-conf value                                     (agent/networking) Override default flannel config file
   --flannel-cni-conf value                                 (agent/networking) Override default flannel cni config file
   --kubelet-arg value [ --kubelet-arg value ]              (agent/flags) Customized flag for kubelet process
   --kube-proxy-arg value [ --kube-proxy-arg value ]        (agent/flags) Customized flag for kube-proxy process
   --enable-pprof                                           (experimental) Enable pprof endpoint on supervisor port (default: false)
   --rootless                                               (experimental) Run rootless (default: false)
   --prefer-bundled-bin                                     (experimental) Prefer bundled userspace binaries over host binaries (default: false)
   --docker                                                 (agent/runtime) (experimental) Use cri-dockerd instead of containerd (default: false)
   --vpn-auth value                                         (agent/networking) (experimental) Credentials for the VPN provider. It must include the provider name and join key in the format name=<vpn-provider>,joinKey=<key>[,controlServerURL=<url>][,extraArgs=<args>] [$K3S_VPN_AUTH]
   --vpn-auth-file value                                    (agent/networking) (experimental) File containing credentials for the VPN provider. It must include the provider name and join key in the format name=<vpn-provider>,joinKey=<key>[,controlServerURL=<url>][,extraArgs=<args>] [$K3S_VPN_AUTH_FILE]
   --disable-apiserver-lb                                   (agent/networking) (experimental) Disable the agent's client-side load-balancer and connect directly to the configured server address (default: false)
   --help, -h                                               Show help (default: false)
"""

AGENT_FLAGS = frozenset(re.findall(r"^   --([a-z0-9-]+)", AGENT_USAGE, re.MULTILINE)) | {"v"}
"""Names of every flag of the agent; configuration files use the same names as keys."""
