#!/bin/sh
# Installs k3s as a service: our own script, with the variables, the messages and the unit of K3s's.
# Source: K3s v1.34.3 as recorded, 01-server/a, 02-join/a and 02-join/d.
set -eu

info() { echo "[INFO] " "$@"; }
fatal() { echo "[ERROR] " "$@" >&2; exit 1; }

command=${INSTALL_K3S_EXEC:-}
[ "$#" -eq 0 ] || command="$command $*"
command=$(echo "$command" | sed 's/^ *//; s/ *$//')
case "$command" in
'' | -*)
	if [ -n "${K3S_URL:-}" ]; then
		[ -n "${K3S_TOKEN:-}${K3S_TOKEN_FILE:-}" ] || fatal "Defaulted k3s exec command to 'agent' because K3S_URL is defined, but K3S_TOKEN or K3S_TOKEN_FILE is not defined."
		command="agent $command"
	else
		command="server $command"
	fi
	;;
esac
case "${K3S_URL:-https://}" in https://*) ;; *) fatal "Only https:// URLs are supported for K3S_URL (have $K3S_URL)" ;; esac
role=${command%% *}
name=k3s
[ "$role" = server ] || name=k3s-$role
[ -z "${INSTALL_K3S_NAME:-}" ] || name=k3s-$INSTALL_K3S_NAME
bin=${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
unit=/etc/systemd/system/$name.service
uninstall=$bin/${INSTALL_K3S_NAME:+$name-}uninstall.sh
[ -n "${INSTALL_K3S_NAME:-}" ] || uninstall=$bin/$name-uninstall.sh
releases=${GITHUB_URL:-https://github.com/k3s-io/k3s/releases}

hash_of_install() { sha256sum "$bin/k3s" "$unit" "$unit.env" 2>/dev/null || true; }
before=$(hash_of_install)

download() {
	version=${INSTALL_K3S_VERSION:-}
	if [ -z "$version" ]; then
		info "Finding release for channel ${INSTALL_K3S_CHANNEL:-stable}"
		address=${INSTALL_K3S_CHANNEL_URL:-https://update.k3s.io/v1-release/channels}/${INSTALL_K3S_CHANNEL:-stable}
		version=$(curl -w '%{url_effective}' -L -s -S "$address" -o /dev/null | sed -e 's|.*/||')
	fi
	info "Using $version as release"
	place=$(mktemp -d -t k3s-install.XXXXXXXXXX)
	trap 'rm -rf "$place"' EXIT
	encoded=$(echo "$version" | sed 's/+/%2B/')
	info "Downloading hash $releases/download/$version/sha256sum-amd64.txt"
	curl -o "$place/hash" -sfL "$releases/download/$encoded/sha256sum-amd64.txt" || fatal "Download failed"
	wanted=$(grep ' k3s$' "$place/hash" | cut -d' ' -f1)
	if [ -x "$bin/k3s" ] && [ "$(sha256sum "$bin/k3s" | cut -d' ' -f1)" = "$wanted" ]; then
		info "Skipping binary downloaded, installed k3s matches hash"
		return
	fi
	info "Downloading binary $releases/download/$version/k3s"
	curl -o "$place/k3s" -sfL "$releases/download/$encoded/k3s" || fatal "Download failed"
	info "Verifying binary download"
	[ "$(sha256sum "$place/k3s" | cut -d' ' -f1)" = "$wanted" ] || fatal "Download sha256 does not match $wanted, got $(sha256sum "$place/k3s" | cut -d' ' -f1)"
	info "Installing k3s to $bin/k3s"
	chmod 755 "$place/k3s"
	mv -f "$place/k3s" "$bin/k3s"
}

case "${INSTALL_K3S_SKIP_DOWNLOAD:-false}" in
true | binary)
	info "Skipping k3s download and verify"
	[ -x "$bin/k3s" ] || fatal "Executable k3s binary not found at $bin/k3s"
	;;
*) download ;;
esac
info "Skipping installation of SELinux RPM"
for tool in kubectl crictl ctr; do
	if [ -e "$bin/$tool" ]; then
		info "Skipping $bin/$tool symlink to k3s, already exists"
	else
		info "Creating $bin/$tool symlink to k3s"
		ln -s k3s "$bin/$tool"
	fi
done

info "Creating killall script $bin/k3s-killall.sh"
cat >"$bin/k3s-killall.sh" <<'KILLALL'
#!/bin/sh
[ "$(id -u)" -eq 0 ] || exec sudo "$0" "$@"
for service in /etc/systemd/system/k3s*.service; do [ -s "$service" ] && systemctl stop "$(basename "$service")"; done
pids=$(pgrep -f 'containerd-shim.*k3s/containerd' || true)
for pid in $pids; do pkill -9 -P "$pid"; kill -9 "$pid"; done 2>/dev/null
grep -E ' (/run/k3s|/var/lib/kubelet/pods|/run/netns/cni-)' /proc/self/mounts | cut -d' ' -f2 | sort -r | xargs -r -n1 umount 2>/dev/null
ip link delete cni0 2>/dev/null
exit 0
KILLALL
chmod 755 "$bin/k3s-killall.sh"

info "Creating uninstall script $uninstall"
cat >"$uninstall" <<UNINSTALL
#!/bin/sh
[ "\$(id -u)" -eq 0 ] || exec sudo "\$0" "\$@"
$bin/k3s-killall.sh
systemctl disable $name 2>/dev/null
systemctl reset-failed $name 2>/dev/null
rm -f $unit $unit.env
systemctl daemon-reload
trap 'rm -f $uninstall' EXIT
if (ls /etc/systemd/system/k3s*.service) >/dev/null 2>&1; then
	echo "Additional k3s services installed, skipping uninstall of k3s"
	exit 0
fi
for tool in kubectl crictl ctr; do [ -L $bin/\$tool ] && rm -f $bin/\$tool; done
rm -rf /etc/rancher/k3s /run/k3s /run/flannel
find /var/lib/rancher/k3s /var/lib/kubelet -mindepth 1 -delete 2>/dev/null
rmdir /var/lib/rancher/k3s /var/lib/kubelet 2>/dev/null
rm -f $bin/k3s $bin/k3s-killall.sh
exit 0
UNINSTALL
chmod 755 "$uninstall"

info "env: Creating environment file $unit.env"
(
	umask 0177
	: >"$unit.env"
	env | grep -E '^(K3S_|CONTAINERD_)' | grep -v '^K3S_KUBECONFIG_MODE' | sed "s/'/'\\\\''/g; s/=\(.*\)/='\1'/" >>"$unit.env" || true
	env | grep -Ei '^(NO|HTTP|HTTPS)_PROXY' | sed "s/=\(.*\)/='\1'/" >>"$unit.env" || true
)
info "systemd: Creating service file $unit"
{
	cat <<UNIT
[Unit]
Description=Lightweight Kubernetes
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-$unit.env
KillMode=process
Delegate=yes
User=root
# Having non-zero Limit*s causes performance problems due to accounting overhead
# in the kernel. We recommend using cgroups to do container-local accounting.
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
UNIT
	echo "ExecStart=$bin/k3s \\"
	for word in $command; do echo "    $word \\"; done
	echo
} >"$unit"

systemctl disable "$name" >/dev/null 2>&1 || true
systemctl daemon-reload >/dev/null
[ "${INSTALL_K3S_SKIP_ENABLE:-false}" = true ] && exit 0
info "systemd: Enabling $name unit"
systemctl enable "$unit" >/dev/null
[ "${INSTALL_K3S_SKIP_START:-false}" = true ] && exit 0
if [ "$before" = "$(hash_of_install)" ] && [ "${INSTALL_K3S_FORCE_RESTART:-false}" != true ]; then
	info "No change detected so skipping service start"
	exit 0
fi
info "systemd: Starting $name"
systemctl restart "$name"
