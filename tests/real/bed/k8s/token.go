package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	tokenAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	defaultGroup  = "system:bootstrappers:k3s:default-node-token"
)

// manageTokens is `k3s token`. Source: 01-server/c of K3s v1.34.3.
func manageTokens(arguments []string) int {
	if len(arguments) == 0 {
		arguments = []string{"help"}
	}
	var err error
	switch command, rest := arguments[0], arguments[1:]; command {
	case "create":
		err = createToken(rest)
	case "list":
		err = listTokens(rest)
	case "delete":
		err = deleteTokens(rest)
	case "generate":
		fmt.Println(randomText(6) + "." + randomText(16))
	default:
		fmt.Print("NAME:\n   k3s token - Manage tokens\n\nUSAGE:\n   k3s token command [command options]\n\nCOMMANDS:\n   create, delete, generate, list, rotate\n")
	}
	if err != nil {
		logLine("fatal", "Error: %s", err)
		return 1
	}
	return 0
}

func randomText(length int) string {
	var text strings.Builder
	for range length {
		index, err := rand.Int(rand.Reader, big.NewInt(int64(len(tokenAlphabet))))
		if err != nil {
			panic(err)
		}
		text.WriteByte(tokenAlphabet[index.Int64()])
	}
	return text.String()
}

// serversClient ends the process with K3s's words if the server's kubeconfig cannot be read.
func serversClient() *kubernetes.Clientset {
	file := os.Getenv("KUBECONFIG")
	if file == "" {
		file = usersKubeconfig
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		fmt.Fprintf(os.Stderr, "error loading config file %q: %s\n", file, err)
		os.Exit(1)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		fatal("Error: %s", err)
	}
	return client
}

func createToken(arguments []string) error {
	flags := flag.NewFlagSet("k3s token create", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	ttl := flags.Duration("ttl", 24*time.Hour, "")
	description := flags.String("description", "", "")
	if err := flags.Parse(arguments); err != nil {
		fmt.Printf("Incorrect Usage: %s\n\n", err)
		return err
	}
	client := serversClient()
	id, secret := randomText(6), randomText(16)
	data := map[string]string{
		"token-id": id, "token-secret": secret, "description": *description, "auth-extra-groups": defaultGroup,
		"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
	}
	if *ttl > 0 {
		data["expiration"] = time.Now().Add(*ttl).UTC().Format(time.RFC3339)
	}
	_, err := client.CoreV1().Secrets("kube-system").Create(context.Background(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: data,
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(tlsDir + "/server-ca.crt")
	if err != nil {
		return err
	}
	fmt.Printf("%s%s::%s.%s\n", tokenPrefix, hashOf(ca), id, secret)
	return nil
}

func listTokens(arguments []string) error {
	found, err := serversClient().CoreV1().Secrets("kube-system").List(context.Background(),
		metav1.ListOptions{FieldSelector: "type=" + string(corev1.SecretTypeBootstrapToken)})
	if err != nil {
		return err
	}
	sort.Slice(found.Items, func(i, j int) bool { return found.Items[i].Name < found.Items[j].Name })
	if strings.Contains(strings.Join(arguments, " "), "json") {
		return listTokensAsJSON(found.Items)
	}
	table := tabwriter.NewWriter(os.Stdout, 10, 4, 3, ' ', 0)
	fmt.Fprintln(table, "TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\tEXTRA GROUPS")
	for _, secret := range found.Items {
		left, expires := "<forever>", "<never>"
		if text := string(secret.Data["expiration"]); text != "" {
			expires = text
			if at, err := time.Parse(time.RFC3339, text); err == nil {
				left = duration.ShortHumanDuration(time.Until(at))
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\tauthentication,signing\t%s\t%s\n", secret.Data["token-id"], left, expires,
			secret.Data["description"], secret.Data["auth-extra-groups"])
	}
	return table.Flush()
}

// listTokensAsJSON shows no id: K3s does not either.
func listTokensAsJSON(secrets []corev1.Secret) error {
	entries := []map[string]any{}
	for _, secret := range secrets {
		entry := map[string]any{
			"token": map[string]any{}, "description": string(secret.Data["description"]),
			"usages": []string{"authentication", "signing"}, "groups": []string{string(secret.Data["auth-extra-groups"])},
		}
		if text := string(secret.Data["expiration"]); text != "" {
			entry["expires"] = text
		}
		entries = append(entries, entry)
	}
	text, err := json.Marshal(entries)
	fmt.Println(string(text))
	return err
}

func deleteTokens(ids []string) error {
	client := serversClient()
	for _, id := range ids {
		err := client.CoreV1().Secrets("kube-system").Delete(context.Background(), "bootstrap-token-"+id, metav1.DeleteOptions{})
		if err != nil {
			return fmt.Errorf("failed to delete bootstrap token %q: %w", err.Error(), err)
		}
		fmt.Printf("bootstrap token %q deleted\n", id)
	}
	return nil
}
