"""The lab's Kubernetes API: objects, their rules, and the HTTPS server in front of them."""
