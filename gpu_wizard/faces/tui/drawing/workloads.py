"""Ready manifests that use the GPU: a Pod and a Deployment, right for the cluster that was just set up."""

from __future__ import annotations

from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.faces.tui.words import Words
from gpu_wizard.facts.cuda import image_for
from gpu_wizard.facts.nvidia_smi import SMI_VERSIONS, SmiVersions
from gpu_wizard.model.fact import Known

_POD = """\
# {pod}
apiVersion: v1
kind: Pod
metadata:
  name: gpu-check
spec:
  restartPolicy: Never
  # {runtime_class}
  runtimeClassName: {name}
  nodeSelector:
    nvidia.com/gpu: present
  containers:
    - name: cuda
      # {image_note}
      image: {image}
      command: ["nvidia-smi"]
      resources:
        limits:
          # {limit}
          nvidia.com/gpu: 1
"""
_DEPLOYMENT = """\
---
# {deployment}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: gpu-app
spec:
  replicas: 1
  selector:
    matchLabels:
      app: gpu-app
  template:
    metadata:
      labels:
        app: gpu-app
    spec:
      runtimeClassName: {name}
      nodeSelector:
        nvidia.com/gpu: present
      containers:
        - name: app
          image: {image}
          command: ["sleep", "infinity"]
          resources:
            limits:
              nvidia.com/gpu: 1
"""


def workloads(words: Words, runtime_class: str, node: NodeProgress) -> str:
    """Both manifests as one YAML text with a comment where a line matters."""
    fact = node.facts.get(SMI_VERSIONS.id)
    versions = fact.value if isinstance(fact, Known) else None
    cuda = versions.cuda if isinstance(versions, SmiVersions) else ""
    image = image_for(cuda)
    notes = ("pod", "runtime_class", "image_note", "limit", "deployment")
    said = {key: words(f"manifest.{key.replace('_', '-')}") for key in notes}
    text = _POD + _DEPLOYMENT
    return text.format(name=runtime_class, image=image, **said)
