"""A Kubernetes control plane of real processes on loopback, or an existing cluster in its place."""

from lab.cluster.cluster import Cluster, ClusterInterface, ExistingCluster, open_cluster

__all__ = ["Cluster", "ClusterInterface", "ExistingCluster", "open_cluster"]
