"""The test bed: the product against a real systemd machine, a real Kubernetes and a real containerd."""
