"""Shell scripts that belong to K3s: our own installer for the lab's get.k3s.io, and what it leaves.

They behave as K3s's do (variables, files, modes, messages), and run in the lab's shell.
Source: domain.md, stage 1; recordings `k3s-1.34/02-join/a` and `d`, `06-restart-and-uninstall/e`.
"""

from __future__ import annotations

INSTALLER = r"""#!/bin/sh
# Installs K3s on a machine of the practice lab. Not K3s's own script: same variables, same results.
set -e

INSTALL_K3S_CHANNEL_URL=${INSTALL_K3S_CHANNEL_URL:-https://update.k3s.io/v1-release/channels}
INSTALL_K3S_CHANNEL=${INSTALL_K3S_CHANNEL:-stable}
ARTIFACT_URL=${INSTALL_K3S_ARTIFACT_URL:-https://github.com/k3s-io/k3s/releases/download}

info() { echo "[INFO] " "$@"; }
fatal() { echo "[ERROR] " "$@" >&2; exit 1; }

verify_url() {
    case "$K3S_URL" in
        ""|https://*) ;;
        *) fatal "Only https:// URLs are supported for K3S_URL (have $K3S_URL)" ;;
    esac
}

setup() {
    FIRST=${1:-}
    if [ -z "$FIRST" ] && [ -n "${INSTALL_K3S_EXEC:-}" ]; then
        # word by word, as the words of one command line
        set -- $INSTALL_K3S_EXEC
        FIRST=${1:-}
    fi
    case "$FIRST" in
        -*|"")
            if [ -z "${K3S_URL:-}" ]; then
                ROLE=server
            else
                if [ -z "${K3S_TOKEN:-}" ] && [ -z "${K3S_TOKEN_FILE:-}" ]; then
                    fatal "Defaulted k3s exec command to 'agent' because K3S_URL is defined, but K3S_TOKEN or K3S_TOKEN_FILE is not defined."
                fi
                ROLE=agent
            fi
            ;;
        *) ROLE=$FIRST; shift ;;
    esac
    verify_url
    EXTRA=""
    for word in "$@"; do
        EXTRA="$EXTRA    '$word' \\
"
    done
    if [ -n "${INSTALL_K3S_NAME:-}" ]; then
        NAME=k3s-$INSTALL_K3S_NAME
    elif [ "$ROLE" = server ]; then
        NAME=k3s
    else
        NAME=k3s-$ROLE
    fi
    BIN_DIR=${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
    SYSTEMD_DIR=${INSTALL_K3S_SYSTEMD_DIR:-/etc/systemd/system}
    UNIT=$SYSTEMD_DIR/$NAME.service
    UNINSTALL=$BIN_DIR/$NAME-uninstall.sh
    [ "$(id -u)" = 0 ] || fatal "This installer needs root"
}

digest() { sha256sum "$BIN_DIR/k3s" "$UNIT" "$UNIT.env" 2>/dev/null | sha256sum; }

release_version() {
    if [ -n "${INSTALL_K3S_VERSION:-}" ]; then
        VERSION=$INSTALL_K3S_VERSION
    else
        info "Finding release for channel $INSTALL_K3S_CHANNEL"
        FOUND=$(curl -w '%{url_effective}' -L -s -S "$INSTALL_K3S_CHANNEL_URL/$INSTALL_K3S_CHANNEL" -o /dev/null)
        VERSION=$(echo "$FOUND" | sed -e 's|.*/||')
    fi
    info "Using $VERSION as release"
}

download() {
    case "${INSTALL_K3S_SKIP_DOWNLOAD:-false}" in
        true|binary)
            info "Skipping k3s download and verify"
            [ -x "$BIN_DIR/k3s" ] || fatal "Executable k3s binary not found at $BIN_DIR/k3s"
            return 0
            ;;
    esac
    release_version
    TMP=$(mktemp -d)
    HASHES=$ARTIFACT_URL/$VERSION/sha256sum-amd64.txt
    info "Downloading hash $HASHES"
    curl -o "$TMP/k3s.hash" -sfL "$HASHES" || fatal "Download failed"
    WANTED=$(grep " k3s$" "$TMP/k3s.hash" | sed -e 's/ .*//')
    if [ -x "$BIN_DIR/k3s" ]; then
        HAVE=$(sha256sum "$BIN_DIR/k3s" | sed -e 's/ .*//')
        if [ "$HAVE" = "$WANTED" ]; then
            info "Skipping binary downloaded, installed k3s matches hash"
            rm -rf "$TMP"
            return 0
        fi
    fi
    info "Downloading binary $ARTIFACT_URL/$VERSION/k3s"
    curl -o "$TMP/k3s" -sfL "$ARTIFACT_URL/$VERSION/k3s" || fatal "Download failed"
    info "Verifying binary download"
    HAVE=$(sha256sum "$TMP/k3s" | sed -e 's/ .*//')
    [ "$HAVE" = "$WANTED" ] || fatal "Download sha256 does not match $WANTED, got $HAVE"
    info "Installing k3s to $BIN_DIR/k3s"
    chmod 755 "$TMP/k3s"
    chown root:root "$TMP/k3s"
    mkdir -p "$BIN_DIR"
    mv -f "$TMP/k3s" "$BIN_DIR/k3s"
    rm -rf "$TMP"
}

symlinks() {
    [ "${INSTALL_K3S_SYMLINK:-}" = skip ] && return 0
    for tool in kubectl crictl ctr; do
        if [ ! -e "$BIN_DIR/$tool" ] || [ "${INSTALL_K3S_SYMLINK:-}" = force ]; then
            info "Creating $BIN_DIR/$tool symlink to k3s"
            ln -sf k3s "$BIN_DIR/$tool"
        else
            info "Skipping $BIN_DIR/$tool symlink to k3s, already exists"
        fi
    done
}

scripts() {
    info "Creating killall script $BIN_DIR/k3s-killall.sh"
    cat > "$BIN_DIR/k3s-killall.sh" <<'KILLALL'
@KILLALL@KILLALL
    info "Creating uninstall script $UNINSTALL"
    sed -e "s|@NAME@|$NAME|g" -e "s|@BIN@|$BIN_DIR|g" > "$UNINSTALL" <<'UNINSTALL'
@UNINSTALL@UNINSTALL
    chmod 755 "$BIN_DIR/k3s-killall.sh" "$UNINSTALL"
    chown root:root "$BIN_DIR/k3s-killall.sh" "$UNINSTALL"
}

unit() {
    rm -f "$SYSTEMD_DIR/multi-user.target.wants/$NAME.service" "$UNIT" "$UNIT.env"
    info "env: Creating environment file $UNIT.env"
    touch "$UNIT.env"
    chmod 600 "$UNIT.env"
    env | grep -E '^(K3S|CONTAINERD)_' | sed -e "s/=\(.*\)/='\1'/" >> "$UNIT.env" || true
    env | grep -Ei '^(NO|HTTP|HTTPS|ALL)_PROXY=' | sed -e "s/=\(.*\)/='\1'/" >> "$UNIT.env" || true
    info "systemd: Creating service file $UNIT"
    cat > "$UNIT" <<UNITFILE
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
EnvironmentFile=-$UNIT.env
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
ExecStart=$BIN_DIR/k3s \\
    $ROLE \\
$EXTRA
UNITFILE
}

start() {
    [ "${INSTALL_K3S_SKIP_ENABLE:-}" = true ] && return 0
    info "systemd: Enabling $NAME unit"
    systemctl enable "$NAME.service"
    systemctl daemon-reload
    [ "${INSTALL_K3S_SKIP_START:-}" = true ] && return 0
    AFTER=$(digest)
    if [ "$BEFORE" = "$AFTER" ] && [ "${INSTALL_K3S_FORCE_RESTART:-}" != true ]; then
        info "No change detected so skipping service start"
        return 0
    fi
    info "systemd: Starting $NAME"
    systemctl restart "$NAME"
}

setup "$@"
BEFORE=$(digest)
download
info "Skipping installation of SELinux RPM"
symlinks
scripts
unit
start
"""

KILLALL = r"""#!/bin/sh
[ "$(id -u)" = 0 ] || exec sudo "$0" "$@"
for unit in /etc/systemd/system/k3s*.service; do
    [ -s "$unit" ] && systemctl stop "$(basename "$unit")"
done
rm -rf /run/k3s/containerd /var/lib/cni
exit 0
"""

UNINSTALL = r"""#!/bin/sh
[ "$(id -u)" = 0 ] || exec sudo "$0" "$@"
@BIN@/k3s-killall.sh
systemctl disable @NAME@
systemctl reset-failed @NAME@
systemctl daemon-reload
rm -f /etc/systemd/system/@NAME@.service
rm -f /etc/systemd/system/@NAME@.service.env
for other in /etc/systemd/system/k3s*.service; do
    if [ -e "$other" ]; then
        echo "Additional k3s services installed, skipping uninstall of k3s"
        rm -f @BIN@/@NAME@-uninstall.sh
        exit 0
    fi
done
for tool in kubectl crictl ctr; do
    [ -L @BIN@/$tool ] && rm -f @BIN@/$tool
done
rm -rf /etc/rancher/k3s /run/k3s /run/flannel /var/lib/rancher/k3s /var/lib/kubelet
rm -f @BIN@/k3s @BIN@/k3s-killall.sh
rm -f @BIN@/@NAME@-uninstall.sh
exit 0
"""

INSTALLER = INSTALLER.replace("@KILLALL@", KILLALL).replace("@UNINSTALL@", UNINSTALL)
