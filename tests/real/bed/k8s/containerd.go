package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"gpuwizard.test/bed/k8s/templates"
)

const (
	containerdSocket = "/run/k3s/containerd/containerd.sock"
	containerdDir    = agentDir + "/etc/containerd"
	imagesDir        = agentDir + "/images"
)

// Source: K3s's runtime names and the programs behind them, domain.md stage 4.
var searchedRuntimes = []struct{ name, program, words string }{
	{"nvidia", "nvidia-container-runtime", "nvidia container runtime"},
	{"nvidia-experimental", "nvidia-container-runtime-experimental", "nvidia container runtime"},
	{"nvidia-cdi", "nvidia-container-runtime.cdi", "nvidia container runtime"},
	{"crun", "crun", "container runtime"},
}

func findRuntimes() map[string]templates.Runtime {
	places := append([]string{"/usr/local/nvidia/toolkit", "/opt/kwasm/bin"}, filepath.SplitList(os.Getenv("PATH"))...)
	found := map[string]templates.Runtime{}
	for _, searched := range searchedRuntimes {
		for _, place := range places {
			program := filepath.Join(place, searched.program)
			if _, err := exec.LookPath(program); err == nil {
				info("Found %s at %s", searched.words, program)
				found[searched.name] = templates.Runtime{RuntimeType: "io.containerd.runc.v2", BinaryName: program}
				break
			}
		}
	}
	return found
}

// renderContainerd writes config.toml, and says whether it is of version 2.
func renderContainerd(settings Settings) (versionTwo bool, err error) {
	config := templates.ContainerdConfig{
		ExtraRuntimes:       findRuntimes(),
		SystemdCgroup:       systemdCgroup(),
		RestrictOOMScoreAdj: oomScoreRestricted(),
		DefaultRuntime:      settings.one("default-runtime", ""),
		PauseImage:          settings.one("pause-image", "rancher/mirrored-pause:3.6"),
		Snapshotter:         settings.one("snapshotter", "overlayfs"),
		NonrootDevices:      settings.yes("nonroot-devices"),
		SELinux:             settings.yes("selinux"),
		RegistryConfigDir:   containerdDir + "/certs.d",
	}
	if name := config.DefaultRuntime; name != "" && name != "runc" {
		if _, found := config.ExtraRuntimes[name]; !found {
			return false, fmt.Errorf("default runtime %s was not found", name)
		}
	}
	text, version := `{{ template "base" . }}`, 3
	for _, candidate := range []struct {
		file    string
		version int
	}{{"config-v3.toml.tmpl", 3}, {"config.toml.tmpl", 2}} {
		path := filepath.Join(containerdDir, candidate.file)
		if content, err := os.ReadFile(path); err == nil {
			info("Using containerd config template at %s", path)
			text, version = string(content), candidate.version
			break
		}
	}
	rendered, err := templates.Render(text, version, config)
	if err != nil {
		return false, err
	}
	if err := writeRegistries(settings); err != nil {
		return false, err
	}
	return version == 2, os.WriteFile(containerdDir+"/config.toml", []byte(rendered), 0o644)
}

// systemdCgroup is K3s's rule: started by systemd, on a machine whose cgroups have cpuset.
func systemdCgroup() bool {
	if os.Getenv("INVOCATION_ID") == "" {
		return false
	}
	if controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return strings.Contains(string(controllers), "cpuset")
	}
	// On cgroup v1 systemd inside a container has no controllers to delegate: the driver of the bed is cgroupfs there.
	return false
}

// oomScoreRestricted: without CAP_SYS_RESOURCE runc cannot lower a score.
func oomScoreRestricted() bool {
	const file = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	lowered := os.WriteFile(file, []byte("-1"), 0o644)
	_ = os.WriteFile(file, bytes.TrimSpace(before), 0o644)
	return lowered != nil
}

// writeRegistries turns registries.yaml into hosts.toml files: an endpoint per mirror, and no way around it.
func writeRegistries(settings Settings) error {
	var registries struct {
		Mirrors map[string]struct {
			Endpoint []string `yaml:"endpoint"`
		} `yaml:"mirrors"`
	}
	text, err := os.ReadFile(settings.one("private-registry", "/etc/rancher/k3s/registries.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, &registries); err != nil {
		return err
	}
	for name, mirror := range registries.Mirrors {
		if name == "*" {
			name = "_default"
		}
		var hosts strings.Builder
		for i, endpoint := range mirror.Endpoint {
			if i == 0 {
				fmt.Fprintf(&hosts, "server = %q\n", endpoint)
			}
			fmt.Fprintf(&hosts, "[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", endpoint)
		}
		place := filepath.Join(containerdDir, "certs.d", name)
		if err := os.MkdirAll(place, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(place, "hosts.toml"), []byte(hosts.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// startContainerd returns once its CRI answers; `failed` tells of its end.
func startContainerd(versionTwo bool, shutdown func(string, ...any)) error {
	logFile := agentDir + "/containerd/containerd.log"
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	arguments := []string{"-c", containerdDir + "/config.toml"}
	if versionTwo {
		arguments = append(arguments, "-a", containerdSocket, "--state", "/run/k3s/containerd", "--root", agentDir+"/containerd")
	}
	info("Logging containerd to %s", logFile)
	info("Running containerd %s", strings.Join(arguments, " "))
	daemon, err := startChild(log, filepath.Join(binDir, "containerd"), arguments...)
	if err != nil {
		return err
	}
	go func() {
		<-daemon.ended
		shutdown("containerd exited: %s", daemon.reason)
	}()
	return waitForContainerd(daemon)
}

func waitForContainerd(daemon *child) error {
	connection, err := grpc.NewClient("unix://"+containerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := cri.NewRuntimeServiceClient(connection)
	said := time.Now()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_, err := client.Version(ctx, &cri.VersionRequest{}, grpc.WaitForReady(true))
		cancel()
		if err == nil {
			info("containerd is now running")
			return nil
		}
		if time.Since(said) > time.Second {
			info("Waiting for containerd startup: %s", err)
			said = time.Now()
		}
		select {
		case <-daemon.ended:
			return errContainerdEnded
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var errContainerdEnded = errors.New("containerd ended before it answered")

func importImages() {
	archives, _ := filepath.Glob(imagesDir + "/*.tar")
	for _, archive := range archives {
		begun := time.Now()
		info("Importing images from %s", archive)
		out, err := exec.Command(filepath.Join(binDir, "ctr"), "-a", containerdSocket, "-n", "k8s.io", "images", "import", archive).CombinedOutput()
		if err != nil {
			problem("Unable to import images from %s: %s: %s", archive, err, bytes.TrimSpace(out))
			continue
		}
		info("Imported images from %s in %s", archive, time.Since(begun))
	}
}
