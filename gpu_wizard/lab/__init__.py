"""The practice lab: a real SSH server and a real HTTPS Kubernetes API over one simulated world."""
