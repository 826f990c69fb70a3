// Command device-plugin stands in for NVIDIA's k8s-device-plugin: real registration, ListAndWatch and Allocate over
// the real NVML interface, with the log of the recorded versions.
//
// Which version it is, is the file /version beside it in the image.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"sigs.k8s.io/yaml"
)

type sharedResource struct {
	Name     string `json:"name"`
	Devices  string `json:"devices,omitempty"`
	Replicas int    `json:"replicas"`
}

type timeSlicing struct {
	RenameByDefault            bool             `json:"renameByDefault,omitempty"`
	FailRequestsGreaterThanOne bool             `json:"failRequestsGreaterThanOne,omitempty"`
	Resources                  []sharedResource `json:"resources,omitempty"`
}

type sharing struct {
	TimeSlicing timeSlicing `json:"timeSlicing"`
}

type configuration struct {
	Version string  `json:"version"`
	Sharing sharing `json:"sharing"`
}

func main() {
	log := newLog()
	if err := run(log); err != nil {
		log.line("E", "exit", "error starting plugins: %s", err)
		os.Exit(1)
	}
}

func run(log *journal) error {
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	log.start()
	config, err := readConfiguration(os.Getenv("CONFIG_FILE"))
	if err != nil {
		return fmt.Errorf("unable to load config: %w", err)
	}
	failOnInitError, err := strconv.ParseBool(defaultTo(os.Getenv("FAIL_ON_INIT_ERROR"), "true"))
	if err != nil {
		return err
	}
	log.configuration(config, failOnInitError)
	log.line("I", "retrieve", "Retrieving plugins.")
	devices, err := findDevices(log)
	if err != nil && failOnInitError {
		return fmt.Errorf("error getting plugins: %w", err)
	}
	if err != nil || len(devices) == 0 {
		log.line("I", "none", "No devices found. Waiting indefinitely.")
		<-terminated
		return nil
	}
	for {
		again, err := serve(log, config, devices, terminated)
		if err != nil {
			return err
		}
		if !again {
			return nil
		}
	}
}

func defaultTo(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func readConfiguration(file string) (configuration, error) {
	config := configuration{Version: "v1"}
	if file == "" {
		return config, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return config, fmt.Errorf("unable to finalize config: unable to parse config file: read error: %w", err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err == nil {
		err = json.Unmarshal(asJSON, &config)
	}
	if err != nil {
		return config, fmt.Errorf("unable to finalize config: unable to parse config file: error parsing config file: unmarshal error: error unmarshaling JSON: while decoding JSON: %w", err)
	}
	for i := range config.Sharing.TimeSlicing.Resources {
		config.Sharing.TimeSlicing.Resources[i].Devices = "all"
	}
	return config, nil
}

// findDevices lists the UUIDs that NVML shows in this container.
//
// Source: recordings of the device plugin, no-nvml and nvml-driver-not-loaded of v0.17.4 to v0.20.0.
func findDevices(log *journal) ([]string, error) {
	initialized := nvml.Init()
	hasLibrary := initialized != nvml.ERROR_LIBRARY_NOT_FOUND
	if log.atLeast(19) {
		log.platform(hasLibrary)
	} else if !hasLibrary {
		log.incompatible()
		return nil, errors.New("unable to create plugins: failed to construct resource managers: invalid device discovery strategy")
	}
	if !hasLibrary {
		return nil, log.nvmlFailed("ERROR_LIBRARY_NOT_FOUND")
	}
	if initialized != nvml.SUCCESS {
		return nil, log.nvmlFailed(nvml.ErrorString(initialized))
	}
	defer nvml.Shutdown()
	count, code := nvml.DeviceGetCount()
	if code != nvml.SUCCESS {
		return nil, fmt.Errorf("error getting device count: %s", nvml.ErrorString(code))
	}
	var devices []string
	for i := range count {
		device, code := nvml.DeviceGetHandleByIndex(i)
		if code != nvml.SUCCESS {
			return nil, fmt.Errorf("error getting device handle for index '%d': %s", i, nvml.ErrorString(code))
		}
		uuid, code := device.GetUUID()
		if code != nvml.SUCCESS {
			return nil, fmt.Errorf("error getting UUID: %s", nvml.ErrorString(code))
		}
		devices = append(devices, uuid)
	}
	return devices, nil
}

// stillThere is false once a card has gone.
func stillThere(uuid string) bool {
	if nvml.Init() != nvml.SUCCESS {
		return false
	}
	defer nvml.Shutdown()
	_, code := nvml.DeviceGetHandleByUUID(uuid)
	return code == nvml.SUCCESS
}

func socketIdentity(path string) string {
	var status syscall.Stat_t
	if syscall.Stat(path, &status) != nil {
		return ""
	}
	return fmt.Sprintf("%d %d", status.Ino, status.Ctim.Nano())
}

// changed tells when the kubelet has made its socket anew.
func changed(path string, done <-chan struct{}) <-chan struct{} {
	out := make(chan struct{})
	before := socketIdentity(path)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(200 * time.Millisecond):
			}
			if now := socketIdentity(path); now != "" && now != before {
				close(out)
				return
			}
		}
	}()
	return out
}

func resourceAndReplicas(config configuration) (string, int) {
	slicing := config.Sharing.TimeSlicing
	for _, resource := range slicing.Resources {
		if resource.Name == "nvidia.com/gpu" && resource.Replicas > 1 {
			if slicing.RenameByDefault {
				return "nvidia.com/gpu.shared", resource.Replicas
			}
			return "nvidia.com/gpu", resource.Replicas
		}
	}
	return "nvidia.com/gpu", 1
}

// uuidOf takes the replica's number off.
func uuidOf(id string) string {
	uuid, _, _ := strings.Cut(id, "::")
	return uuid
}
