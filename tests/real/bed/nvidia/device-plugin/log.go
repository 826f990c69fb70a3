package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// journal writes klog's lines under the source positions of the recorded versions.
type journal struct {
	version string
	minor   int
	places  map[string]string
}

// Source: recordings of the device plugin: v0.17.4, v0.18.2, v0.19.3 and v0.20.0, success and no-nvml.
var (
	placesOf17 = map[string]string{
		"start": "main.go:235", "fs": "main.go:238", "os": "main.go:245", "plugins": "main.go:260", "load": "main.go:317",
		"patterns": "main.go:342", "config": "main.go:353", "retrieve": "main.go:356", "none": "main.go:381",
		"exit": "main.go:173", "grpc": "server.go:195", "serve": "server.go:139", "registered": "server.go:146",
		"restart": "main.go:299", "kubelet": "main.go:285", "nvml0": "factory.go:112", "nvml1": "factory.go:113",
		"nvml2": "factory.go:114", "nvml3": "factory.go:115", "nvml4": "factory.go:116", "unhealthy": "server.go:276",
		"register-failed": "server.go:141",
	}
	placesOf20 = map[string]string{
		"start": "main.go:269", "fs": "main.go:272", "os": "main.go:279", "plugins": "main.go:294", "load": "main.go:351",
		"patterns": "main.go:377", "config": "main.go:388", "retrieve": "main.go:391", "none": "main.go:416",
		"exit": "main.go:198", "grpc": "server.go:198", "serve": "server.go:142", "registered": "server.go:149",
		"restart": "main.go:333", "kubelet": "main.go:319", "nvml0": "factory.go:99", "nvml1": "factory.go:100",
		"nvml2": "factory.go:101", "nvml3": "factory.go:102", "nvml4": "factory.go:103", "unhealthy": "server.go:280",
		"register-failed": "server.go:144", "platform": "plugin-manager.go:101", "unsupported": "plugin-manager.go:108",
		"strategy": "plugin-manager.go:50", "xids": "health.go:64",
	}
	commits = map[string]string{"v0.17.4": "fd56a747", "v0.20.0": "1b826acc"}
)

func newLog() *journal {
	text, err := os.ReadFile("/version")
	version := strings.TrimSpace(string(text))
	if err != nil {
		version = "v0.20.0"
	}
	log := &journal{version: version, places: placesOf20}
	if parts := strings.Split(version, "."); len(parts) > 1 {
		log.minor, _ = strconv.Atoi(parts[1])
	}
	if !log.atLeast(19) {
		log.places = placesOf17
	}
	return log
}

func (j *journal) atLeast(minor int) bool { return j.minor >= minor }

func (j *journal) line(level, place, format string, arguments ...any) {
	now := time.Now().UTC().Format("0102 15:04:05.000000")
	fmt.Fprintf(os.Stderr, "%s%s       1 %s] %s\n", level, now, j.places[place], fmt.Sprintf(format, arguments...))
}

func (j *journal) start() {
	j.line("I", "start", "\"Starting NVIDIA Device Plugin\" version=<\n\t%s\n\tcommit: %s\n >", j.version, defaultTo(commits[j.version], "unknown"))
	j.line("I", "fs", "Starting FS watcher for /var/lib/kubelet/device-plugins")
	j.line("I", "os", "Starting OS watcher.")
	j.line("I", "plugins", "Starting Plugins.")
	j.line("I", "load", "Loading configuration.")
	j.line("I", "patterns", "Updating config with default resource matching patterns.")
}

func (j *journal) configuration(config configuration, failOnInitError bool) {
	plugin := map[string]any{
		"passDeviceSpecs": false, "deviceListStrategy": []string{"envvar"}, "deviceIDStrategy": "uuid",
		"cdiAnnotationPrefix": "cdi.k8s.io/", "nvidiaCTKPath": "/usr/bin/nvidia-ctk", "containerDriverRoot": "/driver-root",
	}
	text, err := json.MarshalIndent(map[string]any{
		"version": config.Version,
		"flags": map[string]any{
			"migStrategy": "none", "failOnInitError": failOnInitError, "nvidiaDriverRoot": "/",
			"deviceDiscoveryStrategy": "auto", "plugin": plugin,
		},
		"resources": map[string]any{"gpus": []map[string]string{{"pattern": "*", "name": "nvidia.com/gpu"}}},
		"sharing":   config.Sharing,
	}, "", "  ")
	if err != nil {
		text = []byte("{}")
	}
	j.line("I", "config", "\nRunning with config:\n%s", text)
}

func (j *journal) platform(hasLibrary bool) {
	if hasLibrary {
		j.line("I", "platform", "Detected platform: nvml")
	} else {
		j.line("I", "platform", "Detected platform: unknown")
		j.line("W", "unsupported", "Unsupported platform detected; defaulting to nvml")
	}
	j.line("I", "strategy", "Using device discovery strategy: nvml")
}

func (j *journal) incompatible() {
	j.line("E", "nvml0", "Incompatible strategy detected auto")
	j.prerequisites("did you configure the NVIDIA Container Toolkit?")
}

func (j *journal) prerequisites(question string) {
	j.line("E", "nvml1", "If this is a GPU node, %s", question)
	j.line("E", "nvml2", "You can check the prerequisites at: https://github.com/NVIDIA/k8s-device-plugin#prerequisites")
	j.line("E", "nvml3", "You can learn how to set the runtime at: https://github.com/NVIDIA/k8s-device-plugin#quick-start")
	j.line("E", "nvml4", "If this is not a GPU node, you should set up a toleration or nodeSelector to only deploy this plugin on GPU nodes")
}

func (j *journal) nvmlFailed(reason string) error {
	j.line("E", "nvml0", "Failed to initialize NVML: %s.", reason)
	j.prerequisites("did you set the docker default runtime to `nvidia`?")
	return fmt.Errorf("unable to create plugins: failed to construct resource managers: nvml init failed: %s", reason)
}
