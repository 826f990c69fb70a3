package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Source: 00-k3s-defaults.conf of K3s v1.34.3 (02-join/c). Other than K3s's: cgroupDriver follows containerd, and
// the status is reported each second, which spares the tests waiting.
//
//go:embed kubelet.yaml
var kubeletDefaults string

func (a *agent) startKubelet() error {
	directory := agentDir + "/etc/kubelet.conf.d"
	if err := os.WriteFile(directory+"/00-k3s-defaults.conf", []byte(kubeletDefaults), 0o600); err != nil {
		return err
	}
	arguments := []string{
		"--config-dir=" + directory,
		"--hostname-override=" + a.node,
		"--kubeconfig=" + agentDir + "/kubelet.kubeconfig",
		"--node-ip=" + a.ip,
		"--node-labels=" + strings.Join(a.settings["node-label"], ","),
		"--provider-id=k3s://" + a.node,
		"--read-only-port=0",
	}
	if taints := a.settings["node-taint"]; len(taints) > 0 {
		arguments = append(arguments, "--register-with-taints="+strings.Join(taints, ","))
	}
	for _, argument := range a.settings["kubelet-arg"] {
		arguments = append(arguments, "--"+argument)
	}
	slices.Sort(arguments)
	info("Running kubelet %s", strings.Join(arguments, " "))
	kubelet, err := component("kubelet", arguments...)
	if err != nil {
		return err
	}
	go func() {
		<-kubelet.ended
		a.shutdown("kubelet exited: %s", kubelet.reason)
	}()
	return nil
}

func clientFor(kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	return kubernetes.NewForConfig(config)
}

// becomeReady waits until the API answers and knows this Node, then marks it and tells systemd.
func (a *agent) becomeReady() {
	kubeconfig := agentDir + "/kubelet.kubeconfig"
	if a.role != "" {
		kubeconfig = adminKubeconfig // a kubelet must not set roles
	}
	for ; ; time.Sleep(150 * time.Millisecond) {
		client, err := clientFor(kubeconfig)
		if err == nil {
			err = a.markNode(client)
		}
		if err == nil {
			break
		}
		if !apierrors.IsNotFound(err) {
			info("Polling for API server readiness: %s", err)
			time.Sleep(time.Second)
		}
	}
	info("Annotations and labels have been set successfully on node: %s", a.node)
	close(a.ready)
	if a.role != "" {
		return
	}
	info("k3s agent is up and running")
	if err := notifyReady(); err != nil {
		problem("%s", err)
	}
}

// markNode sets the annotations, and the labels of the configuration again, at every start.
func (a *agent) markNode(client *kubernetes.Clientset) error {
	labels := map[string]string{"node.kubernetes.io/instance-type": "k3s", "beta.kubernetes.io/instance-type": "k3s"}
	for _, label := range a.settings["node-label"] {
		if key, value, found := strings.Cut(label, "="); found {
			labels[key] = value
		}
	}
	if a.role != "" {
		labels["node-role.kubernetes.io/"+a.role] = "true"
	}
	arguments, err := json.Marshal(os.Args[1:])
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": labels,
		"annotations": map[string]string{
			"k3s.io/hostname":    a.node,
			"k3s.io/internal-ip": a.ip,
			"k3s.io/node-args":   string(arguments),
			"k3s.io/node-env":    "{}",
		},
	}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = client.CoreV1().Nodes().Patch(ctx, a.node, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
