package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	nodev1 "k8s.io/api/node/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Source: K3s v1.34.3's addon `runtimes`, 05-runtimeclass: the same ten, back at a server's next start only, a class
// of somebody else adopted with its uid and labels, `disable: runtimes` and `runtimes.yaml.skip`.
var shippedClasses = []string{
	"nvidia", "nvidia-experimental", "crun", "lunatic", "slight", "spin", "wws", "wasmedge", "wasmer", "wasmtime",
}

const ownerAnnotation = "objectset.rio.cattle.io/owner-name"

var ownership = map[string]any{
	"labels": map[string]string{"objectset.rio.cattle.io/hash": "57231bea9658cf25fcdac23f1c5685ac7bbcf983"},
	"annotations": map[string]string{
		"objectset.rio.cattle.io/applied":         "",
		"objectset.rio.cattle.io/id":              "",
		"objectset.rio.cattle.io/owner-gvk":       "k3s.cattle.io/v1, Kind=Addon",
		ownerAnnotation:                           "runtimes",
		"objectset.rio.cattle.io/owner-namespace": "kube-system",
	},
}

// deployRuntimeClasses comes some seconds after the server said that it is up, as there.
func (s *controlPlane) deployRuntimeClasses() {
	time.Sleep(2500 * time.Millisecond)
	manifest := filepath.Join(serverDir, "manifests", "runtimes.yaml")
	disabled := slices.ContainsFunc(s.settings["disable"], func(names string) bool {
		return slices.Contains(strings.Split(names, ","), "runtimes")
	})
	_, skipped := os.Stat(manifest + ".skip")
	client, err := clientFor(adminKubeconfig)
	switch {
	case err != nil:
	case disabled:
		_ = os.Remove(manifest)
		err = deleteShippedClasses(client)
	case skipped != nil:
		info("Writing manifest: %s", manifest)
		err = applyShippedClasses(client, manifest)
	}
	if err != nil {
		problem("%s", err)
	}
}

func applyShippedClasses(client *kubernetes.Clientset, manifest string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var documents strings.Builder
	patch, err := json.Marshal(map[string]any{"metadata": ownership})
	if err != nil {
		return err
	}
	classes := client.NodeV1().RuntimeClasses()
	for _, name := range shippedClasses {
		documents.WriteString("---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: " + name + "\nhandler: " + name + "\n")
		class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Handler: name}
		if _, err := classes.Create(ctx, class, metav1.CreateOptions{FieldManager: "deploy"}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		if _, err := classes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "deploy"}); err != nil {
			return err
		}
	}
	return os.WriteFile(manifest, []byte(documents.String()), 0o600)
}

func deleteShippedClasses(client *kubernetes.Clientset) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	found, err := client.NodeV1().RuntimeClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, class := range found.Items {
		if class.Annotations[ownerAnnotation] == "runtimes" {
			if err := client.NodeV1().RuntimeClasses().Delete(ctx, class.Name, metav1.DeleteOptions{}); err != nil {
				return err
			}
		}
	}
	return nil
}
