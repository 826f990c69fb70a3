"""gpu-wizard takes a machine with an NVIDIA card to a proven `nvidia.com/gpu` in a K3s cluster."""

__version__ = "0.1.0"
