package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// plugin serves one resource.
type plugin struct {
	api.UnimplementedDevicePluginServer
	log      *journal
	config   configuration
	resource string
	replicas int
	devices  []string
	done     chan struct{}
}

// serve registers and serves until the kubelet starts anew (true) or somebody ends us.
func serve(log *journal, config configuration, devices []string, terminated <-chan os.Signal) (bool, error) {
	resource, replicas := resourceAndReplicas(config)
	p := &plugin{log: log, config: config, resource: resource, replicas: replicas, devices: devices, done: make(chan struct{})}
	defer close(p.done)
	log.line("I", "grpc", "Starting GRPC server for '%s'", resource)
	socket := filepath.Join(api.DevicePluginPath, "nvidia-"+strings.TrimPrefix(resource, "nvidia.com/")+".sock")
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return false, fmt.Errorf("error starting plugins: %w", err)
	}
	server := grpc.NewServer()
	defer server.Stop()
	api.RegisterDevicePluginServer(server, p)
	log.line("I", "serve", "Starting to serve '%s' on %s", resource, socket)
	go func() { _ = server.Serve(listener) }()
	kubeletAnew := changed(api.KubeletSocket, p.done)
	if err := p.register(socket); err != nil {
		log.line("E", "register-failed", "Could not register device plugin: %s", err)
		return false, err
	}
	log.line("I", "registered", "Registered device plugin for '%s' with Kubelet", resource)
	if log.atLeast(19) {
		log.line("I", "xids", "Ignoring the following XIDs for health checks: map[13:true 31:true 43:true 45:true 68:true 109:true]")
	}
	select {
	case <-terminated:
		return false, nil
	case <-kubeletAnew:
		log.line("I", "kubelet", "inotify: %s created, restarting.", api.KubeletSocket)
		return true, nil
	}
}

func (p *plugin) register(socket string) error {
	connection, err := grpc.NewClient("unix://"+api.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = api.NewRegistrationClient(connection).Register(ctx, &api.RegisterRequest{
		Version:      api.Version,
		Endpoint:     filepath.Base(socket),
		ResourceName: p.resource,
		Options:      &api.DevicePluginOptions{},
	}, grpc.WaitForReady(true))
	return err
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch tells of every device, and once of each that has gone: unhealthy is for ever, as there.
func (p *plugin) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	unhealthy := map[string]bool{}
	if err := stream.Send(p.list(unhealthy)); err != nil {
		return err
	}
	for {
		select {
		case <-p.done:
			return nil
		case <-stream.Context().Done():
			return nil
		case <-time.After(time.Second):
		}
		changed := false
		for _, uuid := range p.devices {
			if !unhealthy[uuid] && !stillThere(uuid) {
				p.log.line("I", "unhealthy", "'%s' device marked unhealthy: %s", p.resource, uuid)
				unhealthy[uuid], changed = true, true
			}
		}
		if changed {
			if err := stream.Send(p.list(unhealthy)); err != nil {
				return err
			}
		}
	}
}

func (p *plugin) list(unhealthy map[string]bool) *api.ListAndWatchResponse {
	answer := &api.ListAndWatchResponse{}
	for _, uuid := range p.devices {
		health := api.Healthy
		if unhealthy[uuid] {
			health = api.Unhealthy
		}
		for replica := range p.replicas {
			id := uuid
			if p.replicas > 1 {
				id = fmt.Sprintf("%s::%d", uuid, replica)
			}
			answer.Devices = append(answer.Devices, &api.Device{ID: id, Health: health})
		}
	}
	return answer
}

// Allocate hands a container its devices by NVIDIA_VISIBLE_DEVICES, the default strategy.
func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	answer := &api.AllocateResponse{}
	for _, wanted := range request.ContainerRequests {
		if p.replicas > 1 && p.config.Sharing.TimeSlicing.FailRequestsGreaterThanOne && len(wanted.DevicesIds) > 1 {
			return nil, fmt.Errorf("invalid allocation request for %q: invalid request: maximum request size for shared resources is 1; found %d",
				p.resource, len(wanted.DevicesIds))
		}
		var uuids []string
		for _, id := range wanted.DevicesIds {
			if uuid := uuidOf(id); !slices.Contains(uuids, uuid) {
				uuids = append(uuids, uuid)
			}
		}
		answer.ContainerResponses = append(answer.ContainerResponses, &api.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(uuids, ",")},
		})
	}
	return answer, nil
}
