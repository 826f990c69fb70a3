// Command kube is every Kubernetes program of the test bed in one binary, and the stand-in for k3s.
//
// The program is chosen by the name it is started under, or by its first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// A child's parent-death signal is bound to the thread that forked it, so the main goroutine, from which
// children are started, keeps the main thread.
func init() { runtime.LockOSThread() }

var components = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kubectl":                 func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() },
}

func main() {
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "kube" && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
		os.Args = append([]string{name}, arguments...)
	}
	switch name {
	case "k3s":
		os.Exit(k3s(arguments))
	case "crictl", "ctr":
		os.Exit(k3s(append([]string{name}, arguments...)))
	case "etcd":
		etcdmain.Main(os.Args)
	case "kubectl":
		useServersKubeconfig()
		os.Exit(runComponent(name))
	default:
		if _, known := components[name]; !known {
			fmt.Fprintf(os.Stderr, "kube: no such program: %s\n", name)
			os.Exit(2)
		}
		os.Exit(runComponent(name))
	}
}

// runComponent runs one Kubernetes program; if the parent asked for it, the error's own words go to descriptor 3.
func runComponent(name string) int {
	command := components[name]()
	if os.Getenv(exitReasonVariable) == "" {
		return cli.Run(command)
	}
	os.Unsetenv(exitReasonVariable)
	reason := os.NewFile(3, "exit reason")
	err := cli.RunNoErrOutput(command)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Error: %s\n", err)
		fmt.Fprint(reason, err.Error())
		return 1
	}
	return 0
}
