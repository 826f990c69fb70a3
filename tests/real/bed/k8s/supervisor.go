package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const nodePasswordType = "k3s.cattle.io/node-password"

// serveSupervisor answers on 6443: K3s's own paths itself, all others by the apiserver.
func (s *controlPlane) serveSupervisor() error {
	pair, err := tls.LoadX509KeyPair(tlsDir+"/serving-k3s.crt", tlsDir+"/serving-k3s.key")
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AddCert(s.clientCA.certificate)
	client, err := clientFor(adminKubeconfig)
	if err != nil {
		return err
	}
	proxy, err := s.apiProxy()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	mux.HandleFunc("/cacerts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(s.serverCA.pem)
	})
	mux.HandleFunc("/v1-k3s/", s.authenticated(client, s.serveNodes(client)))
	mux.Handle("/", proxy)
	server := &http.Server{
		Addr:      ":" + supervisorPort,
		Handler:   mux,
		ErrorLog:  log.New(io.Discard, "", 0), // TLS of strangers is no news
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients},
	}
	listener, err := tls.Listen("tcp", server.Addr, server.TLSConfig)
	if err != nil {
		return err
	}
	listener.Close()
	go func() {
		err := server.ListenAndServeTLS("", "")
		logLine("fatal", "supervisor: %s", err)
		s.exit <- 1
	}()
	return nil
}

// apiProxy tells the apiserver who the client is, by the front proxy's headers; a client without a certificate
// speaks for itself.
func (s *controlPlane) apiProxy() (http.Handler, error) {
	target, err := url.Parse(apiserverURL)
	if err != nil {
		return nil, err
	}
	front, err := tls.LoadX509KeyPair(tlsDir+"/client-auth-proxy.crt", tlsDir+"/client-auth-proxy.key")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.serverCA.certificate)
	proxyVia := func(certificates []tls.Certificate) *httputil.ReverseProxy {
		return &httputil.ReverseProxy{
			FlushInterval: -1,
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}, MaxIdleConnsPerHost: 100},
			ErrorLog:      log.New(io.Discard, "", 0),
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
				refuse(w, 503, "ServiceUnavailable", "apiserver not ready")
			},
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				for name := range r.Out.Header {
					if strings.HasPrefix(name, "X-Remote-") {
						r.Out.Header.Del(name)
					}
				}
				if who := r.In.TLS.VerifiedChains; len(who) > 0 && certificates != nil {
					r.Out.Header.Set("X-Remote-User", who[0][0].Subject.CommonName)
					r.Out.Header["X-Remote-Group"] = who[0][0].Subject.Organization
				}
			},
		}
	}
	named, unnamed := proxyVia([]tls.Certificate{front}), proxyVia(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) > 0 {
			named.ServeHTTP(w, r)
		} else {
			unnamed.ServeHTTP(w, r)
		}
	}), nil
}

func refuse(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, _ := json.MarshalIndent(map[string]any{
		"kind": "Status", "metadata": map[string]any{}, "status": "Failure",
		"message": message, "reason": reason, "code": status,
	}, "", "  ")
	_, _ = w.Write(body)
}

// authenticated lets in a node's certificate, the server's password and living bootstrap tokens.
func (s *controlPlane) authenticated(client *kubernetes.Clientset, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, password, basic := r.BasicAuth()
		bearer, hasBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case nodeOf(r) != "":
		case basic && subtle.ConstantTimeCompare([]byte(password), []byte(s.password)) == 1:
		case hasBearer && bootstrapTokenLives(r.Context(), client, bearer):
		case basic || hasBearer:
			problem("Failed to authenticate request from %s: invalid username/password combination", r.RemoteAddr)
			problem("Sending %s 401 response to %s: not authorized", r.Proto, r.RemoteAddr)
			refuse(w, 401, "Unauthorized", "not authorized")
			return
		default:
			refuse(w, 403, "Forbidden", "forbidden")
			return
		}
		next(w, r)
	}
}

// nodeOf is the node that the client's certificate names, or "".
func nodeOf(r *http.Request) string {
	if len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	node, isNode := strings.CutPrefix(r.TLS.VerifiedChains[0][0].Subject.CommonName, "system:node:")
	if !isNode {
		return ""
	}
	return node
}

func bootstrapTokenLives(ctx context.Context, client *kubernetes.Clientset, text string) bool {
	match := bootstrapToken.FindStringSubmatch(text)
	if match == nil {
		return false
	}
	secret, err := client.CoreV1().Secrets("kube-system").Get(ctx, "bootstrap-token-"+match[1], metav1.GetOptions{})
	if err != nil || string(secret.Data["token-secret"]) != match[2] {
		return false
	}
	expires, err := time.Parse(time.RFC3339, string(secret.Data["expiration"]))
	return len(secret.Data["expiration"]) == 0 || (err == nil && time.Now().Before(expires))
}

func (s *controlPlane) serveNodes(client *kubernetes.Clientset) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.TrimPrefix(r.URL.Path, "/v1-k3s/"); path {
		case "config":
			fmt.Fprintf(w, `{"ClusterDNS":"10.43.0.10","ClusterDomain":"cluster.local","HTTPSPort":6443,"SupervisorPort":6443}`)
		case "readyz":
			fmt.Fprint(w, "ok")
		case "client-ca.crt":
			_, _ = w.Write(s.clientCA.pem)
		case "serving-kubelet.crt", "client-kubelet.crt":
			s.serveCertificate(w, r, client, path == "client-kubelet.crt")
		default:
			http.NotFound(w, r)
		}
	}
}

func (s *controlPlane) serveCertificate(w http.ResponseWriter, r *http.Request, client *kubernetes.Clientset, forClient bool) {
	node, password := r.Header.Get("K3s-Node-Name"), r.Header.Get("K3s-Node-Password")
	if known := nodeOf(r); known != "" {
		if _, err := client.CoreV1().Nodes().Get(r.Context(), known, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			problem("Sending %s 401 response to %s: unable to verify node identity: %s", r.Proto, r.RemoteAddr, err)
			refuse(w, 401, "Unauthorized", "unable to verify node identity: "+err.Error())
			return
		}
	}
	if allowed, err := nodePasswordMatches(r.Context(), client, node, password); err != nil {
		refuse(w, 503, "ServiceUnavailable", err.Error())
		return
	} else if !allowed {
		problem("Sending %s 403 response to %s: unable to verify hash for node '%s': hash does not match", r.Proto, r.RemoteAddr, node)
		refuse(w, 403, "Forbidden", "unable to verify hash for node")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, 400, "BadRequest", err.Error())
		return
	}
	request, err := x509.ParseCertificateRequest(body)
	if err != nil {
		refuse(w, 400, "BadRequest", err.Error())
		return
	}
	ca, subject, names := s.serverCA, pkix.Name{CommonName: node}, []string{node, "localhost", "127.0.0.1", r.Header.Get("K3s-Node-Ip")}
	if forClient {
		ca, subject, names = s.clientCA, pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}}, nil
	}
	text, err := ca.sign(request.PublicKey, subject, names)
	if err != nil {
		refuse(w, 500, "InternalError", err.Error())
		return
	}
	info("certificate CN=%s signed by CN=%s", subject.CommonName, ca.certificate.Subject.CommonName)
	_, _ = w.Write(text)
}

// nodePasswordMatches keeps a node's first password as the hash in a Secret, and compares later ones with it.
func nodePasswordMatches(ctx context.Context, client *kubernetes.Clientset, node, password string) (bool, error) {
	secrets := client.CoreV1().Secrets("kube-system")
	name := node + ".node-password.k3s"
	secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		salt, _, _ := strings.Cut(string(secret.Data["hash"]), ":")
		return string(secret.Data["hash"]) == saltedHash(salt, password), nil
	}
	if !apierrors.IsNotFound(err) {
		return false, err
	}
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return false, err
	}
	immutable := true
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Type:       nodePasswordType,
		Immutable:  &immutable,
		Data:       map[string][]byte{"hash": []byte(saltedHash(hex.EncodeToString(random), password))},
	}, metav1.CreateOptions{})
	if apierrors.IsInvalid(err) {
		return true, nil // a node name that no Secret can bear: the API will refuse the Node itself
	}
	return err == nil, err
}

func saltedHash(salt, password string) string { return salt + ":" + hashOf([]byte(salt+password)) }

// ownNodePasswords makes each password's Secret the property of its Node, so that it goes with it.
func (s *controlPlane) ownNodePasswords() {
	client, err := clientFor(adminKubeconfig)
	if err != nil {
		problem("%s", err)
		return
	}
	for ; ; time.Sleep(500 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := adoptSecrets(ctx, client); err != nil && os.Getenv("K3S_DEBUG") != "" {
			problem("%s", err)
		}
		cancel()
	}
}

func adoptSecrets(ctx context.Context, client *kubernetes.Clientset) error {
	found, err := client.CoreV1().Secrets("kube-system").List(ctx, metav1.ListOptions{FieldSelector: "type=" + nodePasswordType})
	if err != nil {
		return err
	}
	for _, secret := range found.Items {
		if len(secret.OwnerReferences) > 0 {
			continue
		}
		node, err := client.CoreV1().Nodes().Get(ctx, strings.TrimSuffix(secret.Name, ".node-password.k3s"), metav1.GetOptions{})
		if err != nil {
			continue
		}
		info("Adding node OwnerReference to node-password secret %s", secret.Name)
		secret.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
		if _, err := client.CoreV1().Secrets("kube-system").Update(ctx, &secret, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
