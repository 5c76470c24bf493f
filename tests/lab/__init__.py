"""The laboratory: Windows nodes and a real Kubernetes control plane on one Linux machine. See FIDELITY.md."""
