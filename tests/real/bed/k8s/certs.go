package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// keyPair is a certificate with its key; a CA if the certificate says so.
type keyPair struct {
	certificate *x509.Certificate
	pem         []byte
	key         *ecdsa.PrivateKey
}

const (
	privateKeyBlock  = "EC PRIVATE KEY" // the apiserver reads no PKCS 8 among service-account keys
	certificateBlock = "CERTIFICATE"
)

func loadOrMakeKey(file string) (*ecdsa.PrivateKey, error) {
	if text, err := os.ReadFile(file); err == nil {
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%s: no PEM", file)
		}
		return x509.ParseECPrivateKey(block.Bytes)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: privateKeyBlock, Bytes: der}), 0o600)
}

func certificateRequest(key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
}

// authority is a CA kept in `name`.crt and `name`.key of a directory.
func authority(directory, name string) (*keyPair, error) {
	file := filepath.Join(directory, name)
	key, err := loadOrMakeKey(file + ".key")
	if err != nil {
		return nil, err
	}
	if text, err := os.ReadFile(file + ".crt"); err == nil {
		block, _ := pem.Decode(text)
		certificate, err := x509.ParseCertificate(block.Bytes)
		return &keyPair{certificate, text, key}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(0),
		Subject:               pkix.Name{CommonName: fmt.Sprintf("k3s-%s@%d", name, now.Unix())},
		NotBefore:             now.UTC(),
		NotAfter:              now.AddDate(10, 0, 0).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der})
	return &keyPair{certificate, text, key}, os.WriteFile(file+".crt", text, 0o644)
}

// sign makes a certificate for both ends of a connection, with the CA's own behind it.
func (ca *keyPair) sign(public any, subject pkix.Name, names []string) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    ca.certificate.NotBefore,
		NotAfter:     time.Now().AddDate(1, 0, 0).UTC(),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if name != "" {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, public, ca.key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der}), ca.pem...), nil
}

// issue writes a fresh certificate for a kept key into `directory`.
func (ca *keyPair) issue(directory, name string, subject pkix.Name, names []string) error {
	file := filepath.Join(directory, name)
	key, err := loadOrMakeKey(file + ".key")
	if err != nil {
		return err
	}
	text, err := ca.sign(key.Public(), subject, names)
	if err != nil {
		return err
	}
	return os.WriteFile(file+".crt", text, 0o644)
}

const kubeconfigForm = `apiVersion: v1
clusters:
- cluster:
    certificate-authority%[2]s: %[3]s
    server: %[1]s
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate%[2]s: %[4]s
    client-key%[2]s: %[5]s
`

func writeKubeconfig(file, url, ca, certificate, key string) error {
	return os.WriteFile(file, fmt.Appendf(nil, kubeconfigForm, url, "", ca, certificate, key), 0o600)
}

// ownAddress is that of the default route's interface, or of the first one that is up.
func ownAddress() string {
	if connection, err := net.Dial("udp", "10.255.255.255:9"); err == nil {
		defer connection.Close()
		return connection.LocalAddr().(*net.UDPAddr).IP.String()
	}
	addresses, err := net.InterfaceAddrs()
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); err == nil && ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	return "127.0.0.1"
}
