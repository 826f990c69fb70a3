"""Adapters to a Kubernetes API. `kube.py` is the only importer of kubernetes_asyncio."""
