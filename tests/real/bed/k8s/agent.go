package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	version  = "v1.34.3+k3s1"
	commit   = "48ffa7b6"
	dataDir  = "/var/lib/rancher/k3s"
	agentDir = dataDir + "/agent"
	// binDir is where K3s unpacks its programs; the hash is that of the recorded release.
	binDir       = dataDir + "/data/a1ec8c5c180d0abe6e177b3d86f5852946ddd566c67950573e0cdaf0e6f15a45/bin"
	passwordFile = "/etc/rancher/node/password"
)

// agent is one running K3s agent, alone or inside a server.
type agent struct {
	settings Settings
	node     string
	ip       string
	localURL string // where the kubelet finds the API: the balancer, or the server beside us
	role     string // of a server's node, "" of an agent
	exit     chan int
	ready    chan struct{}
}

func newAgent(settings Settings, localURL, role string) *agent {
	hostname, _ := os.Hostname()
	return &agent{
		settings: settings,
		node:     strings.ToLower(settings.one("node-name", hostname)),
		ip:       settings.one("node-ip", ownAddress()),
		localURL: localURL,
		role:     role,
		exit:     make(chan int, 8),
		ready:    make(chan struct{}),
	}
}

// runAgent is `k3s agent`. It must be called on the main goroutine.
func runAgent(arguments []string) int {
	settings := readSettings("agent", arguments)
	prepareDataDir()
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	text := settings.one("token", "")
	if file := settings.one("token-file", ""); file != "" {
		text = waitForTokenFile(file)
	}
	if _, err := os.Stat(agentDir + "/client-kubelet.crt"); err != nil && text == "" {
		fatal("Error: --token is required")
	}
	server := settings.one("server", "")
	if server == "" {
		fatal("Error: --server is required")
	}
	scheme, _, _ := strings.Cut(server, "://")
	a := newAgent(settings, scheme+"://"+balancerAddress, "")
	go func() {
		<-terminated
		a.exit <- 0
	}()
	go a.join(server, text)
	return serveStarts(a.exit)
}

func (a *agent) join(server, text string) {
	info("Starting k3s agent %s (%s)", version, commit)
	address := addressOf(server)
	info("Updated load balancer k3s-agent-load-balancer default server: %s", address)
	if err := serveBalancer(address); err != nil {
		fatal("Error: %s", err)
	}
	a.run(server, text)
}

// run connects, fetches what the server gives to a node, and starts containerd and the kubelet.
func (a *agent) run(server, text string) {
	var way *supervisor
	for {
		var err error
		if way, err = reach(a.localURL, text); err == nil {
			break
		}
		problem("Failed to validate connection to cluster at %s: %s", server, err)
		time.Sleep(2 * time.Second)
	}
	for {
		err := a.fetch(way)
		if err == nil {
			break
		}
		info("Waiting to retrieve agent configuration; server is not ready: %s", err)
		time.Sleep(6*time.Second + time.Duration(mathrand.IntN(3000))*time.Millisecond)
	}
	a.start()
}

// start runs what makes a node. The unit becomes ready when the API knows the Node, containerd or not.
func (a *agent) start() {
	info("Creating k3s-cert-monitor event broadcaster")
	info("Getting list of apiserver endpoints from server")
	versionTwo, err := renderContainerd(a.settings)
	if err != nil {
		a.shutdown("failed to start container runtime: %s", err)
		return
	}
	go a.becomeReady()
	err = startContainerd(versionTwo, func(format string, arguments ...any) {
		// K3s v1.34.3 has told systemd that it is up before a containerd that cannot start has ended.
		select {
		case <-a.ready:
		case <-time.After(2 * time.Second):
		}
		a.shutdown(format, arguments...)
	})
	if errors.Is(err, errContainerdEnded) {
		return
	}
	if err != nil {
		a.shutdown("failed to start container runtime: %s", err)
		return
	}
	importImages()
	if err := a.startKubelet(); err != nil {
		a.shutdown("%s", err)
	}
}

// shutdown ends the process with status 0: a unit that was not ready yet then fails with result "protocol".
func (a *agent) shutdown(format string, arguments ...any) {
	problem("Shutdown request received: %s", fmt.Sprintf(format, arguments...))
	a.exit <- 0
}

// fetch asks the server for the certificates of this node.
func (a *agent) fetch(way *supervisor) error {
	asNode := way.withCertificate(agentDir+"/client-kubelet.crt", agentDir+"/client-kubelet.key")
	known := way
	if asNode != nil {
		known = asNode
	}
	if _, err := known.get("/v1-k3s/config"); err != nil {
		return fmt.Errorf("failed to retrieve configuration from server: %w", err)
	}
	password, err := nodePassword()
	if err != nil {
		return err
	}
	for _, name := range []string{"serving-kubelet", "client-kubelet"} {
		if err := a.fetchCertificate(way, asNode, name, password); err != nil {
			return fmt.Errorf("%s/%s.crt: %w", agentDir, name, err)
		}
	}
	clientCA, err := known.get("/v1-k3s/client-ca.crt")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(agentDir+"/client-ca.crt", clientCA, 0o600),
		os.WriteFile(agentDir+"/server-ca.crt", way.caPEM, 0o600),
		writeKubeconfig(agentDir+"/kubelet.kubeconfig", a.localURL, agentDir+"/server-ca.crt",
			agentDir+"/client-kubelet.crt", agentDir+"/client-kubelet.key"),
	)
}

// fetchCertificate has K3s's own flaw: after a refusal by certificate the same, already sent, request goes out again.
func (a *agent) fetchCertificate(way, asNode *supervisor, name, password string) error {
	key, err := loadOrMakeKey(fmt.Sprintf("%s/%s.key", agentDir, name))
	if err != nil {
		return err
	}
	csr, err := certificateRequest(key)
	if err != nil {
		return err
	}
	request, err := way.nodeRequest("/v1-k3s/"+name+".crt", csr, a.node, password)
	if err != nil {
		return err
	}
	request.Header.Set("K3s-Node-Ip", a.ip)
	var body []byte
	if asNode != nil {
		body, err = bodyOf(asNode.client.Do(request))
		var answer *refused
		if errors.As(err, &answer) && answer.status == http.StatusUnauthorized {
			info("Node authorization rejected, retrying without client certificate authentication")
			way.authorize(request)
			body, err = bodyOf(way.client.Do(request))
		}
	} else {
		way.authorize(request)
		body, err = bodyOf(way.client.Do(request))
	}
	if err != nil {
		return err
	}
	return os.WriteFile(fmt.Sprintf("%s/%s.crt", agentDir, name), body, 0o600)
}

// nodePassword is this machine's, made at its first join; it outlives an uninstall.
func nodePassword() (string, error) {
	if text, err := os.ReadFile(passwordFile); err == nil {
		return string(bytes.TrimSpace(text)), nil
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	password := hex.EncodeToString(random)
	if err := os.MkdirAll(filepath.Dir(passwordFile), 0o755); err != nil {
		return "", err
	}
	return password, os.WriteFile(passwordFile, []byte(password+"\n"), 0o600)
}

// prepareDataDir links the programs where K3s unpacks its own, and puts them on the PATH.
func prepareDataDir() {
	data := filepath.Dir(filepath.Dir(binDir))
	if _, err := os.Stat(binDir); err != nil {
		info("Acquiring lock file %s/.lock", data)
		info("Preparing data dir %s", filepath.Dir(binDir))
	}
	for _, directory := range []string{binDir + "/aux", data + "/cni", agentDir + "/containerd", containerdDir, imagesDir,
		agentDir + "/etc/kubelet.conf.d", agentDir + "/pod-manifests", "/run/k3s/containerd"} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			fatal("%s", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		fatal("%s", err)
	}
	programs := filepath.Dir(self)
	links := map[string]string{"runc": "/usr/sbin/runc"}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "crictl"} {
		links[name] = filepath.Join(programs, name)
	}
	for _, name := range []string{"k3s", "kubectl"} {
		links[name] = self
	}
	for name, target := range links {
		link := filepath.Join(binDir, name)
		if current, _ := os.Readlink(link); current != target {
			_ = os.Remove(link)
			if err := os.Symlink(target, link); err != nil {
				fatal("%s", err)
			}
		}
	}
	_ = os.Symlink(filepath.Dir(binDir), data+"/current")
	for file, text := range map[string]string{
		"crictl.yaml": "runtime-endpoint: unix://" + containerdSocket + "\n",
		"resolv.conf": "nameserver 8.8.8.8\n",
	} {
		if err := os.WriteFile(filepath.Join(agentDir, "etc", file), []byte(text), 0o644); err != nil {
			fatal("%s", err)
		}
	}
	_ = os.Chmod(agentDir, 0o700)
	os.Setenv("PATH", strings.Join([]string{data + "/cni", binDir, os.Getenv("PATH"), binDir + "/aux"}, ":"))
}
