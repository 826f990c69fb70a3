package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// Source: domain.md stage 1, "Token forms"; the error texts are those of K3s v1.34.3's join failures 03 to 18.
const tokenPrefix = "K10"

var bootstrapToken = regexp.MustCompile(`^([a-z0-9]{6})\.([a-z0-9]{16})$`)

// token is a parsed join token. caHash is "" in the short forms.
type token struct{ caHash, username, password, bootstrap string }

func parseToken(text string) (token, error) {
	if text == "" {
		return token{}, errors.New("token must not be empty")
	}
	var t token
	rest := text
	if strings.HasPrefix(text, tokenPrefix) {
		hash, credentials, found := strings.Cut(strings.TrimPrefix(text, tokenPrefix), "::")
		if !found {
			return token{}, errors.New("invalid token format")
		}
		if len(hash) != sha256.Size*2 {
			return token{}, errors.New("invalid token CA hash length")
		}
		t.caHash, rest = hash, credentials
	}
	if bootstrapToken.MatchString(rest) {
		t.bootstrap = rest
		return t, nil
	}
	username, password, found := strings.Cut(rest, ":")
	switch {
	case found:
		t.username, t.password = username, password
	case t.caHash == "":
		t.username, t.password = "node", rest
	default:
		return token{}, errors.New("invalid token format")
	}
	return t, nil
}

// supervisor is the way to the server's own endpoints, through the agent's local balancer.
type supervisor struct {
	url    string
	token  token
	caPEM  []byte
	client *http.Client
}

func httpClient(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
	}
}

// reach validates the token against the cluster's CA, as K3s does before anything else.
func reach(localURL, text string) (*supervisor, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	parsed, err := url.Parse(localURL)
	if err != nil {
		return nil, err
	}
	if parsed.Scheme != "https" {
		return nil, fmt.Errorf("only https:// URLs are supported, invalid scheme: %s", localURL)
	}
	pem, err := cacerts(localURL, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	if _, err := cacerts(localURL, &tls.Config{RootCAs: pool}); err != nil {
		return nil, fmt.Errorf("CA cert validation failed: %w", err)
	}
	digest := sha256.Sum256(pem)
	found := hex.EncodeToString(digest[:])
	if t.caHash == "" {
		warning("Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. Use the full token from the server's node-token file to enable Cluster CA validation.")
	} else if t.caHash != found {
		return nil, fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", t.caHash, found)
	}
	return &supervisor{localURL, t, pem, httpClient(&tls.Config{RootCAs: pool})}, nil
}

func cacerts(base string, config *tls.Config) ([]byte, error) {
	answer, err := httpClient(config).Get(base + "/cacerts")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s/cacerts: %s", base, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// withCertificate is the same way in, as the node that the kubelet's certificate names; nil if there is none.
func (s *supervisor) withCertificate(certificate, key string) *supervisor {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.caPEM)
	copied := *s
	copied.client = httpClient(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}})
	return &copied
}

func (s *supervisor) authorize(request *http.Request) {
	if s.token.bootstrap != "" {
		request.Header.Set("Authorization", "Bearer "+s.token.bootstrap)
	} else {
		request.SetBasicAuth(s.token.username, s.token.password)
	}
}

func (s *supervisor) get(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	s.authorize(request)
	return bodyOf(s.client.Do(request))
}

// nodeRequest asks for a certificate in a node's name; a CSR that was sent once is not sent whole again.
func (s *supervisor) nodeRequest(path string, csr []byte, node, password string) (*http.Request, error) {
	request, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(csr))
	if err != nil {
		return nil, err
	}
	request.GetBody = nil
	request.Header.Set("K3s-Node-Name", node)
	request.Header.Set("K3s-Node-Password", password)
	return request, nil
}

// refused is an answer other than 200.
type refused struct {
	status int
	text   string
}

func (r *refused) Error() string { return r.text }

func bodyOf(answer *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusUnauthorized:
		return nil, &refused{answer.StatusCode, "not authorized"}
	case http.StatusForbidden:
		return nil, &refused{answer.StatusCode, "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag"}
	default:
		return nil, &refused{answer.StatusCode, fmt.Sprintf("%s: %s", answer.Request.URL, answer.Status)}
	}
}

// waitForTokenFile reads it; a missing one is waited for, deaf to SIGTERM as v1.34.3 is.
func waitForTokenFile(path string) string {
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(2 * time.Second) {
		text, err := os.ReadFile(path)
		if err == nil {
			return strings.TrimSpace(string(text))
		}
		if time.Now().After(deadline) {
			info("Shutdown request received")
			fatal("Error: %s", errTokenFileTimeout)
		}
		info("Waiting for %s to be available\n", path)
	}
}
