package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

const help = `NAME:
   k3s - Kubernetes, but small and simple

USAGE:
   k3s [global options] command [command options]

VERSION:
   ` + version + ` (` + commit + `)

COMMANDS:
   server           Run management server
   agent            Run node agent
   kubectl          Run kubectl
   crictl           Run crictl
   ctr              Run ctr
   check-config     Run config check
   token            Manage tokens
   help, h          Shows a list of commands or help for one command
`

// k3s is the command of that name; it returns the status to exit with.
func k3s(arguments []string) int {
	if len(arguments) == 0 {
		fmt.Print(help)
		return 0
	}
	switch command, rest := arguments[0], arguments[1:]; command {
	case "agent":
		return runAgent(rest)
	case "server":
		return runServer(rest)
	case "token":
		return manageTokens(rest)
	case "kubectl":
		useServersKubeconfig()
		os.Args = append([]string{"kubectl"}, rest...)
		return runComponent("kubectl")
	case "crictl":
		return become("crictl", append([]string{"--config", agentDir + "/etc/crictl.yaml"}, rest...))
	case "ctr":
		return become("ctr", append([]string{"--address", containerdSocket, "--namespace", "k8s.io"}, rest...))
	case "check-config":
		fmt.Println("Verifying binaries in " + binDir + ":\n- sha256sum: good\n- links: good\n\nSTATUS: pass")
		return 0
	case "--version", "-v":
		fmt.Printf("k3s version %s (%s)\ngo version %s\n", version, commit, runtime.Version())
		return 0
	case "help", "h", "--help", "-h":
		fmt.Print(help)
		return 0
	default:
		fmt.Printf("No help topic for '%s'\n", command)
		return 3
	}
}

// become replaces this process with another program of the bed.
func become(program string, arguments []string) int {
	self, err := os.Executable()
	if err == nil {
		path := filepath.Join(filepath.Dir(self), program)
		err = syscall.Exec(path, append([]string{program}, arguments...), os.Environ())
	}
	fmt.Fprintf(os.Stderr, "k3s: %s: %s\n", program, err)
	return 1
}

// useServersKubeconfig is what makes `k3s kubectl` work on a server, and say why not to other users and on agents.
func useServersKubeconfig() {
	if os.Getenv("KUBECONFIG") != "" {
		return
	}
	if file, err := os.Open(usersKubeconfig); err == nil {
		file.Close()
	} else if os.IsPermission(err) {
		warning("Unable to read %s, please start server with --write-kubeconfig-mode or --write-kubeconfig-group to modify kube config permissions", usersKubeconfig)
	} else {
		return
	}
	os.Setenv("KUBECONFIG", usersKubeconfig)
}
