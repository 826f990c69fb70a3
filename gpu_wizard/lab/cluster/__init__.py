"""The lab's cluster: controllers, scheduler and kubelets on simulated machines."""
