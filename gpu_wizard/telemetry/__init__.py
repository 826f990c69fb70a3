"""Samples of cards: over NVML on this machine, over NVML sent to another one, or through nvidia-smi."""
