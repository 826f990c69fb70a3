package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	serverDir       = dataDir + "/server"
	tlsDir          = serverDir + "/tls"
	adminKubeconfig = serverDir + "/cred/admin.kubeconfig"
	usersKubeconfig = "/etc/rancher/k3s/k3s.yaml"
	apiserverURL    = "https://127.0.0.1:6444"
	supervisorPort  = "6443"
)

// controlPlane is one running K3s server.
type controlPlane struct {
	settings Settings
	serverCA *keyPair
	clientCA *keyPair
	password string
	ip, node string
	exit     chan int
}

// runServer is `k3s server`. It must be called on the main goroutine.
func runServer(arguments []string) int {
	settings := readSettings("server", arguments)
	prepareDataDir()
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	hostname, _ := os.Hostname()
	s := &controlPlane{
		settings: settings,
		ip:       settings.one("node-ip", ownAddress()),
		node:     strings.ToLower(settings.one("node-name", hostname)),
		exit:     make(chan int, 8),
	}
	go func() {
		<-terminated
		s.exit <- 0
	}()
	go func() {
		if err := s.run(); err != nil {
			logLine("fatal", "Error: %s", err)
			s.exit <- 1
		}
	}()
	return serveStarts(s.exit)
}

func (s *controlPlane) run() error {
	info("Starting k3s %s (%s)", version, commit)
	for _, directory := range []string{tlsDir, serverDir + "/cred", serverDir + "/db/etcd", serverDir + "/manifests", filepath.Dir(usersKubeconfig)} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return err
		}
	}
	_ = os.Chmod(serverDir, 0o700)
	if err := s.makeCertificates(); err != nil {
		return err
	}
	if err := s.makeTokens(); err != nil {
		return err
	}
	if err := s.serveSupervisor(); err != nil {
		return err
	}
	if err := s.startComponents(); err != nil {
		return err
	}
	info("Kube API server is now running")
	info("k3s is up and running")
	if err := notifyReady(); err != nil {
		return err
	}
	go s.ownNodePasswords()
	go s.deployRuntimeClasses()
	if !s.settings.yes("disable-agent") {
		own := newAgent(s.settings, "https://127.0.0.1:"+supervisorPort, "control-plane")
		own.exit = s.exit
		text, err := os.ReadFile(serverDir + "/token")
		if err != nil {
			return err
		}
		own.run(own.localURL, strings.TrimSpace(string(text)))
	}
	return nil
}

func (s *controlPlane) makeCertificates() error {
	var err error
	if s.serverCA, err = authority(tlsDir, "server-ca"); err != nil {
		return err
	}
	if s.clientCA, err = authority(tlsDir, "client-ca"); err != nil {
		return err
	}
	headerCA, err := authority(tlsDir, "request-header-ca")
	if err != nil {
		return err
	}
	admins := []string{"system:masters"}
	clients := map[string]pkix.Name{
		"client-admin":          {CommonName: "system:admin", Organization: admins},
		"client-supervisor":     {CommonName: "system:k3s-supervisor", Organization: admins},
		"client-kube-apiserver": {CommonName: "system:apiserver", Organization: admins},
		"client-controller":     {CommonName: "system:kube-controller-manager"},
		"client-scheduler":      {CommonName: "system:kube-scheduler"},
	}
	for name, subject := range clients {
		if err := s.clientCA.issue(tlsDir, name, subject, nil); err != nil {
			return err
		}
	}
	if err := headerCA.issue(tlsDir, "client-auth-proxy", pkix.Name{CommonName: "system:auth-proxy"}, nil); err != nil {
		return err
	}
	names := append([]string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", s.node, s.ip, "10.43.0.1", "127.0.0.1", "::1",
	}, s.settings["tls-san"]...)
	for _, name := range []string{"serving-k3s", "serving-kube-apiserver"} {
		subject := pkix.Name{CommonName: "k3s", Organization: []string{"k3s"}}
		if err := s.serverCA.issue(tlsDir, name, subject, names); err != nil {
			return err
		}
	}
	if _, err := loadOrMakeKey(tlsDir + "/service.key"); err != nil {
		return err
	}
	for name, certificate := range map[string]string{"admin": "client-admin", "controller": "client-controller", "scheduler": "client-scheduler", "supervisor": "client-supervisor"} {
		file := fmt.Sprintf("%s/cred/%s.kubeconfig", serverDir, name)
		pair := tlsDir + "/" + certificate
		if err := writeKubeconfig(file, apiserverURL, tlsDir+"/server-ca.crt", pair+".crt", pair+".key"); err != nil {
			return err
		}
	}
	return s.writeUsersKubeconfig()
}

func (s *controlPlane) writeUsersKubeconfig() error {
	encoded := func(file string) string {
		text, _ := os.ReadFile(file)
		return base64.StdEncoding.EncodeToString(text)
	}
	url := "https://127.0.0.1:" + supervisorPort
	text := fmt.Appendf(nil, kubeconfigForm, url, "-data", encoded(tlsDir+"/server-ca.crt"),
		encoded(tlsDir+"/client-admin.crt"), encoded(tlsDir+"/client-admin.key"))
	info("Wrote kubeconfig %s", usersKubeconfig)
	return os.WriteFile(usersKubeconfig, text, 0o600)
}

func (s *controlPlane) makeTokens() error {
	file := serverDir + "/token"
	if text, err := os.ReadFile(file); err == nil {
		s.password = strings.TrimSpace(string(text[strings.LastIndex(string(text), ":")+1:]))
	} else if configured := s.settings.one("token", ""); configured != "" {
		s.password = configured
	} else {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return err
		}
		s.password = hex.EncodeToString(random)
	}
	line := fmt.Sprintf("%s%s::server:%s\n", tokenPrefix, hashOf(s.serverCA.pem), s.password)
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		return err
	}
	for _, link := range []string{"node-token", "agent-token"} {
		_ = os.Remove(serverDir + "/" + link)
		if err := os.Symlink(file, serverDir+"/"+link); err != nil {
			return err
		}
	}
	info("Server node token is available at %s", file)
	info("Agent node token is available at %s/agent-token", serverDir)
	return nil
}

func hashOf(pem []byte) string {
	digest := sha256.Sum256(pem)
	return hex.EncodeToString(digest[:])
}

// startComponents waits for each that others need: a slow machine's apiserver gives up on an etcd that is not there
// yet, and controllers do on the apiserver.
func (s *controlPlane) startComponents() error {
	fast := []string{"--kube-api-qps=500", "--kube-api-burst=1000", "--leader-elect=false", "--profiling=false"}
	plans := []struct {
		name      string
		await     func() error
		arguments []string
	}{
		{"etcd", waitForEtcd, []string{
			"--data-dir=" + serverDir + "/db/etcd", "--log-level=error", "--unsafe-no-fsync",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=default=http://127.0.0.1:2380",
		}},
		{"kube-apiserver", s.waitForAPI, s.apiserverArguments()},
		{"kube-controller-manager", nil, append([]string{
			"--kubeconfig=" + serverDir + "/cred/controller.kubeconfig", "--allocate-node-cidrs=true", "--bind-address=127.0.0.1",
			"--cluster-cidr=10.42.0.0/16", "--controllers=*,tokencleaner", "--root-ca-file=" + tlsDir + "/server-ca.crt",
			"--service-account-private-key-file=" + tlsDir + "/service.key", "--use-service-account-credentials=true",
		}, fast...)},
		{"kube-scheduler", nil, append([]string{"--kubeconfig=" + serverDir + "/cred/scheduler.kubeconfig", "--bind-address=127.0.0.1"}, fast...)},
	}
	for _, plan := range plans {
		slices.Sort(plan.arguments)
		info("Running %s %s", plan.name, strings.Join(plan.arguments, " "))
		started, err := component(plan.name, plan.arguments...)
		if err != nil {
			return err
		}
		go func() {
			<-started.ended
			logLine("fatal", "%s exited: %s", started.name, started.reason)
			s.exit <- 1
		}()
		if plan.await == nil {
			continue
		}
		if err := plan.await(); err != nil {
			return err
		}
	}
	return nil
}

// apiserverArguments are K3s's, read in its journal, less what goes with its datastore and its tunnel.
func (s *controlPlane) apiserverArguments() []string {
	arguments := []string{
		"--advertise-address=" + s.ip,
		"--allow-privileged=true",
		"--anonymous-auth=false",
		"--api-audiences=https://kubernetes.default.svc.cluster.local,k3s",
		"--authorization-mode=Node,RBAC",
		"--bind-address=127.0.0.1",
		"--client-ca-file=" + tlsDir + "/client-ca.crt",
		"--enable-admission-plugins=NodeRestriction",
		"--enable-bootstrap-token-auth=true",
		"--etcd-servers=http://127.0.0.1:2379",
		"--kubelet-certificate-authority=" + tlsDir + "/server-ca.crt",
		"--kubelet-client-certificate=" + tlsDir + "/client-kube-apiserver.crt",
		"--kubelet-client-key=" + tlsDir + "/client-kube-apiserver.key",
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
		"--profiling=false",
		"--proxy-client-cert-file=" + tlsDir + "/client-auth-proxy.crt",
		"--proxy-client-key-file=" + tlsDir + "/client-auth-proxy.key",
		"--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-client-ca-file=" + tlsDir + "/request-header-ca.crt",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--secure-port=6444",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + tlsDir + "/service.key",
		"--service-account-signing-key-file=" + tlsDir + "/service.key",
		"--service-cluster-ip-range=10.43.0.0/16",
		"--storage-backend=etcd3",
		"--tls-cert-file=" + tlsDir + "/serving-kube-apiserver.crt",
		"--tls-private-key-file=" + tlsDir + "/serving-kube-apiserver.key",
	}
	for _, more := range s.settings["kube-apiserver-arg"] {
		arguments = append(arguments, "--"+more)
	}
	return arguments
}

func (s *controlPlane) waitForAPI() error {
	client, err := clientFor(adminKubeconfig)
	if err != nil {
		return err
	}
	for ; ; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		cancel()
		if err == nil {
			return nil
		}
	}
}
